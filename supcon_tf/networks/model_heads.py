"""Where the features of a classifier are: before the dense layer that it ends in."""

from __future__ import annotations

import tensorflow as tf


def before_the_last(model: tf.keras.Model) -> tuple:
    """What the last dense layer is given, and this in words, where the model ends in it, alone or with an activation.

    Returns:
        (symbolic tensor, words); (None, "") for a model that ends in something else, or in several things.

    Example:
        >>> dense = tf.keras.layers.Dense(3, "softmax", name="classes")
        >>> before_the_last(tf.keras.Sequential([tf.keras.Input([4]), dense]))[1]
        "what the last dense layer, 'classes', is given"
    """
    if len(model.outputs) > 1:
        return None, ""
    layers = list(model.layers)
    while layers and isinstance(layers[-1], (tf.keras.layers.Activation, tf.keras.layers.Softmax)):
        layers.pop()
    last = layers[-1] if layers else None
    if not isinstance(last, tf.keras.layers.Dense) or last.units != model.outputs[0].shape[-1]:
        return None, ""
    return last.input, f"what the last dense layer, '{last.name}', is given"
