"""The two heads on an encoder: r to a unit-length projection z, and r to class logits (Sec. 3.1 and 4)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Optional

import tensorflow as tf

from supcon_tf.keras_generations import build_under_own_name
from supcon_tf.layers.normalization import UnitNorm, batch_norm
from supcon_tf.names import HEAD_KERNELS, one_of

_KERNELS = {
    "small": functools.partial(tf.keras.initializers.RandomNormal, stddev=0.01),
    "he": tf.keras.initializers.HeNormal,
}


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class ProjectionHead(tf.keras.layers.Layer):
    """Proj(r): dense layers with ReLU between them and L2 normalisation at the end (Sec. 3.1).

    The last dense layer has neither bias nor activation; the others have a bias unless batch norm, which has its own,
    follows them. Weights and arithmetic are float32 under every global precision policy, unless `dtype` says
    otherwise.

    **How it starts.** Features are means of what a ReLU leaves, so none is negative and all images share one large
    direction: rows start nearly equal, a saddle of the loss that a short run hardly leaves. `last_batch_norm` takes the
    mean over the batch away and has no offset to learn it back: the rows of a batch start spread, and cannot all
    become equal (too high a rate can still drive a few far out, where nearly all others are equal). Batch norm between
    the layers does not do that: the ReLU after it gives a common direction again.
    The head of SimCLR's own code (google-research/simclr, tf2/model.py) has both: batch norm after every dense layer,
    with an offset where a ReLU follows and without one after the last. The authors' SimCLR runs have
    `use_batch_norm` alone.

    A row of unit length does not see how long the kernels are, which turn by about rate / length^2 in a step. N(0,
    0.01^2), as in the authors' code, is short. LARS, which scales its steps by the length, does not mind; but under
    plain SGD such a kernel of 512 inputs turns 39 times as fast as one of He et al. (2015), of variance 2 / inputs.

    Args:
        widths: units of the dense layers; the last is D. `(128,)` is the linear head of the paper's ImageNet runs,
            `(2048, 128)` its MLP.
        use_batch_norm: batch norm between each dense layer and its ReLU.
        cross_replica_batch_norm: moments of batch norm are of the global batch.
        dtype: precision policy of the layer; "float32" whatever the global one is.
        last_batch_norm: batch norm without offset after the last dense layer.
        kernels: initial kernels: "small", N(0, 0.01^2); or "he", for plain SGD.

    Call:
        features: float [B, F].
        training: batch norm uses the moments of the batch and updates its moving averages.
        Returns float32 [B, D], rows of unit length.

    Raises:
        ValueError: no widths, a width below 1, or unknown `kernels`.

    Example:
        >>> head = ProjectionHead(widths=(32, 16))
        >>> projections = head(tf.random.normal([4, 64]))
        >>> projections.shape, bool(tf.reduce_all(abs(tf.norm(projections, axis=-1) - 1) < 1e-5))
        (TensorShape([4, 16]), True)
    """

    def __init__(
        self,
        widths: Sequence[int] = (2048, 128),
        use_batch_norm: bool = False,
        cross_replica_batch_norm: bool = True,
        dtype: Any = "float32",
        *,
        last_batch_norm: bool = False,
        kernels: str = "small",
        **kwargs: Any,
    ):
        super().__init__(dtype=dtype, **kwargs)
        one_of("kernels", kernels, HEAD_KERNELS)
        if not widths or min(widths) < 1:
            raise ValueError(
                f"`widths` must name the units (>= 1) of at least one layer, such as (2048, 128); got {widths}."
            )
        self.widths = tuple(widths)
        self.use_batch_norm = use_batch_norm
        self.cross_replica_batch_norm = cross_replica_batch_norm
        self.last_batch_norm, self.kernels = last_batch_norm, kernels
        self.dense = [
            tf.keras.layers.Dense(
                width,
                use_bias=number < len(self.widths) and not use_batch_norm,
                kernel_initializer=_KERNELS[kernels](),
                dtype=dtype,
                name=f"dense{number}",
            )
            for number, width in enumerate(self.widths, 1)
        ]
        depth = len(self.widths)
        normed = [*(range(1, depth) if use_batch_norm else ()), *((depth,) if last_batch_norm else ())]
        norm = functools.partial(batch_norm, cross_replica=cross_replica_batch_norm, dtype=dtype)
        self.norms = [norm(offset=number < depth, name=f"norm{number}") for number in normed]
        self.unit_norm = UnitNorm(name="unit_norm")
        for layer in (*self.dense, *self.norms):  # checkpoints of Keras 3 look for layers in attributes, not in lists
            setattr(self, layer.name, layer)

    def build(self, input_shape: Any) -> None:
        inputs = (int(input_shape[-1]), *self.widths)
        for number, (dense, norm) in enumerate(self._steps()):
            build_under_own_name(dense, (None, inputs[number]))
            if norm:
                build_under_own_name(norm, (None, inputs[number + 1]))
        super().build(input_shape)

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = features  # [B, F]
        for number, (dense, norm) in enumerate(self._steps(), 1):
            x = dense(x)  # [B, widths[number - 1]]
            if norm:
                x = norm(x, training=training)
            if number < len(self.dense):
                x = tf.nn.relu(x)
        return self.unit_norm(x)  # [B, D]

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape[:-1], self.widths[-1])

    def _steps(self) -> list[tuple[tf.keras.layers.Layer, Optional[tf.keras.layers.Layer]]]:
        """(dense layer, its batch norm or None) in order."""
        return [(dense, getattr(self, f"norm{number}", None)) for number, dense in enumerate(self.dense, 1)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "widths": list(self.widths),
            "use_batch_norm": self.use_batch_norm,
            "cross_replica_batch_norm": self.cross_replica_batch_norm,
            "last_batch_norm": self.last_batch_norm,
            "kernels": self.kernels,
        }


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class ClassificationHead(tf.keras.layers.Layer):
    """The linear classifier on frozen features (Sec. 3): one dense layer with bias, Glorot-uniform kernel.

    Weights and arithmetic are float32 under every global precision policy, unless `dtype` says otherwise.

    Args:
        classes: C.
        zero_init: start with a zero kernel, so that the first prediction is uniform (the authors' SimCLR runs).
        dtype: precision policy of the layer; "float32" whatever the global one is.

    Call:
        features: float [B, F].
        Returns logits float32 [B, C], unnormalised.

    Raises:
        ValueError: `classes` is below 1.

    Example:
        >>> ClassificationHead(10, zero_init=True)(tf.ones([4, 64])).shape
        TensorShape([4, 10])
    """

    def __init__(self, classes: int, zero_init: bool = False, dtype: Any = "float32", **kwargs: Any):
        super().__init__(dtype=dtype, **kwargs)
        if classes < 1:
            raise ValueError(f"`classes` must be >= 1, the number of labels; got {classes}.")
        self.classes = classes
        self.zero_init = zero_init
        self.dense = tf.keras.layers.Dense(
            classes, kernel_initializer="zeros" if zero_init else "glorot_uniform", dtype=dtype, name="dense"
        )

    def build(self, input_shape: Any) -> None:
        build_under_own_name(self.dense, (None, int(input_shape[-1])))
        super().build(input_shape)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        return self.dense(features)  # [B, C]

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape[:-1], self.classes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "classes": self.classes, "zero_init": self.zero_init}
