"""From a name to a prepared TFDS image-classification set: its facts and its examples. Nothing is ever downloaded."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from supcon_tf.data import digits
from supcon_tf.data.prepared import base_name, directory

MEMORY_LIMIT = 2**32  # Bytes. Below it a split is held in memory, above it is read from disk in every epoch.

# Per-channel mean and deviation on the [0, 1] scale. CIFAR: the authors' two codes; digits: measured on "train".
# Every other set: 0.5 and 0.5, which is [-1, 1], as the authors do for ImageNet.
_NORMALISATION = {
    "digits": ((0.3062,), (0.3764,)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "cifar100": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
}
_TEST_SPLIT = {"imagenet2012": "validation"}  # Its "test" split has no labels.


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a run needs to know of a data set before it reads one image.

    Attributes:
        name: as asked for, such as "cifar10", "imagenet_resized/32x32" or "cifar10:3.0.2".
        classes: C.
        class_names: C names.
        image_shape: (height, width, ch); height and width are None where they vary.
        train_examples: images in "train", after `examples=` of `load`.
        test_examples: images to evaluate on; 0 where the set has none.
        test_split: the TFDS split they come from ("test", else "validation"), or "".
        mean, std: ch values each, on the [0, 1] scale.
    """

    name: str
    classes: int
    class_names: tuple[str, ...]
    image_shape: tuple[int | None, int | None, int]
    train_examples: int
    test_examples: int
    test_split: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Source:
    """One prepared data set. Splits are "train" and "test"; the order of examples is the stored one, always the same.

    Attributes:
        facts: Facts.
    """

    def __init__(self, facts: Facts, builder: tfds.core.DatasetBuilder, keys: tuple[str, str]):
        self.facts = facts
        self._builder = builder
        self._image_key, self._label_key = keys
        self._arrays: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def count(self, split: str) -> int:
        """Number of examples of a split; ValueError where the set has no such split."""
        counts = {"train": self.facts.train_examples, "test": self.facts.test_examples}
        if not counts.get(split):
            offered = ", ".join(repr(name) for name, count in counts.items() if count)
            raise ValueError(f"{self.facts.name!r} has no split {split!r}; it has {offered}.")
        return counts[split]

    def fits_in_memory(self, split: str) -> bool:
        """Whether `arrays` can hold the split: images of one shape, within `MEMORY_LIMIT` bytes."""
        shape = self.facts.image_shape
        return None not in shape and self.count(split) * int(np.prod(shape)) <= MEMORY_LIMIT

    def arrays(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """The whole split, read once and kept.

        Returns:
            images uint8 [n, height, width, ch] and labels int64 [n], in stored order.

        Raises:
            ValueError: the images differ in shape, or are too many; see `fits_in_memory`.
        """
        if not self.fits_in_memory(split):
            raise ValueError(
                f"{self.facts.name!r}, split {split!r}, does not fit in memory: {self.count(split)} images of shape "
                f"{self.facts.image_shape}, limit {MEMORY_LIMIT} bytes. Use `stream`."
            )
        if split not in self._arrays:
            batches = list(self._read(split).batch(1024).as_numpy_iterator())
            self._arrays[split] = tuple(np.concatenate(column) for column in zip(*batches))
        return self._arrays[split]

    def stream(self, split: str) -> tf.data.Dataset:
        """The split from disk, images still encoded (`decode` opens them); kept in memory if the files are small.

        Returns:
            tf.data.Dataset of (bytes [], int64 []), in stored order.
        """
        examples = self._read(split, decoders={self._image_key: tfds.decode.SkipDecoding()})
        small = self._builder.info.splits[self._split_name(split)].num_bytes <= MEMORY_LIMIT
        return examples.cache() if small else examples

    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        """One image of `stream`: bytes [] -> uint8 [height, width, ch]."""
        return self._builder.info.features[self._image_key].decode_example(encoded)

    def _split_name(self, split: str) -> str:
        return self.facts.test_split if split == "test" else "train"

    def _read(self, split: str, **options) -> tf.data.Dataset:
        examples = self._builder.as_dataset(
            split=f"{self._split_name(split)}[:{self.count(split)}]",
            shuffle_files=False,
            read_config=tfds.ReadConfig(try_autocache=False),
            **options,
        )
        return examples.map(lambda example: (example[self._image_key], example[self._label_key]))


def load(name: str, data_dir: str, *, examples: int = 0) -> Source:
    """A prepared data set, ready to read. The digits are written on first use; nothing else is.

    Args:
        name: TFDS name, with config and version where wanted: "cifar10", "imagenet_resized/32x32", "cifar10:3.0.2".
        data_dir: TFDS data directory.
        examples: train on the first `examples` images only (the test split stays whole); 0 for all.

    Returns:
        Source.

    Raises:
        DataNotPrepared: the set does not lie in `data_dir`.
        ValueError: it is no image-classification set, or has fewer than `examples` training images.
    """
    if name == "digits":
        digits.prepare(data_dir)
    builder = tfds.builder_from_directory(directory(name, data_dir))
    keys = _image_and_label(name, builder)
    facts = _facts(name, builder, keys)
    if not 0 <= examples <= facts.train_examples:
        raise ValueError(
            f"{name!r} has {facts.train_examples} training images; got examples={examples}. Ask for 1 to "
            f"{facts.train_examples}, or 0 for all."
        )
    return Source(dataclasses.replace(facts, train_examples=examples or facts.train_examples), builder, keys)


def _image_and_label(name: str, builder: tfds.core.DatasetBuilder) -> tuple[str, str]:
    """The keys of image and label, after a check that they are what training needs."""
    features = builder.info.features
    keys = builder.info.supervised_keys or ("image", "label")
    image, label = (features[key] if isinstance(key, str) and key in features else None for key in keys[:2])
    if not isinstance(image, tfds.features.Image) or not isinstance(label, tfds.features.ClassLabel):
        raise ValueError(
            f"{name!r} is not an image-classification set: it needs one image and one class label an example; it has "
            f"{', '.join(f'{key}: {type(feature).__name__}' for key, feature in features.items())}."
        )
    if image.shape[-1] not in (1, 3) or image.np_dtype != np.uint8:
        raise ValueError(
            f"{name!r} has images of shape {image.shape} and type {np.dtype(image.np_dtype).name}; only uint8 with "
            "1 or 3 channels can be augmented."
        )
    return keys[:2]


def _facts(name: str, builder: tfds.core.DatasetBuilder, keys: tuple[str, str]) -> Facts:
    info, base = builder.info, base_name(name)
    image, label = (info.features[key] for key in keys)
    wanted = [_TEST_SPLIT[base]] if base in _TEST_SPLIT else ["test", "validation"]
    test_split = next((split for split in wanted if split in info.splits), "")
    if "train" not in info.splits:
        raise ValueError(f"{name!r} has no split 'train' to learn from; it has {', '.join(info.splits) or 'none'}.")
    mean, std = _NORMALISATION.get(base, ((0.5,) * image.shape[-1],) * 2)
    return Facts(
        name=name,
        classes=label.num_classes,
        class_names=tuple(label.names),
        image_shape=tuple(image.shape),
        train_examples=info.splits["train"].num_examples,
        test_examples=info.splits[test_split].num_examples if test_split else 0,
        test_split=test_split,
        mean=mean,
        std=std,
    )
