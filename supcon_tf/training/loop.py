"""The outer loop of a stage: step, report, evaluate, checkpoint."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from typing import Callable, Optional

import tensorflow as tf

from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.diagnostics import Observer
from supcon_tf.training.reporting import Reporter
from supcon_tf.training.state import StageState
from supcon_tf.training.steps import Step


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

    def epochs_done(self, step: int) -> int:
        """Complete epochs after `step` steps."""
        return max(epoch for epoch in range(self.epochs + 1) if self.steps(epoch) <= step)


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
) -> None:
    """Trains a stage from its newest checkpoint to its end.

    Args:
        step: what one replica does, from `training.steps`.
        state: of the stage; left as it is after the last step.
        strategy: spreads each global batch over its replicas.
        batches: from the number of steps done, and one of the strategy's input pipelines, to the rest of its share of
            the stream, in batches for one replica each (`data.pipeline.training`).
        duration: of the stage.
        checkpoints: where the state is kept.
        reporter: told of every step and epoch.
        observer: looks at some of the steps; None at none.
        evaluate: metrics of the test split, added to the record of an epoch.
        evaluate_every: epochs between evaluations; the last epoch always has one.
        steps_per_call: most steps that TensorFlow does before it comes back to Python.
        jit_compile: see `compile_update`.

    Raises:
        FloatingPointError: a metric of an epoch, or a weight after it, is not finite; that epoch leaves no checkpoint.
    """
    updates = Updates(step, state, strategy, jit_compile=jit_compile)
    observer = observer or Observer([], strategy, every=0, total_steps=duration.total_steps)
    done = checkpoints.restore()
    reporter.start(done)
    if done >= duration.total_steps:
        return
    stream = iter(strategy.distribute_datasets_from_function(functools.partial(batches, done)))
    for epoch in range(duration.epochs_done(done) + 1, duration.epochs + 1):
        started, sums, first, end = time.perf_counter(), [], done, duration.steps(epoch)
        while done < end:
            count = observer.unseen(done, min(steps_per_call, end - done))
            if count == 0:  # The next step is one to look at.
                count = 1
                observer.before()
                metrics, outputs = updates.one(stream)
                observer.after(outputs)
            elif count == 1:
                metrics, _ = updates.one(stream)
            else:
                metrics = updates.several(stream, tf.constant(count))
            _wait_for(sums[-1:])
            sums.append(metrics)
            reporter.advance(count)
            done += count
        record = mean_metrics(sums, done - first)  # waits until the last step is done
        seconds = time.perf_counter() - started
        record["input_share"] = record.pop("input_seconds") * (done - first) / seconds
        check_finite(record, state, done)
        record.update(observer.figures())
        if evaluate and (epoch % evaluate_every == 0 or epoch == duration.epochs):
            record.update(evaluate())
        reporter.epoch(epoch, done, done - first, seconds, record)
        checkpoints.save()


def compile_update(step: Step, state: StageState, strategy: tf.distribute.Strategy, *, jit_compile: bool = False):
    """One update of all replicas as a graph: distributed (images, labels) to metrics of the global batch, and outputs.

    Args:
        step: what one replica does.
        state: whose step is counted.
        strategy: of the state's variables.
        jit_compile: compile the step with XLA. One replica only: TensorFlow cannot compile what replicas meet in.

    Returns:
        A function to (metrics by name, the step's other outputs of each replica).
    """
    if jit_compile and strategy.num_replicas_in_sync > 1:
        raise ValueError(
            f"`jit_compile` cannot be on for {strategy.num_replicas_in_sync} replicas: TensorFlow cannot compile their "
            "collectives. Set it to false, or train on one replica."
        )
    run = tf.function(step.run, jit_compile=True) if jit_compile else step.run

    @tf.function
    def update(images, labels):
        state.step.assign_add(1)
        per_replica, outputs = strategy.run(run, args=(images, labels))
        return {name: strategy.reduce("SUM", value, axis=None) for name, value in per_replica.items()}, outputs

    return update


class Updates:
    """Updates that take their batches from an iterator. Beside the step's metrics, "input_seconds" waited for them.

    Args: as `compile_update`.

    Attributes:
        one: iterator of global batches to (metrics, outputs of the replicas).
        several: (iterator, int32 scalar count) to the sums of the metrics of so many updates.
    """

    def __init__(self, step: Step, state: StageState, strategy: tf.distribute.Strategy, *, jit_compile: bool = False):
        update = compile_update(step, state, strategy, jit_compile=jit_compile)

        def next_update(stream, ready):
            batch, seconds = _timed_next(stream, ready)
            metrics, outputs = update(*batch)
            return {**metrics, "input_seconds": seconds}, outputs

        @tf.function
        def one(stream):
            return next_update(stream, ())

        @tf.function
        def several(stream, count):
            sums = {name: tf.zeros([]) for name in (*step.metrics, "input_seconds")}
            for _ in tf.range(count):
                metrics, _ = next_update(stream, list(sums.values()))
                sums = {name: sums[name] + metrics[name] for name in sums}
            return sums

        self.one, self.several = one, several


def _timed_next(stream, ready):
    """The next batch and how many seconds it was waited for, once the tensors `ready` are there."""
    with tf.control_dependencies(list(ready)):
        begin = tf.timestamp()
    with tf.control_dependencies([begin]):
        batch = next(stream)
    with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
        return batch, tf.cast(tf.timestamp() - begin, tf.float32)


def _wait_for(calls: list[dict]) -> None:
    """Until these calls are done: an accelerator is one call ahead of Python and no more, or waiting means nothing."""
    for metrics in calls:
        metrics["loss"].numpy()


def mean_metrics(sums: list[dict], steps: int) -> dict:
    """Mean of each metric over so many steps, as Python floats, from sums over some of them each."""
    return {name: float(tf.add_n([entry[name] for entry in sums])) / steps for name in sums[0]}


def check_finite(record: dict, state: StageState, step: int) -> None:
    """Raises FloatingPointError, naming step and metric or network, when training has diverged."""
    broken = [f"{name} became {value}" for name, value in record.items() if not math.isfinite(value)]
    for name, part in state.networks.parts().items():
        if not all(bool(tf.reduce_all(tf.math.is_finite(weight))) for weight in part.weights):
            broken.append(f"weights of the {name} are not finite")
    if broken:
        raise FloatingPointError(
            f"training diverged in the epoch that ended at step {step}: {', '.join(broken)}. That epoch left no "
            "checkpoint. Lower the stage's base_learning_rate or lengthen its warmup_epochs, and use a new --workdir."
        )
