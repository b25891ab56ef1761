"""Image sets by their names: TFDS sets, folders, the digits."""

from __future__ import annotations

import logging
import sys

import numpy as np
import PIL.Image
import pytest

from supcon_tf.data import examples
from supcon_tf.data.batches import balanced_batches, shuffled_batches
from supcon_tf.data.named import load
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.prepared import DataNotPrepared


def arrays(data):
    images, labels = zip(*data.as_numpy_iterator())
    return list(images), np.array(labels)


def test_a_set_of_tfds_is_what_the_trainer_reads(digits_dir):
    data = load("digits", data_dir=digits_dir)
    images, labels = arrays(data)
    expected, classes = load_source("digits", digits_dir).arrays("train")
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(labels, classes)
    assert len(data) == 1258 and data.class_names == [str(digit) for digit in range(10)]


@pytest.mark.slow
def test_a_split_is_the_one_of_tfds(digits_dir):
    """Also one whose name the trainer reads otherwise."""
    parts = [arrays(load("digits", split, data_dir=digits_dir))[1] for split in ("test[:30%]", "test[30%:]", "test")]
    np.testing.assert_array_equal(np.concatenate(parts[:2]), parts[2])
    assert len(load("digits", "all", data_dir=digits_dir)) == 1797
    with pytest.raises(ValueError, match=r"no split 'tset' .*; it has train, test"):
        load("digits", "tset", data_dir=digits_dir)


@pytest.mark.slow
def test_batches_take_images_of_a_set_by_number_and_say_nothing(digits_dir, capsys):
    """What `map` makes of it is a dataset as any other, which is held, and said."""
    data = load("digits", "train[:200]", data_dir=digits_dir)
    one = list(balanced_batches(data, classes=5, images_per_class=4).as_numpy_iterator())
    assert capsys.readouterr().out == ""
    mapped = data.map(lambda image, label: (image, label))
    for batch, other in zip(one, balanced_batches(mapped, classes=5, images_per_class=4).as_numpy_iterator()):
        np.testing.assert_array_equal(batch[0], other[0])
    assert "holding 200 images" in capsys.readouterr().out
    shuffled = np.concatenate([labels for _, labels in shuffled_batches(data, 100).as_numpy_iterator()])
    np.testing.assert_array_equal(np.sort(shuffled), np.sort(arrays(data)[1]))


@pytest.fixture
def photographs(tmp_path):
    """Two classes of 5 photographs of unlike sizes."""
    for number, name in enumerate(["cat", "dog"]):
        (tmp_path / "photographs" / name).mkdir(parents=True)
        for height in range(10, 15):
            pixels = np.full([height, 20, 3], 100 * number + height, np.uint8)
            PIL.Image.fromarray(pixels).save(tmp_path / "photographs" / name / f"{height}.png")
    return tmp_path / "photographs"


@pytest.mark.slow
def test_a_folder_of_photographs(photographs, tmp_path):
    """Every fifth of a class is for the test; with a size they are squares, in [0, 1]."""
    for name in (photographs, f"folder:{photographs}"):
        train, test = (load(name, split, data_dir=tmp_path / "known") for split in ("train", "test"))
        assert (len(train), len(test)) == (8, 2) and train.class_names == ["cat", "dog"]
        images, labels = arrays(train)
        assert [image[0, 0, 0] // 100 for image in images] == labels.tolist()
        assert {image.shape[1:] for image in images} == {(20, 3)} and len({len(image) for image in images}) == 4
    sized = load(photographs, data_dir=tmp_path / "known", size=4)
    assert sized.element_spec[0].shape == (4, 4, 3)
    np.testing.assert_allclose([image[0, 0, 0] for image in arrays(sized)[0]], [i[0, 0, 0] / 255 for i in images])
    batch, labels = next(iter(balanced_batches(sized, classes=2, images_per_class=3)))
    assert batch.shape == (6, 4, 4, 3) and np.bincount(labels).tolist() == [3, 3]


def test_what_is_not_there_is_met_with_how_to_get_it(photographs, tmp_path):
    with pytest.raises(DataNotPrepared, match=r"not prepared in .*`sc.data.load\('cifar10', download=True\)`"):
        load("cifar10", data_dir=tmp_path)
    with pytest.raises(DataNotPrepared, match="Did you mean") as unknown:
        load("cifar11", data_dir=tmp_path)
    assert "download=True" not in str(unknown.value)
    with pytest.raises(ValueError, match="has no split 'validation'; it has 'train', 'test'"):
        load(photographs, "validation", data_dir=tmp_path / "known")
    with pytest.raises(ValueError, match="nothing to download"):
        load(photographs, data_dir=tmp_path / "known", download=True)


def test_without_tfds_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    monkeypatch.delitem(sys.modules, "supcon_tf.data.sets.prepared", raising=False)  # which imports it
    monkeypatch.delattr("supcon_tf.data.sets.prepared", raising=False)
    with pytest.raises(ImportError, match=r"needs tensorflow_datasets, .*: pip install 'supcon-tf\[train\]'"):
        load("cifar10")


def test_downloads_only_when_asked(digits_dir, monkeypatch):
    asked = []

    class Builder:
        def __init__(self, name, data_dir):
            self.wanted = (name, data_dir)

        def download_and_prepare(self):
            asked.append(self.wanted)

    monkeypatch.setattr("tensorflow_datasets.builder", Builder)
    load("digits", data_dir=digits_dir)
    with pytest.raises(DataNotPrepared):
        load("cifar100", data_dir=digits_dir)
    assert asked == []
    with pytest.raises(DataNotPrepared):  # this builder writes nothing
        load("cifar100", data_dir=digits_dir, download=True)
    assert asked == [("cifar100", digits_dir)]


def test_logging_is_as_it_was(digits_dir):
    """TFDS logs by absl, which sets up the root logger where nobody has."""
    before = list(logging.root.handlers)
    logging.root.handlers.clear()
    try:
        data = load("digits", data_dir=digits_dir)
        getattr(data, examples.OPENED)()
        assert logging.root.handlers == []
    finally:
        logging.root.handlers[:] = before
