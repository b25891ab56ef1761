"""Images that are there as arrays, to evaluate on."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Callable, Optional

import numpy as np
import tensorflow as tf

from supcon_tf.data.sets import source


class Arrays(source.Source):
    """Images and labels of a test, held in memory; there is nothing to train on.

    Args:
        name: what a table calls them.
        images: uint8 [n, height, width, ch], ch = 1 or 3.
        labels: int [n], each a place in `class_names`.
        class_names: C names.

    Raises:
        ValueError: they are no such arrays.

    Example:
        >>> found = Arrays("two", np.zeros([2, 8, 8, 3], np.uint8), np.array([1, 0]), ["day", "night"])
        >>> found.count("test"), found.labels("test").tolist()
        (2, [1, 0])
    """

    def __init__(self, name: str, images: np.ndarray, labels: np.ndarray, class_names: Sequence[str]):
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
            raise ValueError(
                f"{name} must be uint8 images [n, height, width, 1 or 3]; got {images.dtype} of shape {images.shape}."
            )
        whole = labels.shape == (len(images),) and np.issubdtype(labels.dtype, np.integer)
        if not whole or labels.min() < 0 or labels.max() >= len(class_names):
            raise ValueError(
                f"{name} must have a label for each of its {len(images):,} images, an integer from 0 to "
                f"{len(class_names) - 1}; got {labels.dtype} of shape {labels.shape}, "
                f"{np.min(labels, initial=0)} to {np.max(labels, initial=0)}."
            )
        self._images, self._test_labels = images, labels.astype(np.int64)
        half = (0.5,) * images.shape[-1]
        super().__init__(
            source.Facts(
                name=name,
                classes=len(class_names),
                class_names=tuple(class_names),
                image_shape=tuple(images.shape[1:]),
                train_examples=0,
                test_examples=len(images),
                test_split="all images",
                mean=half,
                std=half,
            )
        )

    def fingerprint(self) -> str:
        """Of all pixels and labels."""
        found = zlib.crc32(self._test_labels.tobytes(), zlib.crc32(np.ascontiguousarray(self._images)))
        return f"{len(self._images)} images, {found:08x}"

    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.io.decode_png(encoded), self.facts.image_shape)

    def _labels(self, split: str) -> np.ndarray:
        self.count(split)
        return self._test_labels

    def _stream(self, split: str, first: Optional[tf.Tensor], end: Optional[tf.Tensor]) -> tf.data.Dataset:
        both = (self._images, self._labels(split))
        examples = tf.data.Dataset.from_tensor_slices(tuple(tf.constant(array)[first:end] for array in both))
        return examples.map(lambda image, label: (tf.io.encode_png(image), label))

    def _image_of(self, split: str) -> Optional[Callable[[tf.Tensor], tf.Tensor]]:
        self.count(split)
        with tf.device("CPU:0"):
            images = tf.constant(self._images)  # [n, height, width, ch]
        return lambda number: tf.gather(images, number)
