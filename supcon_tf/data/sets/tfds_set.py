"""A prepared TFDS image-classification set: its facts and its examples."""

from __future__ import annotations

import re
from typing import Callable, Optional

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from supcon_tf.data.sets import source, tfds_files
from supcon_tf.data.sets.prepared import base_name, directory
from supcon_tf.data.sets.tfds_labels import Reading, reading_of
from supcon_tf.data.sets.tfds_records import Records
from supcon_tf.data.sets.transfer import TRANSFER_SETS
from supcon_tf.failures import first_line

# Per-channel mean and deviation on the [0, 1] scale. CIFAR: the authors' two codes; digits: measured on "train".
# Every other set: 0.5 and 0.5, which is [-1, 1], as the authors do for ImageNet.
_NORMALISATION = {
    "digits": ((0.3062,), (0.3764,)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "cifar100": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
}
# Splits by name, where they are not "train" and "test". ImageNet's own "test" has no labels.
_SPLITS = {"imagenet2012": ("train", "validation")}
_SPLITS.update({base_name(row.tfds): (row.train, row.test) for row in TRANSFER_SETS.values() if row.tfds})

# Errors of TensorFlow that come from the files of a set; others do, too, where they say so.
_OF_FILES = (tf.errors.DataLossError, tf.errors.NotFoundError, tf.errors.PermissionDeniedError)
_DECODING = re.compile(r"DecodeImage|DecodePng|DecodeJpeg|ParseSingleExample|ParseExample")
_READING = re.compile(rf"{_DECODING.pattern}|Is a directory|Input/output error|was expected to contain")


class TfdsSet(source.Source):
    """A prepared TFDS set.

    Args:
        name: TFDS name, with config and version where wanted.
        data_dir: TFDS data directory.
        train_split: TFDS splits to train on, such as "train+validation" or "train[:90%]"; "" is those of
            `transfer.TRANSFER_SETS`, else "train".
        test_split: splits to evaluate on; "" is those of the table, else "test", else "validation".

    Raises:
        DataNotPrepared: the set does not lie in `data_dir`.
        ValueError: it is no image-classification set, or has no such splits.
        OSError: a file of it is damaged, missing or not readable.
    """

    def __init__(self, name: str, data_dir: str, *, train_split: str = "", test_split: str = ""):
        self._place = directory(name, data_dir)
        self._builder = tfds_files.opened(self._place)
        self._reading = reading_of(name, self._builder)
        self._held: dict[tuple[str, bool], tuple[np.ndarray, np.ndarray]] = {}
        self._splits = _splits(name, self._builder.info, train_split, test_split)
        for selected in filter(None, self._splits.values()):
            tfds_files.require_whole(self._place, self._builder, selected)
        super().__init__(_facts(name, self._builder, self._reading, self._splits))
        # A set that is too large as a whole is read by ranges, in the order of its files; TFDS mixes them otherwise.
        self._records = {
            split: Records(self._builder, names)
            for split, names in self._splits.items()
            if names and not self.fits_in_memory(split) and not self._files_fit_in_memory(split)
        }

    def fits_in_memory(self, split: str) -> bool:
        """Whether `arrays` can hold the split: images of one shape, within `MEMORY_LIMIT` bytes."""
        shape = self.facts.image_shape
        return None not in shape and self.count(split) * int(np.prod(shape)) <= source.MEMORY_LIMIT

    def arrays(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """The whole split, read once and kept.

        Returns:
            images uint8 [n, height, width, ch] and labels as stored, int64 [n] or float32 [n, C], in stored order.

        Raises:
            ValueError: the images differ in shape, or are too many; see `fits_in_memory`.
        """
        if not self.fits_in_memory(split):
            raise ValueError(
                f"'{self.facts.name}', split {split!r}, does not fit in memory: {self.count(split)} images of shape "
                f"{self.facts.image_shape}, limit {source.MEMORY_LIMIT} bytes. Use `stream`."
            )
        with self._loading():
            return self._hold(split, encoded=False)

    def restricted(self, numbers: np.ndarray) -> source.Source:
        chosen = super().restricted(numbers)
        chosen._held = {key: held for key, held in self._held.items() if key[0] != "train"}
        return chosen

    def _labels(self, split: str) -> np.ndarray:
        if self.fits_in_memory(split):
            return self.arrays(split)[1]
        if self._files_fit_in_memory(split):
            return self._hold(split, encoded=True)[1]
        return np.stack([label for _, label in self._stream(split, None, None).as_numpy_iterator()])

    def _stream(self, split: str, first: Optional[tf.Tensor], end: Optional[tf.Tensor]) -> tf.data.Dataset:
        encoded = {self._reading.image: tfds.decode.SkipDecoding()}
        if split not in self._records:
            examples = self._read(split, decoders=encoded)
            return examples if first is None else examples.skip(first).take(end - first)
        first, end = (0, self.count(split)) if first is None else (first, end)
        if split == "test" or self._kept is None:
            return self._records[split].between(first, end, decoders=encoded).map(self._pair)
        bounds = tf.constant(np.append(self._kept, self._kept[-1] + 1))
        first, end = bounds[first], bounds[end]  # among the stored ones; what is left out before `end` does no harm
        wanted = tf.constant(np.isin(np.arange(self._kept[-1] + 1), self._kept))[first:end]
        examples = self._records[split].between(first, end, decoders=encoded).map(self._pair)
        return _only(examples, wanted)

    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        return self._builder.info.features[self._reading.image].decode_example(encoded)

    def explain(self, error: tf.errors.OpError) -> str:
        said = str(error)
        if not isinstance(error, _OF_FILES) and not _READING.search(said):
            return ""
        for selected in filter(None, self._splits.values()):
            faults = tfds_files.faults(self._builder, selected)
            if faults:
                return tfds_files.damage_told(self._place, faults)
        return tfds_files.damage_told(self._place, {"an example": first_line(error)}) if _DECODING.search(said) else ""

    def fingerprint(self) -> str:
        info = self._builder.info
        return f"{info.full_name} {' '.join(f'{name}={split.num_examples}' for name, split in info.splits.items())}"

    def _image_of(self, split: str) -> Optional[Callable[[tf.Tensor], tf.Tensor]]:
        in_memory = self.fits_in_memory(split)
        if not in_memory and not self._files_fit_in_memory(split):
            return None
        with tf.device("CPU:0"):
            images = tf.constant(self._hold(split, encoded=not in_memory)[0])  # [n, height, width, ch], or bytes [n]
        if in_memory:
            return lambda number: tf.gather(images, number)
        return lambda number: self.decode(tf.gather(images, number))

    def _files_fit_in_memory(self, split: str) -> bool:
        """Whether the encoded images do, by the mean size of the stored ones."""
        stored = tfds_files.stored_splits(self._builder, self._splits[split])
        share = self.count(split) / sum(info.num_examples for info in stored)
        return share * sum(info.num_bytes for info in stored) <= source.MEMORY_LIMIT

    def _hold(self, split: str, *, encoded: bool) -> tuple[np.ndarray, np.ndarray]:
        if (split, encoded) not in self._held:
            if encoded or split in self._records:
                examples = self._stream(split, None, None)
                examples = examples if encoded else examples.map(lambda image, label: (self.decode(image), label))
            else:
                examples = self._read(split)
            batches = list(examples.batch(1024).as_numpy_iterator())
            self._held[split, encoded] = tuple(np.concatenate(column) for column in zip(*batches))
        return self._held[split, encoded]

    def _read(self, split: str, **options) -> tf.data.Dataset:
        self.count(split)  # Refuses an unknown split.
        examples = self._builder.as_dataset(
            split=self._splits[split],
            shuffle_files=False,
            read_config=tfds.ReadConfig(try_autocache=False),
            **options,
        )
        if split == "test" or self._kept is None:
            return examples.map(self._pair)
        return _only(examples.map(self._pair), np.isin(np.arange(self._kept[-1] + 1), self._kept))

    def _pair(self, example: dict) -> tuple[tf.Tensor, tf.Tensor]:
        return example[self._reading.image], self._reading.label_of(example)


def _only(examples: tf.data.Dataset, wanted) -> tf.data.Dataset:
    """The examples k for which wanted[k], of the first len(wanted)."""
    both = tf.data.Dataset.zip((examples, tf.data.Dataset.from_tensor_slices(wanted)))
    return both.filter(lambda _, is_wanted: is_wanted).map(lambda one, _: one)


def _splits(name: str, info: tfds.core.DatasetInfo, train_split: str, test_split: str) -> dict[str, str]:
    """What "train" and "test" are in TFDS; "" where there is no such split, and none was asked for."""
    usual = _SPLITS.get(base_name(name), ("train", "test" if "test" in info.splits else "validation"))
    asked = {"train": train_split, "test": test_split}
    chosen = {split: asked[split] or names for split, names in zip(asked, usual)}
    there = ", ".join(info.splits) or "none"
    for split, names in chosen.items():
        try:
            _ = info.splits[names].num_examples
        except (KeyError, ValueError, AssertionError) as error:
            if not asked[split]:
                chosen[split] = ""  # `count` refuses it, where it is wanted
                continue
            purpose = "learn from" if split == "train" else "evaluate on"
            raise ValueError(f"{name!r} has no split {names!r} to {purpose}; it has {there}.") from error
    if not any(chosen.values()):
        raise ValueError(
            f"{name!r} has no split {' and no split '.join(map(repr, usual))}; it has {there}. Say which by "
            "data.train_split or data.test_split."
        )
    return chosen


def _facts(name: str, builder: tfds.core.DatasetBuilder, reading: Reading, splits: dict[str, str]) -> source.Facts:
    info, base = builder.info, base_name(name)
    image = info.features[reading.image]
    used = {part.name for split in splits.values() if split for part in tfds_files.stored_splits(builder, split)}
    unused = [name for name in info.splits if name not in used]
    mean, std = _NORMALISATION.get(base, ((0.5,) * image.shape[-1],) * 2)
    return source.Facts(
        name=name,
        classes=len(reading.class_names),
        class_names=reading.class_names,
        image_shape=tuple(image.shape),
        train_examples=info.splits[splits["train"]].num_examples if splits["train"] else 0,
        test_examples=info.splits[splits["test"]].num_examples if splits["test"] else 0,
        test_split=splits["test"],
        mean=mean,
        std=std,
        label_sets=reading.are_sets,
        shared=tfds_files.shared(builder, splits["train"], splits["test"]) if all(splits.values()) else 0,
        left_out=", ".join(f"the split {name} ({info.splits[name].num_examples:,} images)" for name in unused),
    )
