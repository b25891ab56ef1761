"""The embedded data set: complete, split for good, written once and without a network."""

from __future__ import annotations

import errno
import os
import pathlib
import random
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf
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


def test_preparing_draws_from_no_random_state_of_the_caller(tmp_path):
    """A run whose data are there already starts from the same weights as one that prepares them."""
    random.seed(5)
    before = random.getstate(), np.random.get_state()[1].tobytes()
    digits.prepare(str(tmp_path))
    assert (random.getstate(), np.random.get_state()[1].tobytes()) == before


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


def test_a_disk_that_is_full_and_a_directory_that_may_not_be_written_are_told_with_what_to_do(tmp_path, monkeypatch):
    """As TFDS raises it: an error of its own, behind which TensorFlow's stands."""

    def full(self, **options):
        try:
            raise tf.errors.ResourceExhaustedError(None, None, f"{tmp_path}/x; No space left on device")
        except tf.errors.OpError as error:
            raise RuntimeError("Failed to finalize writing of split") from error

    monkeypatch.setattr(digits.Digits, "download_and_prepare", full)
    with pytest.raises(OSError, match=r"digits cannot be written \(No space left on device\); make room, or") as error:
        digits.prepare(str(tmp_path))
    assert error.value.errno == errno.ENOSPC and error.value.filename == str(tmp_path)

    def forbidden(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))

    monkeypatch.setattr(os, "makedirs", forbidden)
    with pytest.raises(OSError, match=r"digits cannot be written \(Permission denied\)") as error:
        digits.prepare(str(tmp_path))
    assert error.value.errno == errno.EACCES


@pytest.mark.slow
def test_a_file_size_limit_ends_the_writing_with_words_and_leaves_no_set(tmp_path):
    """The same from the system itself, in a process of its own."""
    program = textwrap.dedent("""
        import resource, signal, sys
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        from supcon_tf.data.sets import digits
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            digits.prepare(sys.argv[1])
        except OSError as error:
            print("told:", error.errno, error.strerror)
    """)
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert f"told: {errno.EFBIG} the digits cannot be written (File too large)" in ended.stdout, ended.stderr[-2000:]
    assert not list(tmp_path.glob("digits/*/dataset_info.json"))


def test_without_scikit_learn_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        digits.prepare(str(tmp_path))
