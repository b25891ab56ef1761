"""Labels as users and Keras hand them over, made into one class number per image."""

from __future__ import annotations

import tensorflow as tf

# 2 to the digits of the type: beyond it odd numbers have no room, and two classes may have become one on the way here.
_WHOLE_BELOW = {tf.bfloat16: 2**8, tf.float16: 2**11, tf.float32: 2**24, tf.float64: 2**53}


def class_numbers(labels) -> tf.Tensor:
    """One class per image.

    Args:
        labels: integer [B] or [B, 1], where a negative number means unlabelled; or one-hot [B, C] of any type, where
            a row of zeros means unlabelled. Whole numbers of a float type are taken: Keras 3 casts all labels to
            float32 before a loss sees them.

    Returns:
        int64 [B]; negative means unlabelled.

    Raises:
        ValueError: no labels, another type or shape, rows of [B, C] that are not one-hot, numbers that are not whole or
            that their float type cannot tell from their neighbours. In a graph, where values are not known, the last
            two raise tf.errors.InvalidArgumentError when it runs.
    """
    if labels is None:
        raise ValueError("`labels` are missing; give one integer per image, negative for all of them for SimCLR.")
    labels = tf.convert_to_tensor(labels)
    if not (labels.dtype.is_integer or labels.dtype.is_floating or labels.dtype == tf.bool):
        raise ValueError(f"`labels` must be numbers; got {labels.dtype.name}. Number the classes 0, 1, 2, ...")
    if labels.dtype == tf.bool:
        labels = tf.cast(labels, tf.int32)
    if labels.shape.rank not in (1, 2) or (labels.shape.rank == 2 and labels.shape[1] is None):
        raise ValueError(
            "`labels` must have shape [B], [B, 1] or one-hot [B, C], with C known when a graph is built; got "
            f"{labels.shape}. Give one class per image, not per view."
        )
    if labels.shape.rank == 2 and labels.shape[1] != 1:
        return _from_one_hot(labels)
    return _from_integers(tf.reshape(labels, [-1]))


def _from_one_hot(labels):
    """int64 [B]; -1 for a row of zeros."""
    ones = tf.cast(labels == 1, tf.int64)  # [B, C]
    marks = tf.reduce_sum(ones, 1)  # [B]
    _require(
        tf.reduce_all((labels == 0) | (labels == 1)) & tf.reduce_all(marks <= 1),
        f"`labels` of shape {labels.shape} must be one-hot: each row 0 but for a single 1, or all 0 for unlabelled. "
        "Smoothed, mixed or several labels per image have no single class; give integers [B].",
    )
    return tf.where(marks == 1, tf.argmax(ones, 1), -1)


def _from_integers(labels):
    """int64 [B]."""
    if labels.dtype.is_floating:
        limit = _WHOLE_BELOW[labels.dtype]
        _require(
            tf.reduce_all((labels == tf.round(labels)) & (tf.abs(labels) < limit)),
            f"`labels` of type {labels.dtype.name} must be whole numbers below {limit}, beyond which this type "
            "cannot tell classes apart. Renumber the classes, or call `supervised_contrastive_loss` with integers.",
        )
        labels = tf.round(labels)
    return tf.cast(labels, tf.int64)


def _require(condition, message):
    """ValueError where values are known; an assertion of the graph where they are not (XLA leaves it out)."""
    if not tf.executing_eagerly():
        tf.debugging.Assert(condition, [message])
    elif not bool(condition):
        raise ValueError(message)
