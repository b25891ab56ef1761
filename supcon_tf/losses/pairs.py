"""Who is a positive of whom, and who stands in the denominator: all of it follows from five numbers per row.

Rows are image-major everywhere: row = image * V + view. So a gather along the first axis of [B, V, D] and a reshape
to [N, D] are all that global order takes. Every function here serves a block of anchors against a block of keys as
well as the whole matrix. G = N / V are the images of the global batch.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

import tensorflow as tf

from supcon_tf.losses.labels import from_one_hot, is_one_hot


class RowIds(NamedTuple):
    """What pairs need to know about n rows; integers are int32 [n]."""

    row: tf.Tensor  # number of the row in the global batch; negative for padding, which is nobody's pair
    image: tf.Tensor  # number of its image in the global batch
    label: tf.Tensor  # class of the image, in [0, G): images of two classes share nothing; an unlabelled image is alone
    rank: tf.Tensor  # images of that class before this image
    positives: tf.Tensor  # |P(i)|; with label sets, only whether it is 0 can be relied on
    label_set: Optional[tf.Tensor] = None  # float [n, C] in [0, 1], where images may have several labels


class Rows(NamedTuple):
    """n rows, and who they are."""

    values: tf.Tensor  # float [n, D]
    ids: RowIds  # of [n]


def row_ids(labels: tf.Tensor, *, views: int, kept_images: Optional[int] = None) -> RowIds:
    """The ids of all rows of the global batch, in linear memory.

    Args:
        labels: int64 [G], one class per image of the global batch, negative for unlabelled; or label sets, float
            [G, C] from 0 to 1, zeros for unlabelled.
        views: V.
        kept_images: most positive images besides the anchor's own, whose other views are always positives; None
            keeps all.

    Returns:
        Ids of the N = G V rows.
    """
    label_sets, classes = (labels, _classes(labels)) if labels.shape.rank == 2 else (None, labels)
    images = tf.range(tf.size(classes))  # [G]
    classes = tf.where(classes < 0, -1 - tf.cast(images, tf.int64), classes)  # [G], nobody shares a negative class
    order = tf.argsort(classes, stable=True)  # [G], class by class, and in global order within a class
    ordered = tf.gather(classes, order)  # [G]
    first = tf.searchsorted(ordered, classes, side="left")  # [G], where the class of each image begins
    end = tf.searchsorted(ordered, classes, side="right")  # [G]
    rank = tf.math.invert_permutation(order) - first  # [G]
    companions = end - first - 1  # [G], other images of the class
    if kept_images is not None:
        companions = tf.minimum(companions, kept_images)
    if label_sets is not None:
        holders = tf.reduce_sum(tf.cast(label_sets > 0, tf.int32), 0)  # [C], images that have a label
        companions = tf.reduce_max(tf.where(label_sets > 0, holders - 1, 0), 1)  # [G], at least 1 if there is any
    positives = views - 1 + views * companions  # [G]
    per_image = [tf.repeat(field, views) for field in (images, first, rank, positives)]  # [N] each
    sets = None if label_sets is None else tf.repeat(label_sets, views, axis=0)  # [N, C]
    return RowIds(tf.range(tf.size(classes) * views), *per_image, sets)


def _classes(label_sets):
    """int64 [G]: the class of each one-hot row; where any row is not one-hot, 0 for all, since all may overlap."""
    one_hot = tf.reduce_all(is_one_hot(label_sets))
    return tf.where(one_hot, from_one_hot(label_sets), 0)


def select(ids: RowIds, rows: tf.Tensor) -> RowIds:
    """The ids of the rows with the given numbers, int32 [n]."""
    return RowIds(*(None if field is None else tf.gather(field, rows) for field in ids))


def compare(anchors: RowIds, keys: RowIds, *, kept_images: Optional[int] = None, dtype=tf.float32):
    """Positives and negatives of a block of anchors among a block of keys (Sec. 3.2 of the paper: P(i), N(i)).

    The anchor itself is neither. With a cap, the first `kept_images` other images of the class are positives, in
    global order; the rest of the class is neither positive nor negative, and so leaves the denominator too.

    With label sets y, a key is a positive by the overlap of its set with the anchor's (Tanimoto, 1958; for sets of 0
    and 1 the share of common labels among all labels of the two), and a negative where they share nothing:

        q_ia = y_i . y_a / ( y_i . y_i + y_a . y_a - y_i . y_a )

    Views of one image are positives by 1, whatever their labels.

    Args:
        anchors: ids of A rows.
        keys: ids of n rows.
        kept_images: as in `row_ids`; None with label sets.
        dtype: of the first result.

    Returns:
        (positives, negatives): `dtype` [A, n], the weight q of each key as a positive, from 0 to 1; and bool [A, n].
    """
    other = others(anchors, keys)  # [A, n]
    if anchors.label_set is not None:
        weight = tf.cast(_overlap(anchors, keys), dtype)  # [A, n]
        return tf.where(other, weight, 0), other & (weight == 0)
    same_class = anchors.label[:, None] == keys.label[None, :]  # [A, n]
    positives = same_class & other  # [A, n]
    if kept_images is not None:
        same_image = anchors.image[:, None] == keys.image[None, :]  # [A, n]
        anchor_is_earlier = tf.cast(anchors.rank[:, None] < keys.rank[None, :], tf.int32)  # [A, n]
        rank_among_others = keys.rank[None, :] - anchor_is_earlier  # [A, n]
        positives &= same_image | (rank_among_others < kept_images)
    return tf.cast(positives, dtype), other & ~same_class


def others(anchors: RowIds, keys: RowIds) -> tf.Tensor:
    """Keys that are rows, and not the anchor itself, bool [A, n]."""
    return (anchors.row[:, None] != keys.row[None, :]) & (keys.row >= 0)[None, :]


def _overlap(anchors, keys):
    """q of all pairs [A, n]; 1 between rows of one image."""
    common = tf.matmul(anchors.label_set, keys.label_set, transpose_b=True)  # [A, n], y_i . y_a
    sizes = [tf.reduce_sum(ids.label_set**2, 1) for ids in (anchors, keys)]  # [A], [n]
    weight = tf.math.divide_no_nan(common, sizes[0][:, None] + sizes[1][None, :] - common)  # [A, n]
    return tf.where(anchors.image[:, None] != keys.image[None, :], tf.minimum(weight, 1), 1)
