"""Projections and labels of a batch as the metrics of this room compare them: rows of unit length, of all replicas."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from supcon_tf.distribution import collectives
from supcon_tf.losses import inputs, pairs
from supcon_tf.losses import labels as labelling


class Met(NamedTuple):
    """The M rows of this replica and the N rows of all that they meet.

    Attributes:
        similarity: float32 [M, N], z_i . z_j.
        others: bool [M, N], False where a row meets itself.
        positives: bool [M, N], whether the rows share a label or an image; None where nobody asked.
    """

    similarity: tf.Tensor
    others: tf.Tensor
    positives: tf.Tensor


def rows_of(projections) -> tf.Tensor:
    """[B, V, D] or [B, D] of any float type to rows of unit length, float32 [M, D]."""
    projections = tf.convert_to_tensor(projections)
    if projections.dtype.is_floating:  # others are refused there
        projections = tf.cast(projections, tf.float32)
    projections = inputs.with_views(projections, normalize=True)
    return tf.reshape(projections, [-1, projections.shape[2]])


def meet(labels, projections, *, label_mode: str = "auto") -> Met:
    """The rows of this replica with those of all replicas.

    Args:
        labels: as the loss takes them; None for similarities alone.
        projections: [B, V, D] or [B, D].
        label_mode: as of the loss.

    Raises:
        ValueError: labels and projections do not belong together.
    """
    here = collectives.replicas()
    own = rows_of(projections)  # [M, D]
    every = here.gather(own)  # [N, D]
    number = here.first_row(tf.shape(own)[0]) + tf.range(tf.shape(own)[0])  # [M]
    others = number[:, None] != tf.range(tf.shape(every)[0])[None]  # [M, N]
    similarity = tf.matmul(own, every, transpose_b=True)  # [M, N]
    if labels is None:
        return Met(similarity, others, None)
    ids = ids_of(labels, tf.convert_to_tensor(projections), label_mode=label_mode, replicas=here)  # of N rows
    weights, _ = pairs.compare(pairs.select(ids, number), ids)
    return Met(similarity, others, weights > 0)


def ids_of(labels, projections: tf.Tensor, *, label_mode: str, replicas) -> pairs.RowIds:
    """Whose row is whose, of all N rows.

    Args:
        labels: as the loss takes them.
        projections: [B, V, D] or [B, D]; only how many they are is looked at.
        label_mode: as of the loss.
        replicas: `distribution.collectives.Replicas`, whose rows are meant.

    Raises:
        ValueError: labels and projections do not belong together.
    """
    images = tf.shape(projections)[0] if projections.shape[0] is None else projections.shape[0]  # B
    labels, _ = labelling.read(
        labels, count=images, mode=label_mode, replicas=replicas,
        mismatch="`y_true` are labels of {} images and `y_pred` projections of {}: give one label per image.",
    )  # fmt: skip
    return pairs.row_ids(labels, views=1 if projections.shape.rank == 2 else projections.shape[1])
