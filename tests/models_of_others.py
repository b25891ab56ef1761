"""Models as other people make them: plain Keras layers, without this package."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import tensorflow as tf


def digits_model(last: str = "softmax", *, classes: int = 10, channels: int = 1, side=8, **first) -> tf.keras.Model:
    """A nested model, a pooled feature of 6 numbers, dropout, and a dense classifier; weights by a fixed seed."""
    tf.keras.utils.set_random_seed(3)
    layers = tf.keras.layers
    base = tf.keras.Sequential(
        [tf.keras.Input((side, side, channels)), layers.Conv2D(6, 3, activation="relu", name="inner")], name="base"
    )
    return tf.keras.Sequential(
        [
            tf.keras.Input((side, side, channels), **first),
            base,
            layers.GlobalAveragePooling2D(name="pooled"),
            layers.Dropout(0.5),
            layers.Dense(classes, name="classes", kernel_initializer="random_normal"),
            layers.Activation(last, name="last"),
        ]
    )


def parts(model: tf.keras.Model, images: np.ndarray) -> dict:
    """What it gives of images [n, S, S, ch], by its own `predict`: a map, features, logits."""
    pooled = tf.keras.Sequential([model.get_layer("base"), model.get_layer("pooled")])
    features = pooled.predict(images, verbose=0)
    return {
        "map": model.get_layer("base").predict(images, verbose=0),
        "features": features,
        "logits": features @ model.get_layer("classes").get_weights()[0] + model.get_layer("classes").get_weights()[1],
        "answers": model.predict(images, verbose=0),
    }


def export(model: tf.keras.Model, path) -> None:
    """A SavedModel, quietly."""
    with contextlib.redirect_stdout(io.StringIO()):
        model.export(str(path))


def digits() -> dict:
    """Split to (uint8 [n, 8, 8, 1], labels), from scikit-learn, in the order and split that the library has."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels, labels = np.round(found.images[..., None] * 255 / 16).astype(np.uint8), found.target
    generator, in_test = np.random.RandomState(0), np.zeros(len(labels), bool)
    for label in range(10):
        members = generator.permutation(np.flatnonzero(labels == label))
        in_test[members[: round(0.3 * len(members))]] = True
    return {"train": (pixels[~in_test], labels[~in_test]), "test": (pixels[in_test], labels[in_test])}
