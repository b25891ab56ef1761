"""ResNeXt (Xie et al., 2017, arXiv:1611.05431) in the variant of the paper's TensorFlow code.

A block of f filters is 1x1 (2 f), grouped 3x3 (2 f, 64 groups, with the stride), 1x1 (4 f). What distinguishes the
variant from the published 32 x 4d, which has as many filters: twice the groups, so half the weights of the 3x3. Unlike
`resnet`, the last batch norm of a block starts with gamma 1, and the grouped convolution is padded as "same" says.
"""

from __future__ import annotations

import functools
from typing import Callable, Optional

import tensorflow as tf

from supcon_tf.networks.residual import conv, join, residual_network, shortcut
from supcon_tf.networks.resnet import BLOCKS as RESNETS

BLOCKS = {depth: repeats for depth, repeats in RESNETS.items() if depth >= 50}
GROUPS = 64


def resnext(
    depth: int,
    *,
    image_shape: tuple,
    width: float = 1.0,
    stem: str = "image",
    cross_replica_batch_norm: bool = True,
    groups: int = GROUPS,
    name: Optional[str] = None,
) -> tf.keras.Model:
    """Enc(x): images float [B, S, S, channels] to features [B, F], their global average pool; F is 4 int(512 width).

    On a CPU, TensorFlow has grouped convolutions only as XLA compiles them, which Keras asks for by itself.

    Args:
        depth: 50, 101, 152 or 200.
        image_shape: as of `resnet`; so are `stem`, `cross_replica_batch_norm`, and what the features are.
        width: factor on the number of filters; the groups must divide 2 int(64 width), so that with 64 it is a
            multiple of 1/2.
        groups: of the 3x3 convolutions.
        name: of the model; None is "resnext<depth>".

    Raises:
        ValueError: unknown depth, a width that the groups do not divide, or as `resnet`.

    Example:
        >>> resnext(50, image_shape=(32, 32, 3), width=0.25)
        Traceback (most recent call last):
        ValueError: `width` must give ResNeXt a multiple of 64 filters, which its 64 groups share: ...
    """
    if depth not in BLOCKS:
        raise ValueError(f"`depth` must be one of {', '.join(map(str, BLOCKS))}; got {depth}.")
    if groups < 1 or int(64 * width) < 1 or 2 * int(64 * width) % groups:
        raise ValueError(
            f"`width` must give ResNeXt a multiple of {groups} filters, which its {groups} groups share: "
            f"2 x int(64 width) = {2 * int(64 * width)}; got {width}. A multiple of {groups / 128:g} does."
        )
    return residual_network(
        functools.partial(_block, groups=groups),
        BLOCKS[depth],
        image_shape=image_shape,
        width=width,
        stem=stem,
        cross_replica_batch_norm=cross_replica_batch_norm,
        name=name or f"resnext{depth}",
    )


def _block(x, *, filters: int, stride: int, project: bool, norm: Callable, name: str, groups: int):
    past = shortcut(x, filters=4 * filters, stride=stride, project=project, norm=norm, name=name)
    for number, (size, step, shared) in enumerate(((1, 1, 1), (3, stride, groups)), 1):
        x = conv(x, filters=2 * filters, size=size, stride=step, groups=shared, name=f"{name}_conv{number}")
        x = norm(name=f"{name}_norm{number}")(x)
        x = tf.keras.layers.ReLU(name=f"{name}_relu{number}")(x)
    x = conv(x, filters=4 * filters, size=1, stride=1, name=f"{name}_conv3")
    x = norm(name=f"{name}_norm3")(x)
    return join(x, past, name=name)
