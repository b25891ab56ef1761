"""The two heads on an encoder: r to a unit-length projection z, and r to class logits (Sec. 3.1 and 4)."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from supcon_tf.keras_generations import build_under_own_name
from supcon_tf.layers.normalization import UnitNorm, batch_norm


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class ProjectionHead(tf.keras.layers.Layer):
    """Proj(r): dense layers with ReLU between them and L2 normalisation at the end (Sec. 3.1).

    Kernels start as N(0, 0.01^2), as in the authors' code. The last dense layer has neither bias nor activation; the
    others have a bias unless batch norm, which has its own, follows them. Weights and arithmetic are float32 under
    every global precision policy, unless `dtype` says otherwise.

    Args:
        widths: units of the dense layers; the last is D. `(128,)` is the linear head of the paper's ImageNet runs,
            `(2048, 128)` its MLP.
        use_batch_norm: batch norm between each dense layer and its ReLU, as in SimCLR.
        cross_replica_batch_norm: those moments are of the global batch.

    Call:
        features: float [B, F].
        training: batch norm uses the moments of the batch and updates its moving averages.
        Returns float32 [B, D], rows of unit length.

    Raises:
        ValueError: no widths, or a width below 1.

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
        dtype="float32",
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        if not widths or min(widths) < 1:
            raise ValueError(
                f"`widths` must name the units (>= 1) of at least one layer, such as (2048, 128); got {widths}."
            )
        self.widths = tuple(widths)
        self.use_batch_norm = use_batch_norm
        self.cross_replica_batch_norm = cross_replica_batch_norm
        self.dense = [
            tf.keras.layers.Dense(
                width,
                use_bias=number < len(self.widths) and not use_batch_norm,
                kernel_initializer=tf.keras.initializers.RandomNormal(stddev=0.01),
                dtype=dtype,
                name=f"dense{number}",
            )
            for number, width in enumerate(self.widths, 1)
        ]
        self.norms = [
            batch_norm(cross_replica=cross_replica_batch_norm, dtype=dtype, name=f"norm{number}")
            for number in range(1, len(self.widths))
            if use_batch_norm
        ]
        self.unit_norm = UnitNorm(name="unit_norm")
        for layer in (*self.dense, *self.norms):  # checkpoints of Keras 3 look for layers in attributes, not in lists
            setattr(self, layer.name, layer)

    def build(self, input_shape):
        inputs = (int(input_shape[-1]), *self.widths)
        for number, dense in enumerate(self.dense):
            build_under_own_name(dense, (None, inputs[number]))
        for number, norm in enumerate(self.norms):
            build_under_own_name(norm, (None, self.widths[number]))
        super().build(input_shape)

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = features  # [B, F]
        for number, dense in enumerate(self.dense[:-1]):
            x = dense(x)  # [B, widths[number]]
            if self.use_batch_norm:
                x = self.norms[number](x, training=training)
            x = tf.nn.relu(x)
        return self.unit_norm(self.dense[-1](x))  # [B, D]

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "widths": list(self.widths),
            "use_batch_norm": self.use_batch_norm,
            "cross_replica_batch_norm": self.cross_replica_batch_norm,
        }


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class ClassificationHead(tf.keras.layers.Layer):
    """The linear classifier: one dense layer with bias, Glorot-uniform kernel; float32 under every global policy.

    Args:
        classes: C.
        zero_init: start with a zero kernel, so that the first prediction is uniform (the authors' SimCLR runs).

    Call:
        features: float [B, F].
        Returns logits float32 [B, C], unnormalised.

    Raises:
        ValueError: `classes` is below 1.

    Example:
        >>> ClassificationHead(10, zero_init=True)(tf.ones([4, 64])).shape
        TensorShape([4, 10])
    """

    def __init__(self, classes: int, zero_init: bool = False, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        if classes < 1:
            raise ValueError(f"`classes` must be >= 1, the number of labels; got {classes}.")
        self.classes = classes
        self.zero_init = zero_init
        self.dense = tf.keras.layers.Dense(
            classes, kernel_initializer="zeros" if zero_init else "glorot_uniform", dtype=dtype, name="dense"
        )

    def build(self, input_shape):
        build_under_own_name(self.dense, (None, int(input_shape[-1])))
        super().build(input_shape)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        return self.dense(features)  # [B, C]

    def get_config(self) -> dict:
        return {**super().get_config(), "classes": self.classes, "zero_init": self.zero_init}
