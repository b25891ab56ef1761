"""Encoders by name."""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.names import ENCODERS, one_of
from supcon_tf.networks.resnet import resnet
from supcon_tf.networks.resnext import resnext

KINDS = {"resnet": resnet, "resnext": resnext}


def build_encoder(
    name: str,
    *,
    image_shape: tuple,
    width: float = 1.0,
    stem: str = "image",
    cross_replica_batch_norm: bool = True,
) -> tf.keras.Model:
    """The encoder called `name`; the other arguments, and what comes out, are those of `resnet` or `resnext`.

    Args:
        name: one of `names.ENCODERS`.
        image_shape: (S, S, channels).
        width: factor on the number of filters.
        stem: "image" or "small_image".
        cross_replica_batch_norm: batch norm statistics over the global batch.

    Returns:
        Keras model, images [B, S, S, channels] to features [B, F]. Call this inside `strategy.scope()`.

    Raises:
        ValueError: no encoder has that name, or the network refuses an argument.

    Example:
        >>> build_encoder("resnet18", image_shape=(32, 32, 3), width=0.0625, stem="small_image").output_shape
        (None, 32)
    """
    one_of("encoder", name, ENCODERS)
    kind = name.rstrip("0123456789")
    return KINDS[kind](
        int(name.removeprefix(kind)),
        image_shape=image_shape,
        width=width,
        stem=stem,
        cross_replica_batch_norm=cross_replica_batch_norm,
        name=name,
    )
