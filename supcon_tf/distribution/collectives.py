"""Gathers over replicas whose gradient is that of one device holding the whole batch.

Whoever asks is one replica among R: `replicas()` says how many they are and how they meet, and the functions below ask
it. A program that is to be one of many where there is one, for instance to be compiled for a machine that is not here,
is traced inside `standing_in`.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Callable, NamedTuple, Optional, Union

import tensorflow as tf


class Replicas(NamedTuple):
    """The replicas that share a batch, as one of them sees them."""

    count: int  # type: ignore[assignment]  # R; hides a method of tuples
    gather: Callable[[tf.Tensor], tf.Tensor]  # see `gather_rows`
    first_row: Callable[[Union[int, tf.Tensor]], tf.Tensor]  # see `first_row`
    one_program: bool  # whether all run one program of fixed sizes with the meetings in it, as on a TPU
    accelerated: bool  # whether this replica has an accelerator

    def alone(self) -> Replicas:
        """This replica, if it met nobody."""
        return self._replace(count=1, gather=_itself, first_row=_zero)


_stand_ins: contextvars.ContextVar[Optional[Replicas]] = contextvars.ContextVar("stand_ins", default=None)


def replicas() -> Replicas:
    """Those that take part here; one outside replica context.

    Keras 3 builds a model by calling its loss once in cross-replica context, where there is no replica to speak of.
    """
    if (stand_ins := _stand_ins.get()) is not None:
        return stand_ins
    context = tf.distribute.get_replica_context()
    count = 1 if context is None else context.num_replicas_in_sync
    one_program = isinstance(tf.distribute.get_strategy(), tf.distribute.TPUStrategy)
    accelerated = any(device.device_type != "CPU" for device in tf.config.list_logical_devices())
    here = Replicas(count, _all_gather, _rows_before, one_program, accelerated)
    return here.alone() if count == 1 else here


@contextlib.contextmanager
def standing_in(replicas: Replicas) -> Iterator[None]:
    """What is traced in this block is the program of one of these replicas."""
    before = _stand_ins.set(replicas)
    try:
        yield
    finally:
        _stand_ins.reset(before)


def replica_count() -> int:
    """How many replicas take part here, R; 1 outside replica context."""
    return replicas().count


def can_meet_in_loops() -> bool:
    """Whether a loop of the graph may hold a meeting of replicas: where nobody meets, or on a TPU.

    The replicas of a TPU run one program, with its collectives in it. A MirroredStrategy has a thread for each, and
    they meet while the graph is made.
    """
    here = replicas()
    return here.count == 1 or here.one_program


def gather_rows(rows: tf.Tensor) -> tf.Tensor:
    """The rows of all replicas, in replica order; on one replica the rows themselves.

    The gradient is exact: each replica receives, for its own rows, the sum of what all replicas send back.

    Args:
        rows: float or integer [n, ...], no booleans; n may differ between replicas and may be 0, the other axes may
            not differ.

    Returns:
        Same type [sum of n over replicas, ...]. Over several replicas the first axis has no static size, because the
        sizes of the others are not known here; the other axes keep theirs.

    Example:
        >>> strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
        >>> strategy.run(gather_rows, (tf.constant([[1.0, 2.0]]),)).numpy().tolist()
        [[1.0, 2.0]]
    """
    return replicas().gather(rows)


def first_row(rows: Union[int, tf.Tensor]) -> tf.Tensor:
    """The number that this replica's first row has after `gather_rows`.

    Args:
        rows: int scalar, how many rows this replica holds. Replicas may differ: a last batch is often uneven.

    Returns:
        int32 scalar, the rows of all replicas before this one.
    """
    return replicas().first_row(rows)


def images_of_all(images: Union[int, tf.Tensor]) -> tf.Tensor:
    """How many images the global batch has.

    Args:
        images: int scalar, how many images this replica holds.

    Returns:
        int32 scalar, the sum over replicas.
    """
    here = replicas()
    images = tf.cast(images, tf.int32)
    return images if here.count == 1 else tf.reduce_sum(here.gather(tf.reshape(images, [1])))  # one number from each


def share_of_batch(images: Union[int, tf.Tensor]) -> tf.Tensor:
    """What this replica holds of the global batch, over the share it would hold if all held as many.

    A mean of the replicas' own means, as Keras takes it, is the mean over the global batch once each is multiplied by
    this.

    Args:
        images: int scalar, how many images this replica holds.

    Returns:
        float32 scalar, R images / (those of all replicas); exactly 1 where all hold as many.
    """
    here = replicas()
    if here.count == 1:
        return tf.constant(1.0)
    images = tf.cast(images, tf.int32)
    of_all = tf.cast(images_of_all(images), tf.float32)
    return tf.math.divide_no_nan(tf.cast(here.count * images, tf.float32), of_all)


def _itself(rows: tf.Tensor) -> tf.Tensor:
    return rows


def _zero(_: Union[int, tf.Tensor]) -> tf.Tensor:
    return tf.constant(0)


def _all_gather(rows: tf.Tensor) -> tf.Tensor:
    rows = tf.identity(rows)  # what comes from an input pipeline has no device, without which several hosts refuse it
    gathered = tf.distribute.get_replica_context().all_gather(rows, 0)
    return tf.ensure_shape(gathered, [None, *rows.shape[1:]])  # all_gather forgets every axis in a graph


def _rows_before(rows: Union[int, tf.Tensor]) -> tf.Tensor:
    counts = _all_gather(tf.reshape(tf.cast(rows, tf.int32), [1]))  # [R]
    before = tf.cumsum(counts, exclusive=True)  # [R]
    return tf.gather(before, tf.distribute.get_replica_context().replica_id_in_sync_group)
