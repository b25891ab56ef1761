"""Who is a positive of whom, and who stands in the denominator: all of it follows from five numbers per row.

Rows are image-major everywhere: row = image * V + view. So a gather along the first axis of [B, V, D] and a reshape
to [N, D] are all that global order takes. Every function here serves a block of anchors against a block of keys as
well as the whole matrix. G = N / V are the images of the global batch.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

import tensorflow as tf


class RowIds(NamedTuple):
    """What pairs need to know about n rows; each field is int32 [n]."""

    row: tf.Tensor  # number of the row in the global batch
    image: tf.Tensor  # number of its image in the global batch
    label: tf.Tensor  # class of the image, in [0, G); an unlabelled image is alone in its class
    rank: tf.Tensor  # images of that class before this image
    class_size: tf.Tensor  # images of that class


def row_ids(classes: tf.Tensor, *, views: int) -> RowIds:
    """The ids of all rows of the global batch, in linear memory.

    Args:
        classes: int64 [G], one class per image of the global batch; negative means unlabelled.
        views: V.

    Returns:
        Ids of the N = G V rows.
    """
    images = tf.range(tf.size(classes))  # [G]
    classes = tf.where(classes < 0, -1 - tf.cast(images, tf.int64), classes)  # [G], nobody shares a negative class
    order = tf.argsort(classes, stable=True)  # [G], class by class, and in global order within a class
    ordered = tf.gather(classes, order)  # [G]
    first = tf.searchsorted(ordered, classes, side="left")  # [G], where the class of each image begins
    end = tf.searchsorted(ordered, classes, side="right")  # [G]
    rank = tf.math.invert_permutation(order) - first  # [G]
    per_image = [tf.repeat(field, views) for field in (images, first, rank, end - first)]  # [N] each
    return RowIds(tf.range(tf.size(classes) * views), *per_image)


def select(ids: RowIds, rows: tf.Tensor) -> RowIds:
    """The ids of the rows with the given numbers, int32 [n]."""
    return RowIds(*(tf.gather(field, rows) for field in ids))


def masks(anchors: RowIds, keys: RowIds, *, kept_images: Optional[int] = None) -> tuple[tf.Tensor, tf.Tensor]:
    """Positives and negatives of a block of anchors among a block of keys (Sec. 3.2 of the paper: P(i), N(i)).

    The anchor itself is neither. With a cap, the first `kept_images` other images of the class are positives, in
    global order; the rest of the class is neither positive nor negative, and so leaves the denominator too.

    Args:
        anchors: ids of A rows.
        keys: ids of n rows.
        kept_images: most positive images besides the anchor's own, whose other views are always positives; None
            keeps all.

    Returns:
        (positives, negatives), bool [A, n] each.
    """
    same_class = anchors.label[:, None] == keys.label[None, :]  # [A, n]
    positives = same_class & (anchors.row[:, None] != keys.row[None, :])  # [A, n]
    if kept_images is not None:
        same_image = anchors.image[:, None] == keys.image[None, :]  # [A, n]
        anchor_is_earlier = tf.cast(anchors.rank[:, None] < keys.rank[None, :], tf.int32)  # [A, n]
        rank_among_others = keys.rank[None, :] - anchor_is_earlier  # [A, n]
        positives &= same_image | (rank_among_others < kept_images)
    return positives, ~same_class


def positive_counts(anchors: RowIds, *, views: int, kept_images: Optional[int] = None) -> tf.Tensor:
    """|P(i)| of each anchor, int32 [A], without looking at pairs.

    Args:
        anchors: ids of A rows.
        views: V.
        kept_images: as in `masks`.
    """
    other_images = anchors.class_size - 1  # [A]
    if kept_images is not None:
        other_images = tf.minimum(other_images, kept_images)
    return views - 1 + views * other_images
