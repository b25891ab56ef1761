"""All pairs of this replica's rows with the rows of all replicas: who is a positive of whom, and how far apart.

What the losses of `metric_learning` share. The matrix is stored as a whole: memory grows with M N.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from supcon_tf.losses import inputs, pairs
from supcon_tf.losses.soundness import poisoned, refusal

_EPSILON = {tf.float32: 2.0**-23, tf.float64: 2.0**-52}
ONE_CLASS = "this loss compares images of a class. Give one integer per image."


class Batch(NamedTuple):
    """Projections of this replica and what they are compared with."""

    projections: tf.Tensor  # float [B, V, D]
    labels: tf.Tensor  # int64 [G], of all replicas; negative for unlabelled
    sound: object  # whether labels are labels at all (`soundness`)
    replicas: object  # `distribution.collectives.Replicas`, or None for this one alone

    @property
    def views(self) -> int:
        """V."""
        return self.projections.shape[1]

    @property
    def images(self) -> tf.Tensor:
        """G, images of the global batch: int32 scalar."""
        return tf.size(self.labels)

    def gather(self, rows: tf.Tensor) -> tf.Tensor:
        """The rows of all replicas, with the exact gradient."""
        return rows if self.replicas is None else self.replicas.gather(rows)

    def own(self, count) -> tf.Tensor:
        """The numbers that the first `count` of this replica's rows have among those of all: int32 [count]."""
        first = tf.constant(0) if self.replicas is None else self.replicas.first_row(count)
        return first + tf.range(count)

    def per_image(self, costs: tf.Tensor, over) -> tf.Tensor:
        """Costs [M] of this replica's rows, or [B], as one value an image [B], whose mean is the sum of all by `over`.

        Args:
            costs: float [M], image-major, or [B].
            over: what the sum of all replicas' costs is divided by: a scalar; 0 gives values of 0.
        """
        costs = tf.reshape(costs, [tf.shape(self.projections)[0], -1])  # [B, V]
        images, over = tf.cast(self.images, costs.dtype), tf.cast(over, costs.dtype)
        return poisoned(tf.reduce_sum(costs, 1) * tf.math.divide_no_nan(images, over), self.sound)


class Pairs(NamedTuple):
    """M rows of this replica, the anchors, against all N rows."""

    distance: tf.Tensor  # float [M, N], Euclidean
    positive: tf.Tensor  # bool [M, N], same class, and not the row itself
    negative: tf.Tensor  # bool [M, N], other class
    own: tf.Tensor  # int32 [M], the numbers of the anchors among all rows


def read(labels, projections, *, normalize: bool, replicas) -> Batch:
    """Labels and projections as they are handed over, of all replicas; ValueError as `supervised_contrastive_loss`.

    Args:
        labels: one class an image, as `losses.labels` reads them; sets of labels are refused.
        projections: float [B, V, D], or [B, D] for one view.
        normalize: bring every row to unit length.
        replicas: `distribution.collectives.Replicas`; None is this one alone, and is refused where there are several.
    """
    context = tf.distribute.get_replica_context()
    if replicas is None and context is not None and context.num_replicas_in_sync > 1:
        raise refusal(
            f"this runs on one of {context.num_replicas_in_sync} replicas: say whether it compares with the images of "
            "all, replicas=collectives.replicas(), or with its own, replicas=collectives.replicas().alone() "
            "(`supcon_tf.distribution.collectives`)."
        )
    projections = inputs.with_views(projections, normalize=normalize)  # [B, V, D]
    labels, _, sound = inputs.read(
        labels, projections, None, positives_cap=None, normalize=normalize, label_mode="auto", replicas=replicas,
        one_class=ONE_CLASS,
    )  # fmt: skip
    return Batch(poisoned(projections, sound), labels, sound, replicas)


def pairs_of(batch: Batch) -> Pairs:
    """Every row of this replica with every row of all."""
    anchors = tf.reshape(batch.projections, [-1, batch.projections.shape[2]])  # [M, D]
    keys = batch.gather(anchors)  # [N, D]
    ids, own = pairs.row_ids(batch.labels, views=batch.views), batch.own(tf.shape(anchors)[0])
    positive, negative = pairs.compare(pairs.select(ids, own), ids)  # [M, N]
    return Pairs(distances(anchors, keys), positive > 0, negative, own)


def distances(anchors: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """||x_i - y_j||, [A, N], of rows x [A, D] and y [N, D].

    The root has no finite slope at 0, and of nearly equal rows the difference |x|^2 + |y|^2 - 2 x.y is rounding: what
    is below that counts as 0, and sends no gradient.

    Example:
        >>> distances(tf.constant([[3.0, 4.0]]), tf.constant([[0.0, 0.0], [3.0, 4.0]])).numpy().tolist()
        [[5.0, 0.0]]
    """
    sizes = tf.reduce_sum(anchors**2, 1)[:, None] + tf.reduce_sum(keys**2, 1)[None, :]  # [A, N]
    squared = sizes - 2 * tf.matmul(anchors, keys, transpose_b=True)  # [A, N]
    rounding = 4 * _EPSILON[anchors.dtype] * tf.stop_gradient(sizes)  # [A, N]
    apart = squared > rounding  # [A, N]
    return tf.where(apart, tf.sqrt(tf.where(apart, squared, 1)), 0)
