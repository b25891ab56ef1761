"""The parts of a contrastive model: an encoder that says its shapes, a head on it, copies of both, a queue's memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import tensorflow as tf

from supcon_tf.keras_generations import forgotten, remembered, tensorflow_variable
from supcon_tf.layers.heads import ProjectionHead
from supcon_tf.training.momentum_queue import Memory

WIDTH = 128  # D of the paper (Sec. 3.1)


def feature_width(layer: tf.keras.layers.Layer, inputs: Optional[int] = None) -> int:
    """F of an encoder, or D of a head on `inputs` features.

    Raises:
        ValueError: it does not say its shapes, or does not give one row an image.

    Example:
        >>> feature_width(tf.keras.Sequential([tf.keras.Input([8, 8, 3]), tf.keras.layers.Flatten()]))
        192
    """
    if inputs is not None:
        return int(layer(tf.zeros([1, inputs])).shape[-1])
    if not isinstance(layer, tf.keras.Model):
        raise ValueError(f"`encoder` must be a Keras model from images to features; got {type(layer).__name__}.")
    try:
        shape, images = layer.output_shape, layer.input_shape
    except (AttributeError, RuntimeError, ValueError):
        shape = images = None
    if not isinstance(shape, tuple) or not isinstance(images, tuple):
        raise ValueError(
            f"encoder '{layer.name}' does not say from which shape to which it goes: wrap it as "
            "tf.keras.Sequential([tf.keras.Input([S, S, ch]), encoder])."
        )
    if len(images) != 4 or len(shape) != 2 or shape[-1] is None:
        raise ValueError(
            f"encoder '{layer.name}' must go from images [B, S, S, ch] to features [B, F]; it goes from "
            f"{list(images)} to {list(shape)}. Give it one image an example, and end it in GlobalAveragePooling2D() "
            "(pooling='avg' of keras.applications). Data that are not images want a Keras model of their own with "
            '`SupConLoss`: docs/guides/keras.md, "Data that are not images".'
        )
    return int(shape[-1])


def projection_head(projection, features: int) -> tf.keras.layers.Layer:
    """The head that `SupConModel` was asked for, with its weights made.

    Args:
        projection: a layer, widths, or None.
        features: F.

    Raises:
        ValueError: something else.

    Example:
        >>> projection_head((32, 16), 64).widths, projection_head(None, 64).widths
        ((32, 16), (64, 128))
    """
    if projection is None:
        projection = (features, WIDTH)
    if isinstance(projection, Sequence) and not isinstance(projection, str):
        projection = ProjectionHead(tuple(projection), last_batch_norm=True, name="projection")
    if not isinstance(projection, tf.keras.layers.Layer):
        raise ValueError(
            f"`projection` must be a layer from features to projections, widths such as (2048, 128), or None; got "
            f"{projection!r}."
        )
    if not projection.built:
        projection.build((None, features))
    return projection


def copied(layer: tf.keras.layers.Layer, features: Optional[int] = None) -> tf.keras.layers.Layer:
    """Another of the same shape, with its weights made; on `features` where it does not know its input.

    Example:
        >>> copied(ProjectionHead((8,)), 4).weights[0].shape
        TensorShape([4, 8])
    """
    other = type(layer).from_config(layer.get_config())
    if not other.built:
        other.build((None, features))
    remembered(other, forgotten(layer))
    return other


def empty_memory(model: tf.keras.Model, size: int, width: int) -> Memory:
    """The variables of a queue as weights of a model, so that they are saved and restored with it."""

    def weight(name, shape, dtype, value):
        made = model.add_weight(
            name=name, shape=shape, dtype=dtype, trainable=False, initializer=tf.keras.initializers.Constant(value)
        )
        return tensorflow_variable(made)

    return Memory(
        weight("queue_rows", (size, width), "float32", 0.0),
        weight("queue_labels", (size,), "int64", -1),
        weight("queue_added", (), "int64", 0),
    )


def saved(thing: Any) -> Any:
    """As Keras stores it; None for None."""
    return None if thing is None else tf.keras.utils.serialize_keras_object(thing)


def loaded(stored: Any, custom_objects: Optional[dict[str, Any]] = None) -> Any:
    """What `saved` stored."""
    if not isinstance(stored, dict):
        return stored
    return tf.keras.utils.deserialize_keras_object(stored, custom_objects=custom_objects)
