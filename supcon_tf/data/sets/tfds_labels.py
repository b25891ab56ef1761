"""The label of a TFDS example: one class, or, as in VOC 2007, a set of them."""

from __future__ import annotations

import errno
from typing import Callable, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

# Feature names. Sets are read under these alone: CheXpert's "label" is a sequence too, of answers to 14 questions.
LABELS, LABELS_NO_DIFFICULT = "labels", "labels_no_difficult"


class Reading(NamedTuple):
    """How an example is read."""

    image: str  # key of the image
    class_names: tuple[str, ...]  # C of them
    are_sets: bool  # whether an image has a set of labels
    label_of: Callable[[dict], tf.Tensor]  # example -> int64 [], or of a set float32 [C]; see `label_set`


def reading_of(name: str, builder: tfds.core.DatasetBuilder) -> Reading:
    """How the examples of a set are read, after a check that they are what training needs.

    Raises:
        ValueError: they are not; the message calls the set `name`.
        OSError: there are more or fewer names of classes than classes.
    """
    features = builder.info.features
    usual = LABELS if LABELS in features and "label" not in features else "label"
    image_key, label_key = (builder.info.supervised_keys or ("image", usual))[:2]
    image, label = (
        features[key] if isinstance(key, str) and key in features else None for key in (image_key, label_key)
    )
    are_sets = label_key == LABELS and isinstance(label, tfds.features.Sequence)
    classes = label.feature if are_sets else label
    if not isinstance(image, tfds.features.Image) or not isinstance(classes, tfds.features.ClassLabel):
        raise ValueError(
            f"{name!r} is not an image-classification set: it needs one image and one class label an example, or "
            f"a sequence of class labels called `{LABELS}`; it has "
            f"{', '.join(f'{key}: {type(feature).__name__}' for key, feature in features.items())}."
        )
    if image.shape[-1] not in (1, 3) or image.np_dtype != np.uint8:
        raise ValueError(
            f"{name!r} has images of shape {image.shape} and type {np.dtype(image.np_dtype).name}; only uint8 with "
            "1 or 3 channels can be augmented."
        )
    names = tuple(classes.names)
    if len(names) != classes.num_classes:
        raise OSError(
            errno.EIO,
            f"the data set {name!r} is damaged: {len(names)} names for {classes.num_classes} classes. Prepare it again",
            str(classes.get_names_filepath(builder.data_dir, label_key)),
        )
    if not are_sets:
        return Reading(image_key, names, are_sets, lambda example: example[label_key])
    sure = LABELS_NO_DIFFICULT if LABELS_NO_DIFFICULT in features else LABELS
    return Reading(
        image_key, names, are_sets, lambda example: label_set(example[LABELS], example[sure], classes=len(names))
    )


def label_set(labels: tf.Tensor, sure: tf.Tensor, *, classes: int) -> tf.Tensor:
    """Numbers of classes as float32 [C]: 1 for a label of the image, 0 for none, -1 for what may not count.

    In VOC an object that is hard to see is marked difficult. A class that an image has only so is neither right nor
    wrong there: the challenge leaves the image out where it measures that class (VOC 2007 development kit).

    Args:
        labels: int64 [k], in any order; none may be there.
        sure: int64 [j], those of them that are not difficult.
        classes: C.
    """
    present, counted = (tf.reduce_sum(tf.one_hot(numbers, classes), 0) > 0 for numbers in (labels, sure))  # [C]
    return tf.where(counted, 1.0, tf.where(present, -1.0, 0.0))
