"""Projections, labels and queue as they are handed over, made into what the loss computes with, or refused."""

from __future__ import annotations

import warnings
from typing import Optional

import tensorflow as tf

from supcon_tf.layers.normalization import unit_rows
from supcon_tf.losses import labels as labelling
from supcon_tf.losses import queue as queues
from supcon_tf.losses.soundness import both, refusal

_UNIT = 0.01  # how far from 1 a length is seen to be; of a unit row in 16 bits it is off by a quarter of that


def with_views(projections, *, normalize: bool) -> tf.Tensor:
    """Projections [B, V, D] or [B, D] as [B, V, D] in the type of the arithmetic, of unit length where asked for.

    Raises:
        ValueError: another type or shape. Rows that are seen, eagerly, not to be of unit length get a warning.
    """
    projections = tf.convert_to_tensor(projections)
    if not projections.dtype.is_floating:
        raise refusal(f"`projections` must be of a float type; got {projections.dtype.name}.")
    if projections.shape.rank == 2:
        projections = projections[:, None]  # [B, 1, D]
    if projections.shape.rank != 3 or None in projections.shape[1:] or projections.shape[1] == 0:
        raise refusal(
            "`projections` must have shape [B, V, D], or [B, D] for one view, with V >= 1 and D known when a graph is "
            f"built; got {projections.shape}. Flatten feature maps, and state unknown sizes with tf.ensure_shape."
        )
    if normalize:
        return unit_rows(projections)
    projections = projections if projections.dtype == tf.float64 else tf.cast(projections, tf.float32)
    if tf.executing_eagerly():
        _warn_of_lengths(tf.norm(projections, axis=-1))
    return projections


def _warn_of_lengths(lengths):
    if bool(tf.reduce_any(tf.abs(lengths - 1) > _UNIT)):
        shortest, longest = float(tf.reduce_min(lengths)), float(tf.reduce_max(lengths))
        warnings.warn(
            f"rows of `projections` have lengths from {shortest:.3g} to {longest:.3g}, and the loss is meant for unit "
            "rows: leave `normalize` at True, or end the network in `layers.normalization.UnitNorm`.",
            stacklevel=5,  # the caller of the loss, past `do_not_convert`
        )


def read(
    labels,
    projections: tf.Tensor,
    queue: Optional[queues.Queue],
    *,
    positives_cap,
    normalize,
    label_mode,
    replicas,
    one_class: Optional[str] = None,
) -> tuple:
    """Labels of all replicas, int64 [G] or float [G, C]; the queue, checked; whether both are sound (`soundness`).

    Args:
        labels: of this replica, as `supervised_contrastive_loss` takes them.
        projections: [B, V, D], one label each.
        queue: or None.
        positives_cap: as it takes it.
        normalize: as it takes it.
        label_mode: as it takes it.
        replicas: `distribution.collectives.Replicas`; None: this one alone.
        one_class: why several labels per image are refused, if they are.

    Raises:
        ValueError: labels, projections, cap and queue do not fit one another, or are wrong by themselves.
    """
    views, reason, sound = projections.shape[1], one_class, True
    if positives_cap is not None:
        reason = "`positives_cap` counts images of a class. Give one integer per image."
        if queue is not None:
            raise refusal("`positives_cap` counts images of the batch, so it has no meaning with a `queue`.")
        if positives_cap % views:
            raise refusal(f"`positives_cap` must be a multiple of the {views} views; got {positives_cap}.")
    if queue is not None:
        reason = "a `queue` has one label per row. Give one integer per image."
        queue, sound = queues.checked(queue, projections, normalize=normalize)
    count = tf.shape(projections)[0] if projections.shape[0] is None else projections.shape[0]
    labels, labels_sound = labelling.read(
        labels,
        count=count,
        mismatch=_mismatch(views),
        mode=label_mode,
        one_class=reason,
        replicas=replicas,
        dtype=projections.dtype,
    )
    return labels, queue, both(sound, labels_sound)


def _mismatch(views):
    """What is said of labels and projections of two numbers of images, {} each."""
    of_views = f"the {views} views of an image" if views > 1 else "the views of an image, of which there is 1 here,"
    return (
        "`labels` are for {} images and `projections` for {}: give one label per image, and "
        f"{of_views} along the second axis of [B, V, D]."
    )
