"""How many anchors of a batch have nobody to be drawn to: their loss is 0 whatever the network does."""

from __future__ import annotations

from typing import Any, Optional

import tensorflow as tf
from numpy.typing import ArrayLike

from supcon_tf.distribution import collectives
from supcon_tf.losses import pairs
from supcon_tf.metrics.rows import ids_of
from supcon_tf.names import LABEL_MODES, one_of
from supcon_tf.tracing import as_written


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class AnchorsWithoutPositives(tf.keras.metrics.Metric):
    """Share of anchors, from 0 to 1, for which no other row of the batch is a positive (Sec. 3.2: P(i) is empty).

    Such an anchor costs 0 (`losses.supcon.SupConLoss`), so a batch of them costs 0 and teaches nothing; at 1 the loss
    is 0 for ever. With two views or more each anchor has a positive, the other view, and the share is 0. With one view
    it falls as batches get larger, or as images of a class are drawn together.

    Args:
        label_mode: what y_true holds: "class", "one_hot", "sets", or "auto" to go by its shape, as for the loss.
        cross_replica: look among the images of all replicas, as the loss does.
        name: of the metric.

    Input:
        y_true: labels [B], [B, 1] or [B, C], as the loss takes them.
        y_pred: projections [B, V, D], or [B, D] for one view; only how many they are is looked at.
        sample_weight: a weight for each image [B], or None.

    Raises:
        ValueError: unknown `label_mode`, or labels and projections that do not belong together.

    Example:
        One view, and four images of three classes: the anchors of classes 1 and 2 are alone.

        >>> import tensorflow as tf
        >>> from supcon_tf.metrics.positives import AnchorsWithoutPositives
        >>> metric = AnchorsWithoutPositives()
        >>> metric.update_state(tf.constant([0, 1, 0, 2]), tf.zeros([4, 8]))
        >>> float(metric.result())
        0.5
    """

    def __init__(
        self,
        label_mode: str = "auto",
        cross_replica: bool = True,
        name: str = "anchors_without_positives",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.label_mode, self.cross_replica = one_of("label_mode", label_mode, LABEL_MODES), cross_replica
        self._lonely = self.add_weight(name="lonely", shape=(), initializer="zeros")
        self._anchors = self.add_weight(name="anchors", shape=(), initializer="zeros")

    @as_written
    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: Optional[ArrayLike] = None) -> None:
        """Counts the anchors of this replica, among the images of all."""
        projections = tf.convert_to_tensor(y_pred)
        here = collectives.replicas() if self.cross_replica else collectives.replicas().alone()
        ids = ids_of(y_true, projections, label_mode=self.label_mode, replicas=here)  # of N rows
        ids = pairs.select(ids, here.first_row(_rows(projections)) + tf.range(_rows(projections)))  # of M rows
        lonely = tf.reshape(
            tf.cast(ids.positives == 0, self._lonely.dtype), tf.shape(projections)[:-1]
        )  # [B] or [B, V]
        weights = tf.ones_like(lonely)
        if sample_weight is not None:
            per_image = tf.cast(tf.reshape(sample_weight, [-1]), lonely.dtype)  # [B]
            weights *= per_image if projections.shape.rank == 2 else per_image[:, None]
        self._lonely.assign_add(tf.reduce_sum(weights * lonely))
        self._anchors.assign_add(tf.reduce_sum(weights))

    def result(self) -> tf.Tensor:
        """The share so far; 0 before the first anchor."""
        return tf.math.divide_no_nan(tf.convert_to_tensor(self._lonely), tf.convert_to_tensor(self._anchors))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label_mode": self.label_mode, "cross_replica": self.cross_replica}


def _rows(projections: tf.Tensor) -> tf.Tensor:
    """M of [B, V, D] or [B, D]."""
    return tf.reduce_prod(tf.shape(projections)[:-1])
