"""Labels as users and Keras hand them over, read once: one class number, or one label set, for each image."""

from __future__ import annotations

from typing import NamedTuple, Optional

import tensorflow as tf

from supcon_tf.losses.soundness import both, refusal, require
from supcon_tf.names import NUMBERED

# 2 to the digits of the type: beyond it odd numbers have no room, and two classes may have become one on the way here.
_WHOLE_BELOW = {tf.bfloat16: 2**8, tf.float16: 2**11, tf.float32: 2**24, tf.float64: 2**53}
MISSING = "`labels` are missing; give one integer per image, negative for all of them for SimCLR."


class Labels(NamedTuple):
    """What the loss needs of labels."""

    values: tf.Tensor  # int64 [n], negative for unlabelled; or label sets float [n, C], zeros for unlabelled
    sound: object  # True, or a bool scalar of the graph: whether they are labels at all (`soundness`)


def read(
    labels,
    *,
    count,
    mismatch: str,
    mode: str = "auto",
    one_class: Optional[str] = None,
    replicas=None,
    dtype: tf.DType = tf.float32,
) -> Labels:
    """One class per image, or one label set, of this replica or of all.

    Args:
        labels: by `mode` ("auto" decides between the first and the last by the shape):
            "class": integer [B] or [B, 1], where a negative number means unlabelled. Whole numbers of a float type are
                classes, too: Keras casts labels to the type of the outputs.
            "one_hot": [B, C] of any type, zeros but for a single 1; a row of zeros means unlabelled.
            "sets": [B, C] of any type with numbers from 0 to 1: several labels per image, or shares of labels. Rows
                that are all one-hot mean the same as classes.
        count: B, int or int32 scalar: as many labels there must be.
        mismatch: what the error says if there are not, with a {} for each of the two numbers.
        mode: what is meant, one of `names.LABEL_MODES`.
        one_class: why several labels per image are refused, if they are: then rows of [B, C] must be one-hot.
        replicas: `distribution.collectives.Replicas` whose labels are gathered; None: those of this one.
        dtype: of label sets, that of the arithmetic.

    Returns:
        int64 [B], or [G] of all replicas; `dtype` [B, C] or [G, C] where rows may not be one-hot.

    Raises:
        ValueError: no labels, another type or shape, numbers of [B, C] outside 0 to 1, classes that are not whole, that
            their float type cannot tell from their neighbours or that int64 does not hold; another number of them. In a
            graph, where values are not known, see `soundness`.
    """
    labels = _numbers(labels, mode)
    alone = replicas is None or replicas.count == 1
    known = None if tf.executing_eagerly() else tf.get_static_value(labels)
    if known is None:
        own = _own(labels, mode, one_class, alone, dtype)
    else:
        with tf.init_scope():  # what a graph is made with is read, and refused, there and then
            own = _own(tf.constant(known), mode, one_class, alone, dtype)
    own = _as_many(own, count, mismatch)
    return own if alone else own._replace(values=_of_all(own.values, replicas))


def is_one_hot(label_sets: tf.Tensor) -> tf.Tensor:
    """Which rows of [B, C] are 0 but for a single 1, or all 0; bool [B]."""
    return tf.reduce_all((label_sets == 0) | (label_sets == 1), 1) & (tf.reduce_sum(label_sets, 1) <= 1)


def from_one_hot(label_sets: tf.Tensor) -> tf.Tensor:
    """int64 [B], the column of the 1 in each row; -1 for a row of zeros."""
    return tf.where(tf.reduce_any(label_sets > 0, 1), tf.argmax(label_sets, 1), -1)


def as_numbers(labels) -> tf.Tensor:
    """A tensor of numbers.

    Raises:
        ValueError: no labels, or labels that are no numbers, such as text.
    """
    if labels is None:
        raise refusal(MISSING)
    try:
        labels = tf.convert_to_tensor(labels)
    except (TypeError, ValueError) as error:
        raise refusal(
            f"`labels` must be an array of numbers; got {type(labels).__name__}. Number the classes 0, 1, 2, ...; "
            f"names become numbers by {NUMBERED}."
        ) from error
    if not (labels.dtype.is_integer or labels.dtype.is_floating or labels.dtype == tf.bool):
        raise refusal(
            f"`labels` must be numbers; got {labels.dtype.name}. Number the classes 0, 1, 2, ...; names become numbers "
            f"by {NUMBERED}."
        )
    return labels


def _numbers(labels, mode):
    """A tensor of numbers, of a shape that `mode` takes."""
    labels = as_numbers(labels)
    shape = labels.shape
    one_each = shape.rank == 1 or (shape.rank == 2 and shape[1] == 1)
    sets = shape.rank == 2 and shape[1] is not None
    if not {"auto": one_each or sets, "class": one_each}.get(mode, sets):
        wanted = {"auto": "[B], [B, 1] or [B, C]", "class": "[B] or [B, 1]"}.get(mode, "[B, C]")
        known = "" if mode == "class" else ", with C known when a graph is built"
        meant = "" if mode == "auto" else f" for label_mode='{mode}'"
        raise refusal(
            f"`labels` must have shape {wanted}{meant}{known}; got {shape}. Give one class, or one row of labels, per "
            "image, not per view."
        )
    return tf.cast(labels, tf.int32) if labels.dtype == tf.bool else labels


def _own(labels, mode, one_class, alone, dtype) -> Labels:
    """Of this replica; one-hot rows become classes where they must be one-hot, or are seen to be by whoever decides."""
    if mode == "class" or (mode == "auto" and (labels.shape.rank == 1 or labels.shape[1] == 1)):
        return _from_integers(tf.reshape(labels, [-1]))
    sound = require(
        tf.reduce_all((labels >= 0) & (labels <= 1)),
        f"`labels` of shape {labels.shape} must be from 0 to 1: how much of each label an image has. For one class "
        "per image give integers [B]; labels are per image, not per view.",
    )
    sets = tf.cast(labels, dtype)
    if mode == "one_hot":
        one_class = one_class or "that is what label_mode='one_hot' says. Several labels per image are 'sets'."
    one_hot = tf.reduce_all(is_one_hot(sets))
    if one_class is not None:
        needed = require(one_hot, f"`labels` of shape {labels.shape} must be one-hot: {one_class}")
        return Labels(from_one_hot(sets), both(sound, needed))
    seen = alone and tf.executing_eagerly() and bool(one_hot)  # others may hold other rows
    return Labels(from_one_hot(sets) if seen else sets, sound)


def _from_integers(labels) -> Labels:
    """Classes [B] of numbers [B] of any type."""
    sound = True
    if labels.dtype.is_floating:
        limit = _WHOLE_BELOW[labels.dtype]
        sound = require(
            tf.reduce_all((labels == tf.round(labels)) & (tf.abs(labels) < limit)),
            f"`labels` of type {labels.dtype.name} must be whole numbers below {limit}, beyond which this type "
            "cannot tell classes apart. Renumber the classes, or call `supervised_contrastive_loss` with integers.",
        )
        labels = tf.round(labels)
    if labels.dtype == tf.uint64:
        labels = tf.bitcast(labels, tf.int64)
        sound = require(
            tf.reduce_all(labels >= 0),
            f"`labels` of type uint64 must be below {2**63}: classes are int64 here, and a negative one means "
            "unlabelled. Renumber the classes.",
        )
    return Labels(tf.cast(labels, tf.int64), sound)


def _as_many(own: Labels, count, mismatch) -> Labels:
    """The labels, of which there must be `count`; where a graph finds others, so many of them, for the shapes' sake."""
    length = own.values.shape[0]
    if length is not None and isinstance(count, int):
        require(length == count, mismatch, length, count)
        return own
    length = tf.shape(own.values)[0] if length is None else tf.constant(length)
    sound = both(own.sound, require(tf.equal(length, count), mismatch, length, count))
    is_class = own.values.shape.rank == 1
    missing = [[0, tf.maximum(count - length, 0)], *([] if is_class else [[0, 0]])]
    values = tf.pad(own.values, missing, constant_values=-1 if is_class else 0)[:count]
    if isinstance(count, int):
        values.set_shape([count, *values.shape[1:]])
    return Labels(values, sound)


def _of_all(values, replicas):
    """The labels of all replicas, [G] or [G, C]; of one-hot rows one number an image is sent, where all are one-hot."""
    if values.shape.rank == 1 or replicas.one_program:  # whose sizes cannot depend on what is in the labels
        return replicas.gather(values)
    classes = values.shape[1]
    one_hot = tf.cast(tf.reduce_all(is_one_hot(values)), tf.int32)
    every = tf.reduce_all(replicas.gather(one_hot[None]) == 1)  # over [R]: all decide alike
    of_all = replicas.gather(from_one_hot(values))  # [G]
    if tf.executing_eagerly() and bool(every):
        return of_all
    sets = replicas.gather(values[:, : tf.where(every, 1, classes)])  # [G, C], or a column that nobody reads
    label_sets = tf.cond(every, lambda: tf.one_hot(of_all, classes, dtype=values.dtype), lambda: sets)
    return tf.ensure_shape(label_sets, [None, classes])
