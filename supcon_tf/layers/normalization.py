"""Rows of unit length, and batch norm with the constants and the reach that the paper's code uses."""

from __future__ import annotations

from typing import Any, Optional

import tensorflow as tf

from supcon_tf.keras_generations import divide_moments_by_n


def unit_rows(x: tf.Tensor) -> tf.Tensor:
    """Divides every vector along the last axis by its L2 norm (the paper's normalisation of r and z, Sec. 3.1).

    Args:
        x: float [..., D] of any float type.

    Returns:
        float32 (float64 for float64) [..., D]. A zero vector stays zero and has a finite gradient; vectors shorter
        than 1e-6 keep their direction and stay shorter than 1.

    Example:
        >>> tf.norm(unit_rows(tf.constant([[3.0, 4.0]])), axis=-1).numpy().tolist()
        [1.0]
    """
    x = tf.convert_to_tensor(x)
    if x.dtype != tf.float64:
        x = tf.cast(x, tf.float32)  # In 16 bits the sum of squares overflows or loses the length.
    squared = tf.reduce_sum(tf.square(x), -1, keepdims=True)  # [..., 1]
    # Not rsqrt, of which `tf.math.l2_normalize` makes use: on some CPUs it is 1 - 1e-7 of 1, and only for most of the
    # rows, so that equal rows would come out unequal. Square root and division are rounded alike everywhere.
    return x * (1 / tf.sqrt(tf.maximum(squared, 1e-12)))  # [..., D]


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class UnitNorm(tf.keras.layers.Layer):
    """Rows of unit length: `unit_rows` as a layer (Sec. 3.1). What a contrastive loss wants at the end of a model.

    Args:
        dtype: of the layer; it has no weights, and what comes out goes by what comes in.

    Call:
        x: float [..., D].
        Returns float32 [..., D] under every precision policy, float64 for float64.

    Example:
        >>> UnitNorm()(tf.constant([[3.0, 4.0], [0.0, 0.0]])).numpy().round(3).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """

    def __init__(self, dtype: Any = "float32", **kwargs: Any):
        # Without `autocast=False` Keras would round float64 and float32 inputs to the policy's type before `call`.
        super().__init__(dtype=dtype, autocast=False, **kwargs)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return unit_rows(x)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return tuple(input_shape)


def batch_norm(
    *,
    cross_replica: bool,
    zero_gamma: bool = False,
    offset: bool = True,
    name: Optional[str] = None,
    dtype: Any = None,
) -> tf.keras.layers.BatchNormalization:
    """Batch norm (Ioffe & Szegedy, 2015, arXiv:1502.03167) over all axes but the last: [B, F] or [B, h, w, filters].

    Args:
        cross_replica: moments of the global batch, as in the paper's runs, instead of each replica's own. Without it,
            each replica moves averages of its own, which the trainer brings together (`training.averages`). One
            replica gains nothing by it, and loses the fused kernel.
        zero_gamma: start with gamma 0 instead of 1, so that what ends in this layer starts as zero.
        offset: with beta, which is learnt. Without it the mean over the batch stays 0, whatever is learnt.
        name: the layer's name.
        dtype: precision policy of the layer; None takes the global one. Moments are float32 in 16 bit policies too.

    Returns:
        An unbuilt Keras layer. Saved as `.keras` by Keras 2 it forgets `cross_replica`, which matters only to who goes
        on training the loaded file on several replicas; checkpoints are loaded into a network built anew.

    Example:
        >>> layer = batch_norm(cross_replica=True, offset=False)
        >>> layer(tf.ones([4, 3]), training=True).numpy().max().item()
        0.0
    """
    layer = tf.keras.layers.BatchNormalization(
        momentum=0.9,  # With epsilon: the values of the authors' code, for every network.
        epsilon=1e-5,
        center=offset,
        gamma_initializer="zeros" if zero_gamma else "ones",
        synchronized=cross_replica,
        name=name,
        dtype=dtype,
    )
    divide_moments_by_n(layer)
    return layer
