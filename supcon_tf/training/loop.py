"""The outer loop of a stage: step, report, evaluate, checkpoint."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Callable, Optional

import tensorflow as tf

from supcon_tf.training.checkpoints import StageCheckpoints
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
    batches: Callable[[int], tf.data.Dataset],
    duration: Duration,
    checkpoints: StageCheckpoints,
    reporter: Reporter,
    evaluate: Optional[Callable[[], dict]] = None,
    evaluate_every: int = 1,
) -> None:
    """Trains a stage from its newest checkpoint to its end.

    Args:
        step: what one replica does, from `training.steps`.
        state: of the stage; left as it is after the last step.
        strategy: spreads each global batch over its replicas.
        batches: from the number of steps done to the rest of the stream of global batches.
        duration: of the stage.
        checkpoints: where the state is kept.
        reporter: told of every step and epoch.
        evaluate: metrics of the test split, added to the record of an epoch.
        evaluate_every: epochs between evaluations; the last epoch always has one.

    Raises:
        FloatingPointError: a metric of an epoch, or a weight after it, is not finite; that epoch leaves no checkpoint.
    """
    update = compile_update(step, state, strategy)
    done = checkpoints.restore()
    reporter.start(done)
    if done >= duration.total_steps:
        return
    stream = iter(strategy.experimental_distribute_dataset(batches(done)))
    for epoch in range(duration.epochs_done(done) + 1, duration.epochs + 1):
        started, metrics = time.perf_counter(), []
        for _ in range(done, duration.steps(epoch)):
            metrics.append(update(*next(stream)))
            reporter.advance()
        done = duration.steps(epoch)
        seconds = time.perf_counter() - started
        record = mean_metrics(metrics)
        check_finite(record, state, done)
        if evaluate and (epoch % evaluate_every == 0 or epoch == duration.epochs):
            record.update(evaluate())
        reporter.epoch(epoch, done, len(metrics), seconds, record)
        checkpoints.save()


def compile_update(step: Step, state: StageState, strategy: tf.distribute.Strategy):
    """One update of all replicas as a graph: distributed (images, labels) to metrics of the global batch."""

    @tf.function
    def update(images, labels):
        state.step.assign_add(1)
        per_replica = strategy.run(step, args=(images, labels))
        return {name: strategy.reduce("SUM", value, axis=None) for name, value in per_replica.items()}

    return update


def mean_metrics(metrics: list[dict]) -> dict:
    """Mean of each metric over the steps of an epoch, as Python floats."""
    return {name: float(tf.reduce_mean([entry[name] for entry in metrics])) for name in metrics[0]}


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
