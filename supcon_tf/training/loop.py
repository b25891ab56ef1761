"""The outer loop of a stage: step, report, evaluate, checkpoint."""

from __future__ import annotations

import contextlib
import functools
from typing import Callable, Optional

import tensorflow as tf

from supcon_tf.distribution.strategy import host_count
from supcon_tf.distribution.streams import Stream
from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.compiled import Updates
from supcon_tf.training.interruption import Arrived, HeldBack
from supcon_tf.training.observer import Observer
from supcon_tf.training.plan import Pace, StagePlan
from supcon_tf.training.progress import Progress
from supcon_tf.training.reporting import Reporter


def train_stage(
    plan: StagePlan,
    *,
    strategy: tf.distribute.Strategy,
    checkpoints: StageCheckpoints,
    reporter: Reporter,
    observer: Optional[Observer] = None,
    pace: Optional[Pace] = None,
) -> None:
    """Trains a stage from its newest checkpoint to its end.

    SIGTERM, Ctrl-C and their like wait until the call that runs is done and a checkpoint is written; then they do what
    they did before (`interruption.HeldBack`). An evaluation they end at once, to be done when the run continues.

    Args:
        plan: of the stage.
        strategy: spreads each global batch over its replicas.
        checkpoints: where the state is kept: at the end of every epoch, and as `pace` says.
        reporter: told of every step and epoch.
        observer: looks at some of the steps; None at none.
        pace: how steps are made; None: one at a time.

    Raises:
        FloatingPointError: a loss, a gradient or a weight is not finite; no checkpoint holds it. A step that loss
            scaling leaves out is counted, and an error only as the last of `progress.PATIENCE` in a row.
        OSError: a checkpoint or a record could not be written.
        ConnectionError: another host was asked to stop; all have saved.
        InterruptedError: a signal came, the state is saved, and whoever handled the signal before went on: the stage
            is not done.
    """
    observer = observer or Observer(plan.state, strategy, every=0, duration=plan.duration)
    at = Progress(plan, checkpoints, observer)
    reporter.start(at.done, recorded=plan.duration.steps(at.epoch - 1))
    if at.epoch > plan.duration.epochs:
        return
    spread = strategy.distribute_datasets_from_function(functools.partial(plan.batches, at.done))
    with HeldBack() as held, Stream(spread) as stream:
        _train_epochs(plan, at, held, stream, strategy, reporter, observer, pace or Pace())
    if at.epoch <= plan.duration.epochs:
        raise InterruptedError(
            f"training was asked to stop by {held.name} and did after step {at.done}, which is saved: the same call "
            "continues."
        )


def _train_epochs(plan, at: Progress, held: HeldBack, stream: Stream, strategy, reporter, observer, pace) -> None:
    """Trains from where `at` is to the end of the stage, or until a signal asks to stop."""
    duration, asked = plan.duration, _asked_to_stop(strategy, held)
    updates = Updates(plan.update, plan.state, strategy, jit_compile=pace.jit_compile, patience=at.patience)
    while at.epoch <= duration.epochs:
        first, end = duration.steps(at.epoch - 1), duration.steps(at.epoch)
        while at.done < end:
            most = min(pace.steps_per_call, end - at.done, pace.checkpoint_every - at.done % pace.checkpoint_every)
            reporter.advance(_next_steps(at, updates, observer, stream, most))
            stop = asked()
            if stop or (at.done % pace.checkpoint_every == 0 and at.done < end):
                at.check()
                at.save()
            if stop:
                return _leave(held)
        at.check()  # waits until the last step is done
        seconds, record = at.seconds(), at.record(steps=end - first)
        if plan.evaluate and (at.epoch % plan.evaluate_every == 0 or at.epoch == duration.epochs):
            try:
                with held.at_once() if host_count(strategy) == 1 else contextlib.nullcontext():
                    record.update(plan.evaluate())
            except Arrived:
                return at.save()
        reporter.epoch(at.epoch, at.done, end - first, seconds, record)
        at.next_epoch()
        at.save()
        if asked():
            return _leave(held)


def _next_steps(at: Progress, updates: Updates, observer: Observer, stream: Stream, most: int) -> int:
    """Does at most so many steps, in one call, or one step that is looked at; returns how many."""
    count = observer.unseen(at.done, most)
    if count > 1:
        at.move(count, updates.several(stream.iterator, tf.constant(count), at.tally))
        return count
    if count == 0:
        observer.before()
    tally, outputs = updates.one(stream.iterator, at.tally)
    at.move(1, tally)
    if count == 0 and at.sound():
        observer.after(outputs)
    return 1


def _asked_to_stop(strategy: tf.distribute.Strategy, held: HeldBack) -> Callable[[], bool]:
    """Whether a signal came: to this process, or to any of several hosts, which have to stop after the same step."""
    if host_count(strategy) == 1:
        return lambda: held.arrived is not None

    @tf.function
    def hosts_asked(here):
        return strategy.reduce("SUM", strategy.run(tf.identity, args=(here,)), axis=None)

    return lambda: int(hosts_asked(tf.constant(int(held.arrived is not None)))) > 0


def _leave(held: HeldBack) -> None:
    """Ends a stage that was asked to stop; `held` then delivers the signal, which may have come to another host."""
    if held.arrived is None:
        raise ConnectionError(
            "another host of the run was asked to stop. The state is saved: the same command on all hosts continues."
        )
