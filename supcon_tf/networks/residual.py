"""What residual networks are made of: stem, four groups of blocks, mean over places; for any kind of block."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Callable

import tensorflow as tf

from supcon_tf.layers.normalization import batch_norm
from supcon_tf.names import STEMS, one_of


def residual_network(
    block: Callable,
    repeats: Sequence[int],
    *,
    image_shape: tuple,
    width: float,
    stem: str,
    cross_replica_batch_norm: bool,
    name: str,
    even_pool: bool = False,
) -> tf.keras.Model:
    """Images float [B, S, S, channels] to features [B, F], their global average pool.

    Args:
        block: called with x and `filters`, `stride`, `project` (whether its shortcut is a projection), `norm` (makes a
            batch norm) and `name`; it names its layers from that.
        repeats: blocks of each group; the first of a group has a projection shortcut and, but for the first group,
            stride 2.
        image_shape: as of `resnet`; so are the others.
        width: factor on filters: group i = 0..3 has int(64 2^i width).
        stem: "image" or "small_image".
        cross_replica_batch_norm: batch norm statistics over the global batch.
        name: of the model.
        even_pool: the pool of the stem "image" pads both sides alike, as PyTorch does; "same" pads even images on one.

    Raises:
        ValueError: unknown stem, a width that leaves no filter, or an `image_shape` that is none.

    Example:
        >>> def plain(x, *, filters, stride, project, norm, name):
        ...     return tf.keras.layers.Conv2D(filters, 1, strides=stride, name=f"{name}_conv")(x)
        >>> residual_network(plain, (1, 1, 1, 1), image_shape=(8, 8, 3), width=0.25, stem="small_image",
        ...                  cross_replica_batch_norm=False, name="plain").output_shape
        (None, 128)
    """
    _check(image_shape, width, stem)
    norm = functools.partial(batch_norm, cross_replica=cross_replica_batch_norm)
    images = tf.keras.Input(tuple(image_shape), name="images")
    x = _stem(images, kind=stem, filters=int(64 * width), norm=norm, even_pool=even_pool)
    for group, count in enumerate(repeats):
        for repeat in range(count):
            x = block(
                x,
                filters=int(64 * 2**group * width),
                stride=2 if group > 0 and repeat == 0 else 1,
                project=repeat == 0,
                norm=norm,
                name=f"group{group + 1}_block{repeat + 1}",
            )
    features = tf.keras.layers.GlobalAveragePooling2D(name="features")(x)  # [B, F]
    return tf.keras.Model(images, features, name=name)


def _stem(x, *, kind: str, filters: int, norm: Callable, even_pool: bool):
    size, stride = (7, 2) if kind == "image" else (3, 1)
    x = conv(x, filters=filters, size=size, stride=stride, name="stem_conv")
    x = norm(name="stem_norm")(x)
    x = tf.keras.layers.ReLU(name="stem_relu")(x)
    if kind == "image":
        if even_pool:
            x = tf.keras.layers.ZeroPadding2D(1, name="stem_pool_pad")(x)  # after ReLU 0 is never above a neighbour
        padding = "valid" if even_pool else "same"
        x = tf.keras.layers.MaxPooling2D(3, strides=2, padding=padding, name="stem_pool")(x)
    return x


def shortcut(x, *, filters: int, stride: int, project: bool, norm: Callable, name: str):
    """x, or where `project`, a 1x1 convolution and batch norm of it."""
    if not project:
        return x
    x = conv(x, filters=filters, size=1, stride=stride, name=f"{name}_shortcut_conv")
    return norm(name=f"{name}_shortcut_norm")(x)


def join(x, past, *, name: str):
    """The end of a block: ReLU of the sum with what its shortcut brought past it."""
    x = tf.keras.layers.Add(name=f"{name}_add")([x, past])
    return tf.keras.layers.ReLU(name=f"{name}_out")(x)


def conv(x, *, filters: int, size: int, stride: int, name: str, groups: int = 1):
    """A convolution without bias: batch norm follows and has its own. One with groups is padded as "same" says."""
    same = stride == 1 or groups > 1
    if not same and size > 1:
        # "same" would pad one side more than the other, and which side would depend on the size of the image.
        x = tf.keras.layers.ZeroPadding2D((size - 1) // 2, name=f"{name}_pad")(x)
    return tf.keras.layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same" if same else "valid",
        groups=groups,
        use_bias=False,
        kernel_initializer=tf.keras.initializers.VarianceScaling(1.0, mode="fan_in", distribution="truncated_normal"),
        name=name,
    )(x)


def _check(image_shape, width, stem) -> None:
    one_of("stem", stem, STEMS)
    if int(64 * width) < 1:
        raise ValueError(f"`width` must be at least 1/64, which leaves one filter; got {width}.")
    sides_ok = len(image_shape) == 3 and all(side is None or side >= 1 for side in image_shape[:2])
    if not sides_ok or not image_shape[2]:
        raise ValueError(
            "`image_shape` must be (height, width, channels) with known channels, such as (32, 32, 3); "
            f"got {image_shape}."
        )
