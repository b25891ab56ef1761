"""Arrays of corrupted images: the slice of a severity, and files that are not what they should be."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.data.sets.corrupted_arrays import read, read_labels
from tests.data import corrupted_images as stored


@pytest.fixture
def folder(tmp_path):
    stored.write_arrays(tmp_path, {"fog": stored.numbered()["fog"]}, stored.LABELS)
    return tmp_path


def opened(folder, severity):
    return read("mine", {"fog": str(folder / "fog.npy")}, read_labels(str(folder / "labels.npy")), "fog", severity)


def test_a_severity_is_its_slice(folder):
    whole = np.load(folder / "fog.npy")
    for severity in (1, 3, 5):
        source = opened(folder, severity)
        image, _ = source.fetch("test")(2)
        np.testing.assert_array_equal(image, whole[(severity - 1) * stored.EACH + 2])
        np.testing.assert_array_equal(source.labels("test"), stored.LABELS)
    assert source.facts.class_names == ("0", "1", "2") and source.facts.name == "mine, fog 5"


@pytest.mark.parametrize(
    "labels, message",
    [
        (np.arange(29), r"must hold integers \[5 n\]"),
        (np.zeros([5, 6], int), r"must hold integers \[5 n\]"),
        (np.zeros(30), "got float64"),
        (np.arange(30) % 7, "must repeat the same labels for every severity"),
        (np.tile([0, 2, 3], 5), r"must have every class from 0 on; it has .0, 2, 3."),
        (np.tile([-1, 0, 1], 5), "must have every class from 0 on"),
    ],
)
def test_labels_that_mean_nothing_are_refused(labels, message, folder):
    np.save(folder / "labels.npy", labels)
    with pytest.raises(ValueError, match=message):
        read_labels(str(folder / "labels.npy"))


@pytest.mark.parametrize("change", ["cut", "type", "shape"])
def test_images_that_are_others_are_refused(change, folder):
    whole = np.load(folder / "fog.npy")
    changed = {"cut": whole[:-1], "type": whole.astype(np.float32), "shape": whole[..., 0]}[change]
    np.save(folder / "fog.npy", changed)
    with pytest.raises(ValueError, match=r"fog.npy must hold uint8 images \[30, height, width, ch\]"):
        opened(folder, 1)


@pytest.mark.parametrize("content", [b"", b"not an array", None])
def test_a_damaged_file_is_named(content, folder):
    whole = (folder / "fog.npy").read_bytes()
    (folder / "fog.npy").write_bytes(whole[:-100] if content is None else content)
    with pytest.raises(OSError, match="no array, or a damaged one") as raised:
        opened(folder, 1)
    assert raised.value.filename == str(folder / "fog.npy")


def test_a_missing_file_is_named(folder):
    (folder / "labels.npy").unlink()
    with pytest.raises(OSError, match=r"labels.npy"):
        read_labels(str(folder / "labels.npy"))
