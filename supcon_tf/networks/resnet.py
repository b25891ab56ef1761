"""ResNet v1 (He et al., 2016, arXiv:1512.03385) in the variant of the paper's TensorFlow code.

What distinguishes the variant: the 3x3 convolution of a bottleneck carries the stride; the first block of every group,
the first group and ResNet-18 included, has a projection shortcut; the last batch norm of a block starts with gamma 0,
so that a block starts as its shortcut; strided convolutions are padded alike on both sides.
"""

from __future__ import annotations

import functools
from typing import Callable, Optional

import tensorflow as tf

from supcon_tf.networks.residual import conv, join, residual_network, shortcut

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
    pytorch: bool = False,
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
        pytorch: as SupContrast and torchvision have it: basic blocks of the first group have no projection, and the
            pool of the stem pads both sides (`networks.published`).

    Raises:
        ValueError: unknown depth or stem, a width that leaves no filter, or an `image_shape` that is none.
    """
    _check(depth)
    return residual_network(
        functools.partial(_basic_block, project_always=not pytorch) if depth < 50 else _bottleneck_block,
        BLOCKS[depth],
        image_shape=image_shape,
        width=width,
        stem=stem,
        cross_replica_batch_norm=cross_replica_batch_norm,
        name=name or f"resnet{depth}",
        even_pool=pytorch,
    )


def _basic_block(
    x, *, filters: int, stride: int, project: bool, norm: Callable, name: str, project_always: bool = True
):
    project = project and (project_always or stride > 1)  # with stride 1 the first group has its width already
    past = shortcut(x, filters=filters, stride=stride, project=project, norm=norm, name=name)
    x = conv(x, filters=filters, size=3, stride=stride, name=f"{name}_conv1")
    x = norm(name=f"{name}_norm1")(x)
    x = tf.keras.layers.ReLU(name=f"{name}_relu1")(x)
    x = conv(x, filters=filters, size=3, stride=1, name=f"{name}_conv2")
    x = norm(name=f"{name}_norm2", zero_gamma=True)(x)
    return join(x, past, name=name)


def _bottleneck_block(x, *, filters: int, stride: int, project: bool, norm: Callable, name: str):
    past = shortcut(x, filters=4 * filters, stride=stride, project=project, norm=norm, name=name)
    for number, (size, step) in enumerate(((1, 1), (3, stride)), 1):
        x = conv(x, filters=filters, size=size, stride=step, name=f"{name}_conv{number}")
        x = norm(name=f"{name}_norm{number}")(x)
        x = tf.keras.layers.ReLU(name=f"{name}_relu{number}")(x)
    x = conv(x, filters=4 * filters, size=1, stride=1, name=f"{name}_conv3")
    x = norm(name=f"{name}_norm3", zero_gamma=True)(x)
    return join(x, past, name=name)


def _check(depth) -> None:
    if depth not in BLOCKS:
        raise ValueError(f"`depth` must be one of {', '.join(map(str, BLOCKS))}; got {depth}.")
