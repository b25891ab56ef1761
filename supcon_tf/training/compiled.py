"""One update, or several, of all replicas as a graph."""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.training.averages import local_averages, take_mean
from supcon_tf.training.state import StageState
from supcon_tf.training.tally import add
from supcon_tf.training.update import Update


def compile_update(update: Update, state: StageState, strategy: tf.distribute.Strategy, *, jit_compile: bool = False):
    """One update of all replicas as a graph: distributed (images, labels) to global metrics, and what was compared.

    Args:
        update: what one replica does.
        state: whose steps are counted.
        strategy: of the state's variables.
        jit_compile: compile the step with XLA. One replica only: TensorFlow cannot compile what replicas meet in.

    Returns:
        A function to (metrics by name, what was compared on each replica).
    """
    everything = _compile(update, state, strategy, jit_compile=jit_compile)

    @tf.function
    def compiled(images, labels):
        metrics, compared = everything(images, labels)
        return {name: metrics[name] for name in update.metrics}, compared

    return compiled


class Updates:
    """Updates that take their batches from an iterator and add what they measure to a `Tally`.

    Args: as `compile_update`; patience is that of `tally.add`.

    Attributes:
        one: (iterator of global batches, tally) to (tally, what was compared on each replica).
        several: (iterator, int32 scalar count, tally) to the tally after so many updates.
    """

    def __init__(
        self,
        update: Update,
        state: StageState,
        strategy: tf.distribute.Strategy,
        *,
        jit_compile: bool = False,
        patience: int = 1,
    ):
        compiled = _compile(update, state, strategy, jit_compile=jit_compile)

        def next_update(stream, tally):
            batch, seconds = _timed_next(stream, tally.sums.values())
            metrics, compared = compiled(*batch)
            metrics = {**metrics, "input_seconds": seconds}
            return add(tally, metrics, tf.identity(state.step), checked=update.metrics, patience=patience), compared

        @tf.function
        def one(stream, tally):
            return next_update(stream, tally)

        @tf.function
        def several(stream, count, tally):
            for _ in tf.range(count):
                tally, _ = next_update(stream, tally)
            return tally

        self.one, self.several = one, several


def _compile(update, state, strategy, *, jit_compile):
    """As `compile_update`, with `update.SQUARES` among the metrics."""
    if jit_compile and strategy.num_replicas_in_sync > 1:
        raise ValueError(
            f"`jit_compile` cannot be on for {strategy.num_replicas_in_sync} replicas: TensorFlow cannot compile their "
            "collectives. Set it to false, or train on one replica."
        )
    averages = local_averages(state.networks)

    def of_replica(images, labels):
        done = update(images, labels)
        take_mean(averages)
        return done

    run = tf.function(of_replica, jit_compile=True) if jit_compile else of_replica

    @tf.function
    def of_all(images, labels):
        state.step.assign_add(1)
        per_replica, compared = strategy.run(run, args=(images, labels))
        return {name: strategy.reduce("SUM", value, axis=None) for name, value in per_replica.items()}, compared

    return of_all


def _timed_next(stream, ready):
    """The next batch and how many seconds it was waited for, once the tensors `ready` are there.

    Nothing that uses the batch starts before the second time is taken: with few threads the whole step could come
    between.
    """
    with tf.control_dependencies(list(ready)):
        begin = tf.timestamp()
    with tf.control_dependencies([begin]):
        batch = next(stream)
    with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
        end = tf.timestamp()

    def after(tensor):
        with tf.control_dependencies([end]), tf.device(tensor.device):
            return tf.identity(tensor)

    batch = tf.nest.map_structure(after, batch, expand_composites=True)
    return batch, tf.cast(end - begin, tf.float32)
