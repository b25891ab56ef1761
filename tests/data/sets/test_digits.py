"""The embedded data set: complete, split for good, written once and without a network."""

from __future__ import annotations

import pathlib
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from sklearn.datasets import load_digits

from supcon_tf.data.sets import digits


def read(data_dir, split):
    examples = tfds.as_numpy(tfds.load("digits", data_dir=data_dir, split=split, download=False))
    images, labels = zip(*((example["image"], example["label"]) for example in examples))
    return np.stack(images), np.array(labels)


def test_train_and_test_are_all_images_once(digits_dir):
    splits = [read(digits_dir, split) for split in ("train", "test")]
    assert [len(labels) for _, labels in splits] == [1258, 539]
    stored = np.concatenate([images for images, _ in splits]).reshape(1797, 64)
    labels = np.concatenate([labels for _, labels in splits])
    assert stored.dtype == np.uint8 and stored.min() == 0 and stored.max() == 255

    expected = load_digits()
    rows = sorted((*row, label) for row, label in zip(np.round(stored / 255 * 16).astype(int), labels))
    assert rows == sorted((*row, label) for row, label in zip(expected.data.astype(int), expected.target))


def test_the_split_is_stratified_and_fixed():
    labels = load_digits().target
    in_test = digits.is_test(labels)
    np.testing.assert_array_equal(in_test, digits.is_test(labels))
    for label in range(10):
        assert abs(in_test[labels == label].mean() - 0.3) < 0.5 / np.sum(labels == label)
    # The first test images, so that a change of rule or of NumPy cannot pass unseen.
    assert np.flatnonzero(in_test)[:8].tolist() == [3, 5, 7, 13, 16, 19, 22, 26]


def test_preparing_again_writes_nothing(digits_dir):
    def times():
        return {path: path.stat().st_mtime_ns for path in pathlib.Path(digits_dir).rglob("*.tfrecord*")}

    before = times()
    assert len(before) == 2 * digits.SHARDS
    digits.prepare(digits_dir)
    assert times() == before


def test_preparing_is_quiet_and_asks_no_bucket(tmp_path, capfd, monkeypatch):
    def refuse(self):
        raise OSError("no network")

    monkeypatch.setattr(tfds.core.DatasetInfo, "initialize_from_bucket", refuse)
    digits.prepare(str(tmp_path))
    assert list(tmp_path.glob("digits/*/dataset_info.json"))
    assert capfd.readouterr().out == ""


def test_a_process_that_comes_second_is_content(tmp_path, monkeypatch):
    write = digits.Digits.download_and_prepare

    def slower_than_another(self, **options):
        write(self, **options)
        raise FileExistsError("another process was faster")

    monkeypatch.setattr(digits.Digits, "download_and_prepare", slower_than_another)
    digits.prepare(str(tmp_path))
    assert list(tmp_path.glob("digits/*/dataset_info.json"))


def test_a_disk_that_fails_is_reported(tmp_path, monkeypatch):
    def full(self, **options):
        raise OSError("disk full")

    monkeypatch.setattr(digits.Digits, "download_and_prepare", full)
    with pytest.raises(OSError, match="disk full"):
        digits.prepare(str(tmp_path))


def test_without_scikit_learn_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        digits.prepare(str(tmp_path))
