"""Data for the tests: the digits, CIFAR-10 where it is at hand, and tiny sets whose pixels say which image it is."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pytest
import tensorflow_datasets as tfds

from supcon_tf.data.sets import digits

TRAIN, TEST = 40, 13


class _Numbered(tfds.core.GeneratorBasedBuilder):
    """Image `n` has the value n in every pixel and the label n mod 4."""

    VERSION = tfds.core.Version("1.0.0")
    shape: tuple = (8, 8, 1)
    test_split = "test"

    def _info(self):
        return digits.LocalInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=self.shape, dtype=np.uint8),
                    "label": tfds.features.ClassLabel(names=["north", "east", "south", "west"]),
                }
            ),
            supervised_keys=("image", "label"),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(0, TRAIN), self.test_split: self._generate_examples(100, 100 + TEST)}

    def _generate_examples(self, first, last):
        for number in range(first, last):
            yield number, {"image": np.full(self.image_shape(number), number, np.uint8), "label": number % 4}

    def image_shape(self, number):
        return self.shape


class NumberedGrey(_Numbered):
    """All images alike in shape: held in memory."""


class NumberedPhotos(_Numbered):
    """Every image of its own shape: read from disk."""

    shape = (None, None, 3)
    test_split = "validation"

    def image_shape(self, number):
        return (9 + number % 5, 12 - number % 3, 3)


class NumberedPairs(_Numbered):
    """Two labels an image: no classification set."""

    def _info(self):
        label = tfds.features.ClassLabel(num_classes=4)
        return digits.LocalInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {"image": tfds.features.Image(shape=(8, 8, 1)), "label": tfds.features.Sequence(label)}
            ),
            supervised_keys=("image", "label"),
        )

    def _generate_examples(self, first, last):
        for number in range(first, last):
            yield number, {"image": np.zeros((8, 8, 1), np.uint8), "label": [0, 1]}


class NumberedSets(_Numbered):
    """As VOC: image `n` has label k where bit k of n is set, and label 3 is always difficult to see."""

    def _info(self):
        labels = tfds.features.Sequence(tfds.features.ClassLabel(names=["north", "east", "south", "west"]))
        image = tfds.features.Image(shape=self.shape, dtype=np.uint8)
        features = {"image": image, "labels": labels, "labels_no_difficult": labels}
        return digits.LocalInfo(builder=self, features=tfds.features.FeaturesDict(features), disable_shuffling=True)

    def _generate_examples(self, first, last):
        for number in range(first, last):
            labels = [bit for bit in range(4) if number >> bit & 1]
            sure = [label for label in labels if label < 3]
            image = np.full(self.shape, number, np.uint8)
            yield number, {"image": image, "labels": labels, "labels_no_difficult": sure}


@pytest.fixture(scope="session")
def digits_dir(tmp_path_factory):
    """A TFDS data directory that holds the digits."""
    data_dir = str(tmp_path_factory.mktemp("digits"))
    digits.prepare(data_dir)
    return data_dir


@pytest.fixture(scope="session")
def numbered_dir(tmp_path_factory):
    """A TFDS data directory that holds "numbered_grey", "numbered_photos", "numbered_pairs" and "numbered_sets"."""
    data_dir = str(tmp_path_factory.mktemp("numbered"))
    for builder in (NumberedGrey, NumberedPhotos, NumberedPairs, NumberedSets):
        builder(data_dir=data_dir).download_and_prepare(
            download_config=tfds.download.DownloadConfig(try_download_gcs=False)
        )
    return data_dir


@pytest.fixture(scope="session")
def cifar10_dir():
    """A TFDS data directory that holds CIFAR-10: $SUPCON_TEST_DATA_DIR, or `shared/tfds` beside the repository."""
    beside = pathlib.Path(__file__).resolve().parents[3] / "shared" / "tfds"
    data_dir = pathlib.Path(os.environ.get("SUPCON_TEST_DATA_DIR", beside))
    if not (data_dir / "cifar10").is_dir():
        pytest.skip(f"no prepared cifar10 in {data_dir}; set SUPCON_TEST_DATA_DIR to a TFDS data directory with it")
    return str(data_dir)
