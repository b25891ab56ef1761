"""Encoders of others: of `tf.keras.applications`, of a person's own code, of a model file.

All are handed on as one kind of model, images [B, S, S, ch] to features [B, F], in which the network stands as a whole.
"""

from __future__ import annotations

import importlib
import os
import pathlib
import re

import tensorflow as tf

from supcon_tf.encoders import TORCH_FILES, form_of
from supcon_tf.failures import first_line
from supcon_tf.keras_generations import share_moments
from supcon_tf.networks.model_failures import loading
from supcon_tf.networks.model_heads import before_the_last
from supcon_tf.networks.pixels import BlueFirst, application
from supcon_tf.networks.published import from_supcontrast
from supcon_tf.paths import expanded, shown, spellable


def network_of(name: str, image_shape: tuple) -> tf.keras.Model:
    """The network itself, as its maker has it.

    Args:
        name: "keras:NAME", "MODULE:FUNCTION", or a file (`encoders.form_of`).
        image_shape: (S, S, ch).

    Returns:
        Keras model that gives features [B, F], or a map of them [B, h, w, F].

    Raises:
        ValueError: there is none, or it cannot be made for such images.
    """
    return {"keras": _of_keras, "function": _of_function, "file": _of_file}[form_of(name)](name, tuple(image_shape))


def as_encoder(
    network: tf.keras.Model, image_shape: tuple, *, name: str, blue_first: bool, cross_replica_batch_norm: bool
) -> tf.keras.Model:
    """A network as a run uses it: of one input and one row of features an image.

    Its batch norms keep their epsilon and, until `set_batch_norm_momentum` says another, their momentum. They take
    the moments of the global batch where that is asked for, and moving variances divide by n, as those of this package.

    Args:
        network: of `network_of`.
        image_shape: (S, S, ch).
        name: of the encoder, for messages; letters and digits of it name the model.
        blue_first: the network wants blue before red.
        cross_replica_batch_norm: batch norm statistics over the global batch.

    Returns:
        Keras model, images [B, S, S, ch] to features [B, F].

    Raises:
        ValueError: it does not take such images, or gives no features.

    Example:
        >>> layers = [tf.keras.Input([8, 8, 3]), tf.keras.layers.Conv2D(5, 3)]
        >>> as_encoder(tf.keras.Sequential(layers), (8, 8, 3), name="mine", blue_first=False,
        ...            cross_replica_batch_norm=False).output_shape
        (None, 5)
    """
    images = tf.keras.Input(tuple(image_shape), name="images")
    try:
        features = network(BlueFirst(name="blue_first")(images) if blue_first else images)
    except Exception as error:
        raise ValueError(_unfit(name, image_shape, network, error)) from error
    rank = getattr(getattr(features, "shape", None), "rank", None) or len(getattr(features, "shape", ()))
    if rank == 4:
        features = tf.keras.layers.GlobalAveragePooling2D(name="features")(features)  # [B, F]
    elif rank != 2 or features.shape[-1] is None:
        what = list(features.shape) if hasattr(features, "shape") else type(features).__name__
        raise ValueError(f"encoder '{name}' must give features [B, F], or a map of them [B, h, w, F]; it gives {what}.")
    for layer in share_moments(network, cross_replica=cross_replica_batch_norm):
        raise ValueError(
            f"layer '{layer.name}' of encoder '{name}' cannot take moments over several replicas: set "
            "cross_replica_batch_norm=false."
        )
    return tf.keras.Model(images, features, name=re.sub(r"\W+", "_", name).strip("_") or "encoder")


def _unfit(name: str, image_shape: tuple, network, error: Exception) -> str:
    try:
        own = list(network.input_shape[1:])
    except (AttributeError, RuntimeError, ValueError, TypeError):
        own = list(image_shape)
    wanted = f"; its own are {own}: data.image_size says another side" if own != list(image_shape) else ""
    return f"encoder '{name}' does not take images {list(image_shape)}{wanted} ({first_line(error)})."


def _of_keras(name: str, image_shape: tuple) -> tf.keras.Model:
    make = application(name)
    try:
        return make(include_top=False, weights=None, pooling="avg", input_shape=image_shape)
    except Exception as error:
        raise ValueError(f"{name} cannot be made for images {list(image_shape)}: {first_line(error)}") from error


def halves_scaling(name: str) -> bool:
    """Whether Keras divides the pixels of this network by sqrt(d) where it loads weights of its own, and only there.

    d are ImageNet's deviations. Weights of EfficientNet (not V2) hold d for variances, so that its `Normalization`
    divides by sqrt(d) alone; with `weights="imagenet"` a `Rescaling` without weights does the rest. Of all applications
    its graph alone depends on `weights`.

    Example:
        >>> halves_scaling("keras:EfficientNetB0"), halves_scaling("keras:EfficientNetV2B0"), halves_scaling("resnet18")
        (True, False, False)
    """
    return form_of(name) == "keras" and application(name).__module__.endswith(".efficientnet")


def _of_function(name: str, image_shape: tuple) -> tf.keras.Model:
    module, function = name.split(":")
    try:
        make = getattr(importlib.import_module(module), function)
        network = make(image_shape=image_shape)
    except Exception as error:
        raise ValueError(
            f"encoder '{name}': {function}(image_shape={image_shape}) of module {module} did not make one "
            f"({type(error).__name__}: {first_line(error)})."
        ) from error
    if not isinstance(network, tf.keras.Model):
        raise ValueError(f"encoder '{name}' must return a Keras model; it returned {type(network).__name__}.")
    return network


def _of_file(name: str, image_shape: tuple) -> tf.keras.Model:
    """The model of a file; one that ends in a dense layer is a classifier, of which what that is given is taken."""
    path = pathlib.Path(expanded(name))
    if not path.is_file():
        raise ValueError(f"encoder.name: there is no file {shown(str(path))}.")
    if path.suffix.lower() in TORCH_FILES:
        return from_supcontrast(path, image_shape=image_shape)
    with loading(path):
        network = tf.keras.models.load_model(spellable(os.path.abspath(path)), compile=False)
    if not getattr(network, "inputs", None):
        raise ValueError(f"{shown(str(path))} is no graph of layers: hand it over by a function, MODULE:FUNCTION.")
    inner, _ = before_the_last(network)
    return network if inner is None else tf.keras.Model(network.inputs, inner, name=network.name)
