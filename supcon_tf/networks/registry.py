"""Encoders by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

import tensorflow as tf

from supcon_tf.encoders import AUTO, form_of
from supcon_tf.names import ENCODERS
from supcon_tf.networks.foreign import as_encoder, halves_scaling, network_of
from supcon_tf.networks.frozen import freeze
from supcon_tf.networks.pixels import pixel_scaling, range_of
from supcon_tf.networks.resnet import resnet
from supcon_tf.networks.resnext import resnext
from supcon_tf.networks.weights import load_weights

KINDS: dict[str, Callable[..., tf.keras.Model]] = {"resnet": resnet, "resnext": resnext}

__all__ = ["ENCODERS", "build_encoder"]


def build_encoder(
    name: str,
    *,
    image_shape: tuple[int, int, int],
    width: float = 1.0,
    stem: str = "image",
    cross_replica_batch_norm: bool = True,
    weights: str = "",
    frozen: Sequence[str] = (),
    pixels: str = AUTO,
) -> tf.keras.Model:
    """The encoder called `name`: ResNet (He et al., 2015), ResNeXt (Xie et al., 2017), or a network of anybody.

    It wants images as the pipeline gives them: whitened by `pixels.pixel_scaling(name, pixels, channels=...)`, or by
    the data's own moments where that gives None. So a network of `tf.keras.applications` sees pixels by its own rule,
    in training as in whatever reads the run after it. Batch norms of networks of others keep their epsilon.

    Args:
        name: one of `names.ENCODERS`, with what comes out as of `resnet` or `resnext`; "keras:NAME", a network of
            `tf.keras.applications` without its classifier; "MODULE:FUNCTION", which is called with `image_shape` and
            returns a Keras model to features [B, F] or a map of them, which is averaged over places; a file of Keras
            (.keras, .h5), of which, where it ends in a dense layer, what that is given is taken; or a .pth file
            (`published.from_supcontrast`).
        image_shape: (S, S, channels).
        width: factor on the number of filters; of `ENCODERS` alone, as is
        stem: "image" or "small_image".
        cross_replica_batch_norm: batch norm statistics over the global batch.
        weights: file whose weights it starts with (`weights.load_weights`); "": at random, or those of its file.
        frozen: beginnings of names of layers that do not train (`frozen.freeze`).
        pixels: as of `pixel_scaling`.

    Returns:
        Keras model, images [B, S, S, channels] to features [B, F]. Call this inside `strategy.scope()`.

    Raises:
        ValueError: no encoder has that name, or the network refuses an argument.

    Example:
        >>> build_encoder("resnet18", image_shape=(32, 32, 3), width=0.0625, stem="small_image").output_shape
        (None, 32)
    """
    across, own = cross_replica_batch_norm, form_of(name) == "own"
    pixel_scaling(name, pixels, channels=image_shape[-1])  # refuses other channels than the range is of
    if own:
        network = _own(name, image_shape=image_shape, width=width, stem=stem, cross_replica_batch_norm=across)
    elif width != 1.0:
        raise ValueError(f"`width` is read by this package's own networks alone; got {width:g} for '{name}'.")
    else:
        network = network_of(name, image_shape)
    if weights:
        load_weights(network, weights, halves_scaling=halves_scaling(name))
    blue_first = range_of(name, pixels) == "caffe"
    if blue_first or not own:
        network = as_encoder(network, image_shape, name=name, blue_first=blue_first, cross_replica_batch_norm=across)
    freeze(network, frozen)
    return network


def _own(name: str, **how: Any) -> tf.keras.Model:
    kind = name.rstrip("0123456789")
    return KINDS[kind](int(name.removeprefix(kind)), name=name, **how)
