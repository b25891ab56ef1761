"""Rows of past images that anchors meet beside their batch: keys without gradient (paper, end of Sec. 4.4).

A queue holds one row an image, where the batch holds V. Its rows are nobody's anchors, so nothing is asked of them and
nothing is sent back to them; whoever keeps them, for instance `training.momentum_queue`, decides where they come from.
"""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional, Union

import tensorflow as tf
from numpy.typing import ArrayLike

from supcon_tf.layers.normalization import unit_rows
from supcon_tf.losses import labels as labelling
from supcon_tf.losses import pairs
from supcon_tf.losses.soundness import refusal


class Queue(NamedTuple):
    """Q past rows with their labels, the same on every replica: the memory of the paper (end of Sec. 4.4).

    A key of the class of an anchor is one of its positives, any other key a negative; an image of the batch that is in
    the queue as well counts as another image.

    Attributes:
        rows: float [Q, D], projections; of unit length, or brought to it with the batch (`normalize`).
        labels: integer [Q], negative for unlabelled.
        filled: int or int scalar: only so many of the first rows count, so that one graph serves a queue that fills;
            None: all.

    Example:
        Two past images. The first is of the class of both images of the batch, and one more positive of each.

        >>> import tensorflow as tf
        >>> from supcon_tf.losses.queue import Queue
        >>> from supcon_tf.losses.supcon import supervised_contrastive_loss
        >>> batch = tf.constant([[1.0, 0.0], [0.0, 1.0]])
        >>> past = Queue(rows=tf.constant([[0.6, 0.8], [-1.0, 0.0]]), labels=[7, 3])
        >>> values = supervised_contrastive_loss([7, 7], batch, temperature=1.0, queue=past)
        >>> [round(float(value), 4) for value in values]
        [0.86, 1.0411]
    """

    rows: ArrayLike
    labels: ArrayLike
    filled: Union[int, tf.Tensor, None] = None


def checked(queue: Queue, projections: tf.Tensor, *, normalize: bool) -> tuple[Queue, object]:
    """The queue in the types of the arithmetic: rows like the projections [B, V, D], labels int64, `filled` int32.

    Also whether its labels are sound: True, or a bool scalar (`soundness`).

    Raises:
        ValueError: shapes, types or labels are wrong.
    """
    if not isinstance(queue, Queue):
        raise refusal(f"`queue` must be a `losses.queue.Queue` or None; got {type(queue).__name__}.")
    rows = tf.convert_to_tensor(queue.rows)
    if not rows.dtype.is_floating or rows.shape.rank != 2 or not rows.shape[1:].is_compatible_with(
        projections.shape[2:]
    ):  # fmt: skip
        raise refusal(
            f"`queue.rows` must be float [Q, {projections.shape[2]}], one projection a row; got {rows.dtype.name} "
            f"{rows.shape}."
        )
    count = tf.shape(rows)[0] if rows.shape[0] is None else rows.shape[0]
    labels, sound = labelling.read(
        queue.labels, count=count, mismatch="`queue.labels` are {} and `queue.rows` {}: give one label a row.",
        one_class="a queue holds one integer per row.",
    )  # fmt: skip
    filled = tf.shape(rows)[0] if queue.filled is None else tf.cast(queue.filled, tf.int32)
    present = tf.range(tf.shape(rows)[0]) < filled  # [Q]
    rows = tf.where(present[:, None], tf.stop_gradient(tf.cast(rows, projections.dtype)), 0)
    return Queue(unit_rows(rows) if normalize else rows, tf.where(present, labels, -1), filled), sound


def after(rows: tf.Tensor, queue: Optional[Queue]) -> tf.Tensor:
    """The rows [N, D] and those of the queue, [N + Q, D]."""
    return rows if queue is None else tf.concat([rows, queue.rows], 0)


def zeros_after(gather: Callable[[tf.Tensor], tf.Tensor], queue: Optional[Queue], sent: tf.Tensor) -> tf.Tensor:
    """What replicas tell of their anchors, [M, k] gathered to [N, k], and zeros for the queue, [N + Q, k]."""
    received = gather(sent)
    return received if queue is None else tf.pad(received, [[0, tf.shape(queue.rows)[0]], [0, 0]])


def row_ids(labels: tf.Tensor, queue: Queue, *, views: int) -> pairs.RowIds:
    """The ids of the rows of the batch, and after them of the queue.

    Args:
        labels: int64 [G], one class per image of the global batch, negative for unlabelled.
        queue: as `checked` gives it.
        views: V.

    Returns:
        Ids of N + Q rows, as `pairs.row_ids` gives them of the images of both; places of the queue that are not
        filled are padding.
    """
    images, kept = tf.size(labels), tf.size(queue.labels)  # G, Q
    image = tf.concat([tf.repeat(tf.range(images), views), images + tf.range(kept)], 0)  # [N + Q]
    ids = pairs.select(pairs.row_ids(tf.concat([labels, queue.labels], 0), views=1), image)
    number = tf.range(tf.size(image))  # [N + Q]
    members = tf.math.unsorted_segment_sum(tf.ones_like(number), ids.label, images + kept)  # [G + Q], rows of a class
    present = number < tf.size(image) - kept + queue.filled  # [N + Q]
    return ids._replace(row=tf.where(present, number, -1), positives=tf.gather(members, ids.label) - 1)
