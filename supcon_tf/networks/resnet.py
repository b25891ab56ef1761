"""ResNet v1 (He et al., 2016, arXiv:1512.03385) in the variant of the paper's TensorFlow code.

What distinguishes the variant: the 3x3 convolution of a bottleneck carries the stride; the first block of every group,
the first group and ResNet-18 included, has a projection shortcut; the last batch norm of a block starts with gamma 0,
so that a block starts as its shortcut; strided convolutions are padded alike on both sides.
"""

from __future__ import annotations

import functools
from typing import Callable, Optional

import tensorflow as tf

from supcon_tf.layers.normalization import batch_norm
from supcon_tf.names import STEMS, one_of

BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}


def resnet(
    depth: int,
    *,
    image_shape: tuple,
    width: float = 1.0,
    stem: str = "image",
    cross_replica_batch_norm: bool = True,
    name: Optional[str] = None,
) -> tf.keras.Model:
    """Enc(x): images float [B, S, S, channels] to features [B, F], their global average pool.

    Features have the compute type of the global precision policy, for instance bfloat16 under "mixed_bfloat16"; the
    heads and `UnitNorm` bring them to float32. F is int(512 width) for depths 18 and 34, else 4 int(512 width).

    Args:
        depth: 18, 34 (basic blocks), 50, 101, 152 or 200 (bottlenecks).
        image_shape: (S, S, channels); a side may be None, and images need not be square.
        width: factor on the number of filters of every layer; group i = 0..3 has int(64 2^i width).
        stem: "image" is a 7x7 convolution of stride 2 and a 3x3 max pool of stride 2 (ImageNet); "small_image" is a
            3x3 convolution of stride 1 (CIFAR).
        cross_replica_batch_norm: batch norm statistics over the global batch, as in the paper.
        name: of the model; None is "resnet<depth>".

    Raises:
        ValueError: unknown depth or stem, a width that leaves no filter, or an `image_shape` that is none.
    """
    _check(depth, image_shape, width, stem)
    norm = functools.partial(batch_norm, cross_replica=cross_replica_batch_norm)
    block = _basic_block if depth < 50 else _bottleneck_block
    images = tf.keras.Input(tuple(image_shape), name="images")
    x = _stem(images, kind=stem, filters=int(64 * width), norm=norm)
    for group, repeats in enumerate(BLOCKS[depth]):
        for repeat in range(repeats):
            x = block(
                x,
                filters=int(64 * 2**group * width),
                stride=2 if group > 0 and repeat == 0 else 1,
                project=repeat == 0,
                norm=norm,
                name=f"group{group + 1}_block{repeat + 1}",
            )
    features = tf.keras.layers.GlobalAveragePooling2D(name="features")(x)  # [B, F]
    return tf.keras.Model(images, features, name=name or f"resnet{depth}")


def _stem(x, *, kind: str, filters: int, norm: Callable):
    size, stride = (7, 2) if kind == "image" else (3, 1)
    x = _conv(x, filters=filters, size=size, stride=stride, name="stem_conv")
    x = norm(name="stem_norm")(x)
    x = tf.keras.layers.ReLU(name="stem_relu")(x)
    if kind == "image":
        x = tf.keras.layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)
    return x


def _basic_block(x, *, filters: int, stride: int, project: bool, norm: Callable, name: str):
    shortcut = _shortcut(x, filters=filters, stride=stride, project=project, norm=norm, name=name)
    x = _conv(x, filters=filters, size=3, stride=stride, name=f"{name}_conv1")
    x = norm(name=f"{name}_norm1")(x)
    x = tf.keras.layers.ReLU(name=f"{name}_relu1")(x)
    x = _conv(x, filters=filters, size=3, stride=1, name=f"{name}_conv2")
    x = norm(name=f"{name}_norm2", zero_gamma=True)(x)
    return _join(x, shortcut, name=name)


def _bottleneck_block(x, *, filters: int, stride: int, project: bool, norm: Callable, name: str):
    shortcut = _shortcut(x, filters=4 * filters, stride=stride, project=project, norm=norm, name=name)
    for number, (size, step) in enumerate(((1, 1), (3, stride)), 1):
        x = _conv(x, filters=filters, size=size, stride=step, name=f"{name}_conv{number}")
        x = norm(name=f"{name}_norm{number}")(x)
        x = tf.keras.layers.ReLU(name=f"{name}_relu{number}")(x)
    x = _conv(x, filters=4 * filters, size=1, stride=1, name=f"{name}_conv3")
    x = norm(name=f"{name}_norm3", zero_gamma=True)(x)
    return _join(x, shortcut, name=name)


def _shortcut(x, *, filters: int, stride: int, project: bool, norm: Callable, name: str):
    if not project:
        return x
    x = _conv(x, filters=filters, size=1, stride=stride, name=f"{name}_shortcut_conv")
    return norm(name=f"{name}_shortcut_norm")(x)


def _join(x, shortcut, *, name: str):
    x = tf.keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return tf.keras.layers.ReLU(name=f"{name}_out")(x)


def _conv(x, *, filters: int, size: int, stride: int, name: str):
    """A convolution without bias: batch norm follows and has its own."""
    if stride > 1 and size > 1:
        # "same" would pad one side more than the other, and which side would depend on the size of the image.
        x = tf.keras.layers.ZeroPadding2D((size - 1) // 2, name=f"{name}_pad")(x)
    return tf.keras.layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        kernel_initializer=tf.keras.initializers.VarianceScaling(1.0, mode="fan_in", distribution="truncated_normal"),
        name=name,
    )(x)


def _check(depth, image_shape, width, stem) -> None:
    if depth not in BLOCKS:
        raise ValueError(f"`depth` must be one of {', '.join(map(str, BLOCKS))}; got {depth}.")
    one_of("stem", stem, STEMS)
    if int(64 * width) < 1:
        raise ValueError(f"`width` must be at least 1/64, which leaves one filter; got {width}.")
    sides_ok = len(image_shape) == 3 and all(side is None or side >= 1 for side in image_shape[:2])
    if not sides_ok or not image_shape[2]:
        raise ValueError(
            "`image_shape` must be (height, width, channels) with known channels, such as (32, 32, 3); "
            f"got {image_shape}."
        )
