"""The outer loop of a stage: step, report, evaluate, checkpoint."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from typing import Callable, Optional

import tensorflow as tf

from supcon_tf.distribution.strategy import host_count
from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.diagnostics import Observer
from supcon_tf.training.interruption import Arrived, HeldBack
from supcon_tf.training.progress import Progress
from supcon_tf.training.reporting import Reporter
from supcon_tf.training.state import StageState
from supcon_tf.training.steps import Step
from supcon_tf.training.updates import Updates


@dataclasses.dataclass(frozen=True)
class Duration:
    """How long a stage is, in the units that its parts count in.

    The training stream does not stop between epochs, so that no image is left out when the batch does not divide
    their number: epoch e ends with the first step by which e times `examples` images were seen.
    """

    epochs: int
    examples: int
    batch_size: int

    def __post_init__(self):
        if self.batch_size > self.examples:
            raise ValueError(
                f"a batch of {self.batch_size} images is larger than the {self.examples} training images; set the "
                f"stage's batch_size to at most {self.examples}."
            )

    def steps(self, epochs: float) -> int:
        """Steps after which `epochs` are complete."""
        return math.ceil(epochs * self.examples / self.batch_size)

    @property
    def steps_per_epoch(self) -> float:
        """Steps of one epoch, not rounded: what schedules count in."""
        return self.examples / self.batch_size

    @property
    def total_steps(self) -> int:
        """Steps of the whole stage."""
        return self.steps(self.epochs)


def train_stage(
    step: Step,
    state: StageState,
    *,
    strategy: tf.distribute.Strategy,
    batches: Callable[[int, tf.distribute.InputContext], tf.data.Dataset],
    duration: Duration,
    checkpoints: StageCheckpoints,
    reporter: Reporter,
    observer: Optional[Observer] = None,
    evaluate: Optional[Callable[[], dict]] = None,
    evaluate_every: int = 1,
    steps_per_call: int = 1,
    jit_compile: bool = False,
    checkpoint_every: int = 1000,
) -> None:
    """Trains a stage from its newest checkpoint to its end.

    SIGTERM and Ctrl-C wait until the call that runs is done and a checkpoint is written; then they do what they did
    before (`interruption.HeldBack`). An evaluation they end at once, to be done when the run continues.

    Args:
        step: what one replica does, from `training.steps`.
        state: of the stage; left as it is after the last step.
        strategy: spreads each global batch over its replicas.
        batches: from the number of steps done, and one of the strategy's input pipelines, to the rest of its share of
            the stream, in batches for one replica each (`data.pipeline.training`).
        duration: of the stage.
        checkpoints: where the state is kept: at the end of every epoch, and as `checkpoint_every` says.
        reporter: told of every step and epoch.
        observer: looks at some of the steps; None at none.
        evaluate: metrics of the test split, added to the record of an epoch.
        evaluate_every: epochs between evaluations; the last epoch always has one.
        steps_per_call: most steps that TensorFlow does before it comes back to Python.
        jit_compile: see `compile_update`.
        checkpoint_every: steps between checkpoints within an epoch.

    Raises:
        FloatingPointError: a loss, a gradient or a weight is not finite; no checkpoint holds it. A step that loss
            scaling leaves out is counted, and an error only as the last of `progress.PATIENCE` in a row.
        OSError: a checkpoint or a record could not be written.
        ConnectionError: another host was asked to stop; all have saved.
    """
    observer = observer or Observer([], strategy, every=0, total_steps=duration.total_steps)
    at = Progress(step, state, checkpoints, observer, batch_size=duration.batch_size)
    updates = Updates(step, state, strategy, jit_compile=jit_compile, patience=at.patience)
    reporter.start(at.done, recorded=duration.steps(at.epoch - 1))
    if at.epoch > duration.epochs:
        return
    stream = iter(strategy.distribute_datasets_from_function(functools.partial(batches, at.done)))
    with HeldBack() as held:
        asked = _asked_to_stop(strategy, held)
        while at.epoch <= duration.epochs:
            first, end = duration.steps(at.epoch - 1), duration.steps(at.epoch)
            while at.done < end:
                most = min(steps_per_call, end - at.done, checkpoint_every - at.done % checkpoint_every)
                reporter.advance(_next_steps(at, updates, observer, stream, most))
                stop = asked()
                if stop or (at.done % checkpoint_every == 0 and at.done < end):
                    at.check()
                    at.save()
                if stop:
                    return _leave(held)
            at.check()  # waits until the last step is done
            seconds, record = at.seconds(), at.record(steps=end - first)
            if evaluate and (at.epoch % evaluate_every == 0 or at.epoch == duration.epochs):
                try:
                    with held.at_once() if host_count(strategy) == 1 else contextlib.nullcontext():
                        record.update(evaluate())
                except Arrived:
                    return at.save()
            reporter.epoch(at.epoch, at.done, end - first, seconds, record)
            at.next_epoch()
            at.save()
            if asked():
                return _leave(held)


def _next_steps(at: Progress, updates: Updates, observer: Observer, stream, most: int) -> int:
    """Does at most so many steps, in one call, or one step that is looked at; returns how many."""
    count = observer.unseen(at.done, most)
    if count > 1:
        at.move(count, updates.several(stream, tf.constant(count), at.tally))
        return count
    if count == 0:
        observer.before()
    tally, outputs = updates.one(stream, at.tally)
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
