"""The embedded data set: 1,797 handwritten digits that scikit-learn ships, as a TFDS data set named "digits".

Importing this module registers the builder, so that `tfds.load("digits", data_dir=...)` finds it.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from supcon_tf.data.sets.prepared import prepared
from supcon_tf.data.sets.tfds_files import system_error
from supcon_tf.paths import is_remote, shown, spellable

TEST_SHARE = 0.3
SHARDS = 4  # More than one, so that up to four hosts can each read their own files.


class LocalInfo(tfds.core.DatasetInfo):
    """Facts from this file only: TFDS would ask a cloud bucket first, and offline that takes many seconds."""

    def initialize_from_bucket(self) -> None:
        return None


class Digits(tfds.core.GeneratorBasedBuilder):
    """UCI optical digits (its test part), 8 x 8 grey, classes 0 to 9; train 1,258 and test 539 images, stratified."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return LocalInfo(
            builder=self,
            description="Handwritten digits from 13 writers, 8 x 8 pixels, grey (UCI optdigits, as in scikit-learn).",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(8, 8, 1), dtype=np.uint8),
                    "label": tfds.features.ClassLabel(names=[str(digit) for digit in range(10)]),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict:
        images, labels = _images_and_labels()
        in_test = is_test(labels)
        return {
            "train": self._generate_examples(images[~in_test], labels[~in_test]),
            "test": self._generate_examples(images[in_test], labels[in_test]),
        }

    def _generate_examples(self, images: np.ndarray, labels: np.ndarray):
        for number, (image, label) in enumerate(zip(images, labels)):
            yield number, {"image": image, "label": int(label)}


def is_test(labels: np.ndarray) -> np.ndarray:
    """The fixed split: within each class 30 % of the images, drawn by a generator that NumPy keeps frozen.

    Args:
        labels: int [n].

    Returns:
        bool [n], True for test images.
    """
    generator = np.random.RandomState(0)  # Frozen by NumPy's policy, unlike default_rng: the split never drifts.
    in_test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        in_test[members[: round(TEST_SHARE * len(members))]] = True
    return in_test


def prepare(data_dir: str) -> None:
    """Writes the digits below `data_dir` in the TFDS layout, unless they are there. Quiet, and without a network.

    Python's random state is afterwards what it was: TFDS draws names from it, and Keras 3 the seeds of first weights,
    so that a run would start from others where its data are there already.

    Args:
        data_dir: TFDS data directory; made where it is missing.

    Raises:
        ImportError: scikit-learn, which holds the images, is not installed.
        OSError: they cannot be written: a full disk, no permission.
    """
    if _there(data_dir):
        return
    config, state = tfds.download.DownloadConfig(num_shards=SHARDS, try_download_gcs=False), random.getstate()
    try:
        if not is_remote(data_dir):
            os.makedirs(data_dir, exist_ok=True)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # progress bars
            Digits(data_dir=spellable(data_dir)).download_and_prepare(download_config=config)
    except ImportError:
        raise
    except Exception as error:  # Of several processes that start together, all but the first to finish end up here.
        if _there(data_dir):
            return
        refused = system_error(error)
        if refused is None:
            raise
        said = f"the digits cannot be written ({refused.strerror}); make room, or name another --data_dir"
        raise OSError(refused.errno, said, shown(data_dir)) from error
    finally:
        random.setstate(state)


def _there(data_dir: str) -> bool:
    return f"digits:{Digits.VERSION}" in prepared(data_dir)


def _images_and_labels() -> tuple[np.ndarray, np.ndarray]:
    """uint8 [1797, 8, 8, 1] in 0..255 and int64 [1797], in scikit-learn's order."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "The digits data set is read from scikit-learn, which is not installed: `pip install scikit-learn`."
        ) from error
    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]  # Stored as 0..16.
    return images, digits.target.astype(np.int64)
