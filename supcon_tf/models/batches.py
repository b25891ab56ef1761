"""What `fit` hands to a contrastive model, read once: images or views, and one class an image."""

from __future__ import annotations

from typing import Callable, Optional

import tensorflow as tf

from supcon_tf.augment.geometry import require_unit_range, unit_range
from supcon_tf.keras_generations import accumulates
from supcon_tf.losses import labels as labelling
from supcon_tf.losses.soundness import both, poisoned, refusal, require

_WANTED = "views [B, V, S, S, ch], or images [B, S, S, ch] with augment=sc.TwoViews(...)"


def views_of(images: tf.Tensor, augment: Optional[Callable]) -> tf.Tensor:
    """Views, float [B, V, S, S, ch], in [0, 1] where they came as uint8 or were drawn here.

    Args:
        images: uint8 or float, [B, S, S, ch] or [B, V, S, S, ch].
        augment: from images to views, asked for images alone.

    Raises:
        ValueError: another shape; or images where nobody draws views.
    """
    require_one_array(images)
    images = tf.convert_to_tensor(images)
    rank = images.shape.rank
    if rank not in (4, 5):
        raise refusal(f"images of shape {images.shape} cannot be trained on. Wanted: {_WANTED}.")
    if rank == 4 and augment is None:
        raise refusal(
            f"images of shape {images.shape} are one view each, and this model has no `augment` to draw views with. "
            f"Wanted: {_WANTED}."
        )
    views = augment(require_unit_range(images)) if rank == 4 else unit_range(images)
    if views.shape.rank != 5 or views.shape[1] is None:
        raise refusal(f"`augment` must give views [B, V, S, S, ch], V known; got shape {views.shape}.")
    return tf.cast(views, tf.float32)


def require_one_array(images) -> None:
    """Raises where images come as a dict, list or tuple of arrays."""
    if isinstance(images, (dict, list, tuple)):
        raise refusal(f"SupConModel takes one array of images; got a {type(images).__name__}. Wanted: {_WANTED}.")


def require_two(of_all: tf.Tensor, steps: tf.Tensor) -> None:
    """Raises where the first batch has one image: nobody to be compared with. A last batch may have one.

    Args:
        of_all: G, int scalar.
        steps: done so far, int scalar.
    """
    message = "a batch must have 2 images or more to compare; got {}. Set batch_size=64 or so."
    require((of_all > 1) | (tf.cast(steps, tf.int32) > 0), message, of_all)


def classes_of(labels, *, count, classes: Optional[int], why: str) -> tuple:
    """(one class an image, int64 [B]; whether they are sound, for `poisoned`).

    Args:
        labels: integer [B] or [B, 1], or one-hot [B, C].
        count: B.
        classes: C, where each must be one of 0 to C - 1; None: any number, negative for unlabelled.
        why: one class an image is needed.

    Raises:
        ValueError: other labels; in a graph a tf.errors.InvalidArgumentError (`losses.soundness`).
    """
    found, sound = labelling.read(
        labels, count=count, one_class=why,
        mismatch="`labels` are {} and images {}: give one label an image.",
    )  # fmt: skip
    if classes is None:
        return found, sound
    inside = require(
        tf.reduce_all((found >= 0) & (found < classes)),
        f"the joint classifier has {classes} classes: labels must be from 0 to {classes - 1}; got {{}} to {{}}. Set "
        "`classes`, or leave unlabelled images out.",
        tf.reduce_min(found),
        tf.reduce_max(found),
    )
    return found, both(sound, inside)


def read(data: tuple, augment: Optional[Callable], *, classes: Optional[int], one_class: str) -> tuple:
    """(views float32 [B, V, S, S, ch], labels) of what a step gets.

    Args:
        data: as Keras hands it to `train_step`.
        augment: as in `views_of`.
        classes: as in `classes_of`.
        one_class: as `why` there; "" leaves labels as they are, to the loss.

    Raises:
        ValueError: labels are missing, there are weights, or as above.
    """
    images, labels, weights = tf.keras.utils.unpack_x_y_sample_weight(data)
    if labels is None:
        raise refusal(f"{labelling.MISSING} `fit` takes (images, labels).")
    no_weights(weights)
    views = views_of(images, augment)
    if not one_class:
        labels = tf.convert_to_tensor(labels)
        return views, labels[:, 0] if labels.shape.rank == 2 and labels.shape[1] == 1 else labels
    count = tf.shape(views)[0] if views.shape[0] is None else views.shape[0]
    labels, sound = classes_of(labels, count=count, classes=classes, why=one_class)
    return poisoned(views, sound), labels


def no_weights(*weights) -> None:
    """Raises where there are `sample_weight` or `class_weight`, which are None else."""
    if any(weight is not None for weight in weights):
        raise refusal("SupConModel knows no `sample_weight` and no `class_weight`: leave them out, or draw images of "
                      "rare classes more often.")  # fmt: skip


def require_room(of_all: tf.Tensor, size: int) -> None:
    """Raises where a batch has more images than the queue has places.

    Args:
        of_all: G, int or int scalar.
        size: Q.
    """
    require(
        of_all <= size,
        f"a queue of {size} rows must hold the images of a batch, which are {{}}: set queue_size to a multiple of the "
        "batch.",
        of_all,
    )


def require_each_its_update(optimizer: tf.keras.optimizers.Optimizer) -> None:
    """Raises where the optimizer sums the gradients of several batches.

    Args:
        optimizer: that of `compile`.
    """
    if accumulates(optimizer):
        raise refusal(
            "`gradient_accumulation_steps` of the optimizer compares the images of each small batch with themselves "
            "only: leave it out, give `fit` the large batch, and make the model with "
            "SupConModel(microbatches=k), which takes its exact gradient in k parts."
        )


def look(x, y, augment: Optional[Callable], *, classes: Optional[int], one_class: str, batch_size) -> None:
    """Reads what `fit` is about to read, before there is a graph, whose errors fill a screen.

    Args:
        x: images with labels `y`, or a dataset of batches of both, whose first is read; anything else is left to `fit`.
        y: labels.
        augment, classes, one_class: as in `read`.
        batch_size: images of a batch, where `fit` is told.

    Raises:
        ValueError: as `read` does, and for a batch of one image.
    """
    require_one_array(x)
    if isinstance(x, tf.data.Dataset):
        batch = next(iter(x.take(1)), None)
        require_one_array(batch[0] if isinstance(batch, tuple) and batch else batch)
        if not isinstance(batch, tuple) or not 1 <= len(batch) <= 3:
            return
        no_weights(*batch[2:])
        images, labels, size = batch[0], batch[1] if len(batch) > 1 else None, len(batch[0])
    elif hasattr(x, "shape"):
        images, labels, size = x[:64], y, len(x) if batch_size is None else batch_size
    else:
        return
    if labels is None:
        raise refusal(f"{labelling.MISSING} `fit` takes (images, labels).")
    labelling.as_numbers(labels)
    images = tf.convert_to_tensor(images)
    if images.shape.rank == 4 and augment is not None:
        require_unit_range(images)
    else:
        views_of(images, augment)
    require_two(tf.constant(size), 0)
    if one_class:
        classes_of(labels, count=len(labels), classes=classes, why=one_class)
