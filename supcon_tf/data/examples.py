"""What a person hands over as images with labels, as examples that batches are made of: arrays, files, a dataset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, Optional, Union

import numpy as np
import tensorflow as tf

from supcon_tf.data.sets import source
from supcon_tf.names import NUMBERED
from supcon_tf.paths import shown
from supcon_tf.public import not_installed

# A dataset of (image, label), or (images, labels): arrays, Pandas columns, or files and their labels.
Examples = Union[tf.data.Dataset, Sequence[Any]]
OPENED = "opened_by_number"  # attribute of a dataset of `named.load`: () -> Numbered, or None where it is too large
_WANTED = "Wanted: a dataset of (image, label), or (images, labels)."
_UNKNOWN = -1


class Numbered(NamedTuple):
    """Images each of which can be had by its number, and their labels.

    Attributes:
        labels: [n], or [n, C].
        fetch: number int64 [] -> (image [height, width, ch], label), for use in tf.data.
    """

    labels: np.ndarray
    fetch: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

    def of_classes(self) -> Numbered:
        """The same with labels int64 [n], whatever whole numbers they were, [n] or [n, 1]; or as `classes_of`."""
        labels = classes_of(self.labels)
        with tf.device("CPU:0"):
            kept = tf.constant(labels)
        return Numbered(labels, lambda number: (self.fetch(number)[0], tf.gather(kept, number)))


def numbered(data: Examples) -> Optional[Numbered]:
    """The examples by number; None for a dataset, which can only be read from its beginning.

    Args:
        data: (images, labels), images being uint8 or float [n, height, width, ch], or n paths of files, both as lists,
            NumPy arrays or Pandas columns; or a dataset of (image, label).

    Raises:
        ValueError: it is something else.
        ImportError: files, and Pillow is not installed.
    """
    if isinstance(data, tf.data.Dataset):
        require_pairs(data)
        opened = getattr(data, OPENED, lambda: None)
        return opened()
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(f"images with labels were handed over as {type(data).__name__}. {_WANTED}")
    images, labels = _array(data[0]), _array(data[1])
    if not labels.shape or not images.shape or len(images) != len(labels) or not len(images):
        raise ValueError(
            f"there are images of shape {list(images.shape)} and labels of shape {list(labels.shape)}: give one label "
            "an image, and one image or more."
        )
    if labels.dtype.kind not in "iufb":
        raise ValueError(
            f"labels are {_kind(labels)}, and must be numbers. Names become numbers by {NUMBERED}; images without a "
            "label are left out, or have label -1."
        )
    missing = int(np.isnan(labels).sum()) if labels.dtype.kind == "f" else 0
    if missing:
        raise ValueError(
            f"{missing} of {len(labels)} labels are NaN, as Pandas writes where there is none: leave those images out, "
            "or give them label -1, and then `labels.astype(int)`."
        )
    of_files = images.ndim == 1 and all(isinstance(path, (str, bytes, os.PathLike)) for path in images.tolist())
    image_of = _of_files(images.tolist()) if of_files else _of_pixels(images)
    with tf.device("CPU:0"):  # tf.data runs on the host; a constant made near an accelerator would land on it.
        kept = tf.constant(labels.astype(np.int64) if labels.dtype.kind in "iub" else labels)
    return Numbered(labels, lambda number: (image_of(number), tf.gather(kept, number)))


def held(dataset: tf.data.Dataset) -> Numbered:
    """The examples of a dataset by number: all of them in memory, as they come out of it.

    Says so in a line.

    Raises:
        ValueError: they take more than `source.MEMORY_LIMIT` bytes.
    """
    pixels, labels, size = [], [], 0
    (image_spec, _), limit = dataset.element_spec, source.MEMORY_LIMIT
    raw = dataset.map(lambda image, label: (tf.io.serialize_tensor(image), label), tf.data.AUTOTUNE)
    for image, label in raw.as_numpy_iterator():
        size += len(image)
        if size > limit:
            raise ValueError(
                f"balanced batches need any image at any time, and those of this dataset take more than "
                f"{limit / 2**30:.0f} GiB: hand over their files, (paths, labels), which are read when their turn "
                "comes, or map the images to a smaller size first."
            )
        pixels.append(image)
        labels.append(label)
    if not labels:
        raise ValueError("the dataset has no examples.")
    print(f"holding {len(labels):,} images of a dataset in memory, {size / 1e6:,.1f} MB", flush=True)
    every = np.stack(labels)
    with tf.device("CPU:0"):
        kept, classes = tf.constant(pixels), tf.constant(every)

    def fetch(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.io.parse_tensor(tf.gather(kept, number), image_spec.dtype)
        return tf.ensure_shape(image, image_spec.shape), tf.gather(classes, number)

    return Numbered(every, fetch)


def require_pairs(dataset: tf.data.Dataset) -> None:
    """Raises ValueError unless a dataset gives (image [height, width, ch], label), and ends."""
    spec = dataset.element_spec
    if isinstance(spec, dict):
        raise ValueError(
            f"the dataset gives dictionaries with {', '.join(map(str, spec))}. {_WANTED} `as_supervised=True` of "
            "`tfds.load` makes it so, or `dataset.map(lambda each: (each['image'], each['label']))`."
        )
    if not isinstance(spec, tuple) or len(spec) != 2:
        what = "images without labels" if not isinstance(spec, tuple) else f"{len(spec)} things an example"
        raise ValueError(f"the dataset gives {what}. {_WANTED}")
    image = spec[0]
    if not isinstance(image, tf.TensorSpec):
        raise ValueError(f"images of the dataset are {image}, and must be tensors [height, width, ch].")
    if image.dtype == tf.string:
        raise ValueError("images of the dataset are text: decode them in `map`, or hand over (paths, labels).")
    _require_image(image.shape, "the dataset gives images")
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError("the dataset never ends: leave out `repeat`. Every pass over the batches is an epoch.")


def classes_of(labels: np.ndarray) -> np.ndarray:
    """Labels as one class an image, int64 [n].

    Raises:
        ValueError: they are not whole numbers from 0 up, one an image.
    """
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim == 2:
        raise ValueError(
            f"balanced batches need one class an image, and labels have shape {list(labels.shape)}: take "
            "`labels.argmax(1)` of one-hot ones."
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iub":
        raise ValueError(
            f"labels are {labels.dtype} of shape {list(labels.shape)}, and must be integers, one an image: "
            "`labels.astype(int)`."
        )
    labels = labels.astype(np.int64)
    if labels.min() < 0:
        raise ValueError(
            f"{(labels < 0).sum():,} labels are negative, which means unlabelled: leave those images out of balanced "
            "batches."
        )
    return labels


def _array(data: Any) -> np.ndarray:
    """A list, a Pandas column, a tensor as an array: cells that are arrays of one shape are stacked."""
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(
            "images of unlike shapes are no array: hand over their files, (paths, labels), or bring them to one size."
        ) from error
    if array.dtype == object and array.ndim == 1 and len(array):
        if all(isinstance(cell, np.ndarray) for cell in array) and len({cell.shape for cell in array}) == 1:
            return np.stack(array)
        if all(isinstance(cell, (int, np.integer)) for cell in array):  # such as Pandas' integers that may be missing
            return np.array(array.tolist(), np.int64)
    return array


def _kind(labels: np.ndarray) -> str:
    return "text" if labels.dtype.kind in "US" or isinstance(labels.ravel()[0], str) else f"{labels.dtype}"


def _require_image(shape: tf.TensorShape, what: str) -> None:
    if shape.rank in (None, 3):
        return
    others = 'data that are not images want views of your own: docs/guides/keras.md, "Data that are not images"'
    hints = {0: others, 1: others, 2: "add a channel, `images[..., None]`"}
    hint = hints.get(shape.rank, "call `unbatch()` of a dataset of batches")
    raise ValueError(f"{what} of shape {shape}, and one image is [height, width, ch]: {hint}.")


def _of_pixels(images: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    if images.dtype.kind not in "uif":
        raise ValueError(
            f"images are {images.dtype} of shape {list(images.shape)}: wanted are pixels, uint8 or float in [0, 1] "
            "[n, height, width, ch] of one shape, or paths of files."
        )
    _require_image(tf.TensorShape(images.shape[1:]), "there are images")
    with tf.device("CPU:0"):
        kept = tf.constant(images)
    return lambda number: tf.gather(kept, number)


def _of_files(paths: list) -> Callable[[tf.Tensor], tf.Tensor]:
    """number int64 [] -> the image in that file, uint8 [height, width, 3], upright."""
    try:
        import PIL  # noqa: F401  which the next import needs
    except ModuleNotFoundError as error:
        raise ImportError(not_installed("reading images", error.name)) from None
    from supcon_tf.data.sets import image_files

    first = os.fsdecode(paths[0])
    if not tf.io.gfile.exists(first):
        raise ValueError(f"images are text, and the first is no file: {shown(first)}. Paths begin in {os.getcwd()}.")
    ways = np.full(len(paths), _UNKNOWN)  # how each is read, once that is known

    def way_of(number, content) -> np.int64:
        if ways[number] == _UNKNOWN:
            try:
                ways[number] = image_files.examine(image_files.as_bytes(content)).way
            except ValueError as error:
                raise ValueError(f"{shown(os.fsdecode(paths[number]))} is no image that can be read: {error}") from None
        return ways[number]

    with tf.device("CPU:0"):
        places = tf.constant([os.fsencode(path) for path in paths])

    def image_of(number: tf.Tensor) -> tf.Tensor:
        encoded = tf.io.read_file(tf.gather(places, number))
        return image_files.decode(encoded, tf.numpy_function(way_of, [number, encoded], tf.int64))

    return image_of
