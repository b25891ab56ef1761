"""Parts of an encoder that do not train, by the names of their layers."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from supcon_tf.keras_generations import inner_layers
from supcon_tf.names import nearest


def freeze(encoder: tf.keras.Model, prefixes: Sequence[str]) -> list[str]:
    """Layers whose name begins with one of these do not train from now on; their batch norm keeps its averages.

    Call it before the first step is traced and before an optimizer is built.

    Args:
        encoder: whose layers are meant, at any depth; a nested model is a layer, too, and all in it is frozen with it.
        prefixes: beginnings of names; none freezes nothing.

    Returns:
        Names of the layers that have weights and were frozen.

    Raises:
        ValueError: no layer with weights has such a name.

    Example:
        >>> layers = [tf.keras.layers.Dense(3, name="low"), tf.keras.layers.Dense(2, name="high")]
        >>> model = tf.keras.Sequential([tf.keras.Input([4]), *layers])
        >>> freeze(model, ("lo",)), len(model.trainable_variables)
        (['low'], 2)
    """
    layers = [layer for layer in inner_layers(encoder) if layer is not encoder and layer.weights]
    order = {id(weight): place for place, weight in enumerate(encoder.weights)}
    layers.sort(key=lambda layer: order[id(layer.weights[0])])  # each generation walks in an order of its own
    frozen = []
    for prefix in prefixes:
        found = [layer for layer in layers if layer.name.startswith(prefix)]
        if not found:
            names = [layer.name for layer in layers]
            listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
            raise ValueError(
                f"`encoder.frozen`: no layer of '{encoder.name}' with weights has a name that begins with "
                f"'{prefix}'.{nearest(prefix, names)} Its first ones: {listed}."
            )
        frozen += found
    for layer in frozen:
        layer.trainable = False
    return [layer.name for layer in frozen]
