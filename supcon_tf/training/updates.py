"""One update, or several, of all replicas as a graph."""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.training.averages import local_averages, take_mean
from supcon_tf.training.state import StageState
from supcon_tf.training.steps import Step
from supcon_tf.training.tally import add


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
    everything = _compile(step, state, strategy, jit_compile=jit_compile)

    @tf.function
    def update(images, labels):
        found, outputs = everything(images, labels)
        return {name: found[name] for name in step.metrics}, outputs

    return update


class Updates:
    """Updates that take their batches from an iterator and add what they measure to a `Tally`.

    Args: as `compile_update`; patience is that of `tally.add`.

    Attributes:
        one: (iterator of global batches, tally) to (tally, outputs of the replicas).
        several: (iterator, int32 scalar count, tally) to the tally after so many updates.
    """

    def __init__(
        self,
        step: Step,
        state: StageState,
        strategy: tf.distribute.Strategy,
        *,
        jit_compile: bool = False,
        patience: int = 1,
    ):
        update = _compile(step, state, strategy, jit_compile=jit_compile)

        def next_update(stream, tally):
            batch, seconds = _timed_next(stream, tally.sums.values())
            found, outputs = update(*batch)
            found = {**found, "input_seconds": seconds}
            return add(tally, found, tf.identity(state.step), checked=step.metrics, patience=patience), outputs

        @tf.function
        def one(stream, tally):
            return next_update(stream, tally)

        @tf.function
        def several(stream, count, tally):
            for _ in tf.range(count):
                tally, _ = next_update(stream, tally)
            return tally

        self.one, self.several = one, several


def _compile(step, state, strategy, *, jit_compile):
    """As `compile_update`, with `steps.SQUARES` among the metrics."""
    if jit_compile and strategy.num_replicas_in_sync > 1:
        raise ValueError(
            f"`jit_compile` cannot be on for {strategy.num_replicas_in_sync} replicas: TensorFlow cannot compile their "
            "collectives. Set it to false, or train on one replica."
        )
    averages = local_averages(state.networks)

    def run(images, labels):
        done = step.run(images, labels)
        take_mean(averages)
        return done

    run = tf.function(run, jit_compile=True) if jit_compile else run

    @tf.function
    def update(images, labels):
        state.step.assign_add(1)
        per_replica, outputs = strategy.run(run, args=(images, labels))
        return {name: strategy.reduce("SUM", value, axis=None) for name, value in per_replica.items()}, outputs

    return update


def _timed_next(stream, ready):
    """The next batch and how many seconds it was waited for, once the tensors `ready` are there."""
    with tf.control_dependencies(list(ready)):
        begin = tf.timestamp()
    with tf.control_dependencies([begin]):
        batch = next(stream)
    with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
        return batch, tf.cast(tf.timestamp() - begin, tf.float32)
