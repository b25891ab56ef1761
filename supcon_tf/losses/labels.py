"""Labels as users and Keras hand them over, made into one class number or one label set per image."""

from __future__ import annotations

import tensorflow as tf

# 2 to the digits of the type: beyond it odd numbers have no room, and two classes may have become one on the way here.
_WHOLE_BELOW = {tf.bfloat16: 2**8, tf.float16: 2**11, tf.float32: 2**24, tf.float64: 2**53}


def read_labels(labels) -> tf.Tensor:
    """One class per image, or one label set.

    Args:
        labels: integer [B] or [B, 1], where a negative number means unlabelled; or [B, C] of any type with numbers
            from 0 to 1: one-hot, several labels per image, or shares of labels; a row of zeros means unlabelled.
            Whole numbers of a float type are taken as classes: Keras 3 casts all labels to float32 before a loss sees
            them.

    Returns:
        int64 [B], negative for unlabelled; float32 [B, C] for [B, C].

    Raises:
        ValueError: no labels, another type or shape, numbers of [B, C] outside 0 to 1, classes that are not whole or
            that their float type cannot tell from their neighbours. In a graph, where values are not known, the last
            three raise tf.errors.InvalidArgumentError when it runs.
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
            "`labels` must have shape [B], [B, 1] or [B, C], with C known when a graph is built; got "
            f"{labels.shape}. Give one class, or one row of labels, per image, not per view."
        )
    if labels.shape.rank == 1 or labels.shape[1] == 1:
        return _from_integers(tf.reshape(labels, [-1]))
    _require(
        tf.reduce_all((labels >= 0) & (labels <= 1)),
        f"`labels` of shape {labels.shape} must be from 0 to 1: how much of each label an image has. For one class "
        "per image give integers [B]; labels are per image, not per view.",
    )
    return tf.cast(labels, tf.float32)


def one_class_each(labels: tf.Tensor, reason: str) -> tf.Tensor:
    """What `read_labels` gave as int64 [B]. Label sets that are not one-hot are refused, for the `reason` given."""
    if labels.shape.rank == 1:
        return labels
    _require(tf.reduce_all(is_one_hot(labels)), f"`labels` of shape {labels.shape} must be one-hot: {reason}")
    return from_one_hot(labels)


def classes_if_known(labels: tf.Tensor) -> tf.Tensor:
    """What `read_labels` gave, as int64 [B] where the rows are seen to be one-hot, which is faster."""
    if labels.shape.rank == 2 and tf.executing_eagerly() and bool(tf.reduce_all(is_one_hot(labels))):
        return from_one_hot(labels)
    return labels


def is_one_hot(label_sets: tf.Tensor) -> tf.Tensor:
    """Which rows of [B, C] are 0 but for a single 1, or all 0; bool [B]."""
    return tf.reduce_all((label_sets == 0) | (label_sets == 1), 1) & (tf.reduce_sum(label_sets, 1) <= 1)


def from_one_hot(label_sets: tf.Tensor) -> tf.Tensor:
    """int64 [B], the column of the 1 in each row; -1 for a row of zeros."""
    return tf.where(tf.reduce_any(label_sets > 0, 1), tf.argmax(label_sets, 1), -1)


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
