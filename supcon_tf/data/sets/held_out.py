"""A part of the training images in the place of the test images: settings are chosen on it."""

from __future__ import annotations

import dataclasses
from typing import Callable, Optional

import numpy as np
import tensorflow as tf

from supcon_tf.data.sets.source import Source


class HeldOut(Source):
    """The training images of a set in two parts: "train" is one, "test" the other. Its test images are not read.

    Args:
        source: the set.
        held: int64 [k], ascending numbers of the training images that become "test".

    Raises:
        ValueError: one of the parts has no images.
    """

    def __init__(self, source: Source, held: np.ndarray):
        count = source.count("train")
        if not 0 < len(held) < count:
            raise ValueError(
                f"data.held_out must leave images on both sides; of the {count} training images of "
                f"'{source.facts.name}' it holds out {len(held)}."
            )
        rest = np.setdiff1d(np.arange(count), held)
        self._parts = {"train": source.restricted(rest), "test": source.restricted(held)}
        super().__init__(
            dataclasses.replace(
                source.facts,
                train_examples=len(rest),
                test_examples=len(held),
                test_split=f"{len(held):,} held out of the training images",
                shared=0,
            )
        )

    def restricted(self, numbers: np.ndarray) -> Source:
        chosen = super().restricted(numbers)
        chosen._parts = {**self._parts, "train": self._parts["train"].restricted(numbers)}
        return chosen

    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        return self._parts["train"].decode(encoded)

    def explain(self, error: tf.errors.OpError) -> str:
        return self._parts["train"].explain(error)

    def fingerprint(self) -> str:
        return self._parts["train"].fingerprint()

    def file_names(self, split: str) -> Optional[list[str]]:
        return self._parts[split].file_names("train")

    def _labels(self, split: str) -> np.ndarray:
        self.count(split)  # Refuses an unknown split.
        return self._parts[split].labels("train")

    def _stream(self, split: str, first: Optional[tf.Tensor], end: Optional[tf.Tensor]) -> tf.data.Dataset:
        return self._parts[split].stream("train", first, end)

    def _image_of(self, split: str) -> Optional[Callable[[tf.Tensor], tf.Tensor]]:
        self.count(split)
        return self._parts[split]._image_of("train")
