"""What a data set is to everything else: facts, and images by number or as a stream."""

from __future__ import annotations

import abc
import contextlib
import copy
import dataclasses
import errno
from typing import Callable, Optional, Union

import numpy as np
import tensorflow as tf

from supcon_tf import failures

MEMORY_LIMIT = 2**32  # Bytes. Below it a split is held in memory, above it is read from disk in every epoch.


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a run needs to know of a data set before it reads one image.

    Attributes:
        name: as asked for, such as "cifar10", "imagenet_resized/32x32" or "cifar10:3.0.2".
        classes: C.
        class_names: C names.
        image_shape: (height, width, ch); height and width are None where they vary.
        train_examples: images to train on, after everything that `sets.load_source` leaves out.
        test_examples: images to evaluate on; 0 where the set has none.
        test_split: the split they come from ("test", else "validation"), or "".
        mean, std: ch values each, on the [0, 1] scale.
        label_sets: whether an image has a set of labels, float32 [C] (`tfds_labels.label_set`), and not one, int64 [].
        labelled: whether images have labels at all; without, each has -1, and there is one class in name.
        left_out: what lies there and is not read, in words; "" for nothing.
        shared: test images that are among the training images, before any of those were left out.
    """

    name: str
    classes: int
    class_names: tuple[str, ...]
    image_shape: tuple[Optional[int], Optional[int], int]
    train_examples: int
    test_examples: int
    test_split: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    label_sets: bool = False
    labelled: bool = True
    left_out: str = ""
    shared: int = 0


class Source(abc.ABC):
    """One data set, ready to read. Splits are "train" and "test"; example k is the same in every process and run.

    Attributes:
        facts: Facts.
    """

    def __init__(self, facts: Facts):
        self.facts = facts
        self._kept: Optional[np.ndarray] = None  # int64 [n], stored numbers of the training images; None for all
        self._replaced: Optional[np.ndarray] = None  # int64 [n], training labels that are not the stored ones, or -1

    def restricted(self, numbers: np.ndarray) -> Source:
        """The same set with these training images only: int64 [k], ascending. The test split stays whole."""
        chosen = copy.copy(self)
        chosen._kept = numbers if self._kept is None else self._kept[numbers]
        chosen._replaced = None if self._replaced is None else self._replaced[numbers]
        chosen.facts = dataclasses.replace(self.facts, train_examples=len(numbers))
        return chosen

    def relabelled(self, replaced: np.ndarray) -> Source:
        """The same set with other training labels: int64 [n], -1 where the label stays (`selection.noise`).

        An image without a label (-1) stays without one.
        """
        changed = copy.copy(self)
        changed._replaced = replaced
        return changed

    def whitened_by(self, mean: tuple[float, ...], std: tuple[float, ...]) -> Source:
        """The same set with the constants of another in its facts: networks see images as they were trained to."""
        changed = copy.copy(self)
        changed.facts = dataclasses.replace(self.facts, mean=tuple(mean), std=tuple(std))
        return changed

    def count(self, split: str) -> int:
        """Number of examples of a split; ValueError where the set has no such split."""
        counts = {"train": self.facts.train_examples, "test": self.facts.test_examples}
        if not counts.get(split):
            offered = ", ".join(repr(name) for name, count in counts.items() if count)
            raise ValueError(f"'{self.facts.name}' has no split {split!r}; it has {offered}.")
        return counts[split]

    def fetch(self, split: str) -> Optional[Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
        """A function for use in tf.data: number int64 [] -> (image uint8 [height, width, ch], label).

        A label is int64 [], or float32 [C] where the set has label sets.

        None where an image cannot be had by its number: the split is too large for memory and its files hold many
        images each. Then `stream` reads it from beginning to end.

        Raises:
            OSError: a file is damaged or not readable; so does `labels`.
            MemoryError: the split does not fit; so does `labels`.
        """
        with self._loading():
            image_of = self._image_of(split)
        if image_of is None:
            return None
        with tf.device("CPU:0"):  # tf.data runs on the host; a constant made near an accelerator would land on it.
            labels = tf.constant(self.labels(split))
        return lambda number: (image_of(number), tf.gather(labels, number))

    def labels(self, split: str) -> np.ndarray:
        """int64 [n] or float32 [n, C], the label of every example, as training and evaluation see it."""
        with self._loading():
            labels = self._labels(split)
        if split != "train" or self._replaced is None:
            return labels
        return np.where((self._replaced < 0) | (labels < 0), labels, self._replaced)

    def file_names(self, split: str) -> Optional[list[str]]:
        """The file of every example, relative to the folder, in order; None where the set is no folder of images."""
        return None

    def stream(self, split: str, first: Optional[tf.Tensor] = None, end: Optional[tf.Tensor] = None) -> tf.data.Dataset:
        """The split in order, or its examples first .. end - 1 (int64 [], none where first = end).

        Returns:
            tf.data.Dataset of (bytes [], label as in `fetch`), images still encoded (`decode` opens them).
        """
        examples = self._stream(split, first, end)
        if split != "train" or self._replaced is None:
            return examples
        replaced = tf.data.Dataset.from_tensor_slices(tf.constant(self._replaced)[first:end])
        return tf.data.Dataset.zip((examples, replaced)).map(
            lambda example, instead: (example[0], tf.where((instead < 0) | (example[1] < 0), example[1], instead))
        )

    def explain(self, error: tf.errors.OpError) -> str:
        """What made reading fail, and what to do, for a person; "" where it was something else than the images."""
        return ""

    @contextlib.contextmanager
    def _loading(self):
        """A block that reads a split from beginning to end, before anything is trained."""
        smaller = "Take a part of it, such as data.train_split=train[:50%]."
        with failures.explained(f"reading {self.facts.name}", smaller=smaller), reading(self):
            yield

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """A text that another set, or another state of the same folder, does not have."""

    @abc.abstractmethod
    def _labels(self, split: str) -> np.ndarray:
        """The stored labels, as `labels`."""

    @abc.abstractmethod
    def _stream(self, split: str, first: Optional[tf.Tensor], end: Optional[tf.Tensor]) -> tf.data.Dataset:
        """As `stream`, with the stored labels."""

    @abc.abstractmethod
    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        """One image of `stream`: bytes [] -> uint8 [height, width, ch]."""

    @abc.abstractmethod
    def _image_of(self, split: str) -> Optional[Callable[[tf.Tensor], tf.Tensor]]:
        """number int64 [] -> image uint8 [height, width, ch]; None as in `fetch`."""


@contextlib.contextmanager
def reading(source: Source):
    """Turns TensorFlow's failure to read an image into an OSError, where `source` can say what happened to it."""
    try:
        yield
    except tf.errors.ResourceExhaustedError:
        raise  # of memory, which is not what `source` is about
    except (tf.errors.OpError, UnicodeDecodeError) as error:
        told = source.explain(_as_op_error(error))
        if not told:
            raise
        raise OSError(errno.EIO, told) from error


def _as_op_error(error: Union[tf.errors.OpError, UnicodeDecodeError]) -> tf.errors.OpError:
    """TensorFlow's error, which Python cannot make where it names a file whose name is no UTF-8."""
    if isinstance(error, tf.errors.OpError):
        return error
    return tf.errors.UnknownError(None, None, error.object.decode("utf-8", "backslashreplace"))
