"""Gathers over replicas whose gradient is that of one device holding the whole batch."""

from __future__ import annotations

import tensorflow as tf


def replica_count() -> int:
    """How many replicas take part here, R; 1 outside replica context.

    Keras 3 builds a model by calling its loss once in cross-replica context, where there is no replica to speak of.
    """
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def can_meet_in_loops() -> bool:
    """Whether a loop of the graph may hold a meeting of replicas: where nobody meets, or on a TPU.

    The replicas of a TPU run one program, with its collectives in it. A MirroredStrategy has a thread for each, and
    they meet while the graph is made.
    """
    return replica_count() == 1 or isinstance(tf.distribute.get_strategy(), tf.distribute.TPUStrategy)


def gather_rows(rows: tf.Tensor) -> tf.Tensor:
    """The rows of all replicas, in replica order; on one replica the rows themselves.

    The gradient is exact: each replica receives, for its own rows, the sum of what all replicas send back.

    Args:
        rows: float or integer [n, ...], no booleans; n may differ between replicas and may be 0, the other axes may
            not differ.

    Returns:
        Same type [sum of n over replicas, ...]. Over several replicas the first axis has no static size, because the
        sizes of the others are not known here; the other axes keep theirs.
    """
    if replica_count() == 1:
        return rows
    rows = tf.identity(rows)  # what comes from an input pipeline has no device, without which several hosts refuse it
    gathered = tf.distribute.get_replica_context().all_gather(rows, 0)
    return tf.ensure_shape(gathered, [None, *rows.shape[1:]])  # all_gather forgets every axis in a graph


def first_row(rows) -> tf.Tensor:
    """The number that this replica's first row has after `gather_rows`.

    Args:
        rows: int scalar, how many rows this replica holds. Replicas may differ: a last batch is often uneven.

    Returns:
        int32 scalar, the rows of all replicas before this one.
    """
    if replica_count() == 1:
        return tf.constant(0)
    counts = gather_rows(tf.reshape(tf.cast(rows, tf.int32), [1]))  # [R]
    before = tf.cumsum(counts, exclusive=True)  # [R]
    return tf.gather(before, tf.distribute.get_replica_context().replica_id_in_sync_group)
