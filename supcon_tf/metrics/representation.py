"""How a batch's projections lie on the sphere, as Keras metrics: the numbers of `training.diagnostics`.

All three compare the rows of the global batch, so several replicas show what one device shows.
"""

from __future__ import annotations

from typing import Any, Optional

import tensorflow as tf
from numpy.typing import ArrayLike

from supcon_tf.losses.soundness import refusal
from supcon_tf.metrics.rows import meet, rows_of
from supcon_tf.names import LABEL_MODES, one_of
from supcon_tf.tracing import as_written
from supcon_tf.training.diagnostics import rank_of_moment


class _MeanOverPairs(tf.keras.metrics.Metric):
    """A sum over pairs, and how many they are: both summed over batches and replicas."""

    def __init__(self, name: str, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self._total = self.add_weight(name="total", shape=(), initializer="zeros")
        self._pairs = self.add_weight(name="pairs", shape=(), initializer="zeros")

    def _add(self, values: tf.Tensor, counted: tf.Tensor) -> None:
        """Values [M, N] where `counted`, bool [M, N]."""
        self._total.assign_add(tf.cast(tf.reduce_sum(tf.where(counted, values, 0.0)), self._total.dtype))
        self._pairs.assign_add(tf.reduce_sum(tf.cast(counted, self._pairs.dtype)))

    def _mean(self) -> tf.Tensor:
        return tf.convert_to_tensor(self._total) / tf.convert_to_tensor(self._pairs)


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class Alignment(_MeanOverPairs):
    """Mean of ||z_i - z_p||^2 over positive pairs (Wang & Isola, 2020, arXiv:2005.10242, Eq. 2): 0 is best.

    State: the sum over the positive pairs of every batch, and their number. So it is the mean over all pairs that were
    in a batch together; batches with more of them count more. Memory of a batch: M x N numbers.

    Args:
        label_mode: what y_true holds, as for the loss.
        name: of the metric.

    Input:
        y_true: labels [B], [B, 1] or [B, C]; negative is unlabelled, an image whose views are its only positives.
        y_pred: projections [B, V, D] or [B, D] of any float type and length.
        sample_weight: not taken.

    Returns: float32, from 0 to 4; NaN while there was no positive pair.

    Raises:
        ValueError: unknown `label_mode`, weights, or labels and projections that do not belong together.

    Example:
        >>> metric = Alignment()
        >>> metric.update_state(tf.constant([0, 0, 1]), tf.constant([[1.0, 0.0], [0.0, 2.0], [0.0, 1.0]]))
        >>> float(metric.result())
        2.0
    """

    def __init__(self, label_mode: str = "auto", name: str = "alignment", **kwargs: Any):
        super().__init__(name, **kwargs)
        self.label_mode = one_of("label_mode", label_mode, LABEL_MODES)

    @as_written
    def update_state(self, y_true: Optional[ArrayLike], y_pred: ArrayLike, sample_weight: None = None) -> None:
        """Adds the pairs of a batch."""
        _no_weights(sample_weight)
        met = meet(y_true, y_pred, label_mode=self.label_mode)
        self._add(tf.maximum(2 - 2 * met.similarity, 0), met.positives & met.others)

    def result(self) -> tf.Tensor:
        """The mean so far."""
        return self._mean()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label_mode": self.label_mode}


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class Uniformity(_MeanOverPairs):
    """log of the mean of exp(-2 ||z_i - z_j||^2) over pairs of rows (Wang & Isola, 2020, Eq. 3): 0 is collapse.

    About -4 where rows are spread evenly over a sphere of many dimensions. State: the sum over the pairs of every
    batch, and their number; the logarithm is taken of the mean over all of them. Memory of a batch: M x N numbers.

    Args:
        name: of the metric.

    Input: as of `Alignment`; labels are not looked at.

    Returns: float32, from -8 to 0; NaN while there was no pair.

    Raises:
        ValueError: weights, or projections of another shape.

    Example:
        >>> metric = Uniformity()
        >>> metric.update_state(None, tf.constant([[1.0, 0.0], [-3.0, 0.0]]))
        >>> float(metric.result())
        -8.0
    """

    def __init__(self, name: str = "uniformity", **kwargs: Any):
        super().__init__(name, **kwargs)

    @as_written
    def update_state(self, y_true: Optional[ArrayLike], y_pred: ArrayLike, sample_weight: None = None) -> None:
        """Adds the pairs of a batch."""
        _no_weights(sample_weight)
        met = meet(None, y_pred)
        self._add(tf.exp(4 * met.similarity - 4), met.others)

    def result(self) -> tf.Tensor:
        """The value so far."""
        return tf.math.log(self._mean())


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class EffectiveRank(tf.keras.metrics.Metric):
    """How many directions the projections use, from 1 to D: exp of the entropy of the singular values of their second
    moment (Roy & Vetterli, 2007). 1 is collapse.

    State: the second moment [D, D] of the unit rows of all batches and replicas, so it is that of all images at once.

    Args:
        width: D, the width of the projections.
        name: of the metric.

    Input: as of `Alignment`; labels are not looked at.

    Raises:
        ValueError: weights, or projections of another width.

    Example:
        >>> metric = EffectiveRank(width=3)
        >>> metric.update_state(None, tf.constant([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]))
        >>> round(float(metric.result()), 4)
        2.0
    """

    def __init__(self, width: int = 128, name: str = "effective_rank", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.width = width
        self._moment = self.add_weight(name="moment", shape=(width, width), initializer="zeros")

    @as_written
    def update_state(self, y_true: Optional[ArrayLike], y_pred: ArrayLike, sample_weight: None = None) -> None:
        """Adds the rows of a batch."""
        _no_weights(sample_weight)
        rows = rows_of(y_pred)  # [M, D]
        if rows.shape[1] != self.width:
            raise refusal(f"projections are {rows.shape[1]} wide, and this metric {self.width}: give it "
                          f"EffectiveRank(width={rows.shape[1]}).")  # fmt: skip
        self._moment.assign_add(tf.cast(tf.matmul(rows, rows, transpose_a=True), self._moment.dtype))

    def reset_state(self) -> None:
        """Forgets all rows; Keras 2 would by itself assign one number to the whole moment."""
        self._moment.assign(tf.zeros([self.width, self.width], self._moment.dtype))

    def result(self) -> tf.Tensor:
        """The rank so far; NaN before the first row."""
        moment = tf.convert_to_tensor(self._moment)
        return tf.where(tf.linalg.trace(moment) > 0, rank_of_moment(moment), float("nan"))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


def _no_weights(sample_weight: Optional[ArrayLike]) -> None:
    if sample_weight is not None:
        raise refusal(
            "pairs of images have no `sample_weight`: give this metric to `metrics=`, not `weighted_metrics=`."
        )
