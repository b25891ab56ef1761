"""Weights from a file into a network that is built: all of them, or an error."""

from __future__ import annotations

import os
import pathlib

import h5py
import numpy as np
import tensorflow as tf

from supcon_tf.keras_generations import give_weights, inner_layers, renew_copies
from supcon_tf.networks.model_failures import loading
from supcon_tf.networks.model_heads import before_the_last
from supcon_tf.networks.published import load_authors
from supcon_tf.paths import expanded, shown, spellable

ENDINGS = (".weights.h5", ".h5", ".hdf5", ".keras")


IMAGENET_DEVIATION = (0.229, 0.224, 0.225)  # of red, green and blue in 0..1


def load_weights(network: tf.keras.Model, file: str, *, halves_scaling: bool = False) -> None:
    """Gives a network the weights of a file, where they are the weights of such a network.

    Args:
        network: built.
        file: `.weights.h5` of `save_weights`; `.h5`, layer by layer, as keras.io publishes them; `.keras`, a model, of
            which, where it ends in a dense layer, that is left out; or a checkpoint of the authors' code, without the
            ending of its files (`published.load_authors`).
        halves_scaling: Keras scales the pixels of such a network once more where it loads weights of its own
            (`foreign.halves_scaling`), and the network has no layer for that: its `Normalization` takes it over.

    Raises:
        ValueError: there is no such file, it cannot be read, or its weights differ from the network's in number or
            shape.

    Example:
        >>> load_weights(tf.keras.Sequential(), "nowhere.weights.h5")
        Traceback (most recent call last):
        ValueError: encoder.weights: there is no file nowhere.weights.h5.
    """
    path = pathlib.Path(expanded(file))
    if pathlib.Path(f"{path}.index").is_file():
        load_authors(network, spellable(os.path.abspath(path)))
        return
    if not path.is_file():
        raise ValueError(f"encoder.weights: there is no file {shown(str(path))}.")
    if not path.name.lower().endswith(ENDINGS):
        raise ValueError(
            f"encoder.weights: {shown(path.name)} is no file of weights ({', '.join(ENDINGS)}), and no checkpoint of "
            "the authors' code. A .pth file is an encoder: encoder.name=FILE.pth."
        )
    place = spellable(os.path.abspath(path))
    with loading(path):
        if path.suffix.lower() == ".keras":
            model = tf.keras.models.load_model(place, compile=False)
            _copy(network, model)
            if halves_scaling and _rescalings(model) > _rescalings(network):
                _scale_wholly(network)
            return
        if path.name.lower().endswith(".weights.h5"):
            _require_as_many(network, place)
        network.load_weights(place)
    if halves_scaling:
        _scale_wholly(network)


def _rescalings(model: tf.keras.Model) -> int:
    return sum(isinstance(layer, tf.keras.layers.Rescaling) for layer in inner_layers(model))


def _scale_wholly(network: tf.keras.Model) -> None:
    """Where a `Normalization` holds ImageNet's deviations d for variances, it divides by d, and not by sqrt(d).

    Then its variances are d^2, so that no file of such a network is changed again.
    """
    for layer in inner_layers(network):
        if isinstance(layer, tf.keras.layers.Normalization) and len(layer.weights) > 1:
            variance = layer.weights[1]  # after the mean
            if variance.shape == (3,) and np.allclose(variance, IMAGENET_DEVIATION, rtol=1e-4):
                variance.assign(np.square(variance))
    renew_copies(network)


def _copy(network: tf.keras.Model, model: tf.keras.Model) -> None:
    """The weights of another model of the same layers, in their order."""
    inner, _ = before_the_last(model) if getattr(model, "inputs", None) else (None, "")
    source = model if inner is None else tf.keras.Model(model.inputs, inner)
    values, wanted = source.get_weights(), [tuple(weight.shape) for weight in network.weights]
    shapes = [tuple(np.shape(value)) for value in values]
    if shapes != wanted:
        pairs = enumerate(zip(shapes, wanted), 1)
        differ = (f"number {n} has {found} for {own}" for n, (found, own) in pairs if found != own)
        raise ValueError(
            f"its {len(shapes)} weights are not the {len(wanted)} of '{network.name}': "
            f"{next(differ, 'they differ in number')}."
        )
    give_weights(network, values)


def _require_as_many(network: tf.keras.Model, place: str) -> None:
    """Keras reads what it looks for and says nothing of the rest."""
    found = []
    with h5py.File(place) as file:
        kept = [group for name, group in file.items() if not name.startswith(("optimizer", "metrics"))]
        for group in kept:
            group.visititems(lambda _, node: found.append(node) if isinstance(node, h5py.Dataset) else None)
    if len(found) != len(network.weights):
        raise ValueError(f"it has {len(found)} weights; '{network.name}' has {len(network.weights)}.")
