"""Arrays, Pandas columns, files and datasets as examples, and what is said of those that are none."""

from __future__ import annotations

import sys

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from supcon_tf.data.examples import classes_of, held, numbered, require_pairs
from supcon_tf.data.sets import source

IMAGES = np.random.default_rng(0).integers(0, 256, [4, 5, 6, 3], np.uint8)
LABELS = np.array([3, 0, 0, 9])


class Column:
    """A column of Pandas as NumPy sees it: values of any kind, and an index that is not 0, 1, 2, ..."""

    def __init__(self, values, kind=object):
        self._values = np.empty(len(values), kind)
        self._values[:] = list(values)
        self.index = range(100, 100 + len(values))

    def __array__(self, dtype=None, copy=None):
        return self._values.astype(dtype) if dtype else self._values

    def __len__(self):
        return len(self._values)


def all_of(found):
    """Images and labels in order."""
    data = tf.data.Dataset.range(len(found.labels)).map(found.fetch)
    return zip(*data.as_numpy_iterator())


@pytest.mark.parametrize(
    "data",
    [
        (IMAGES, LABELS),
        [IMAGES.tolist(), LABELS.tolist()],
        (list(IMAGES), tuple(LABELS)),
        (tf.constant(IMAGES), tf.constant(LABELS)),
        (Column(IMAGES), Column(LABELS)),
        (Column(IMAGES), Column(LABELS, np.int32)),
    ],
    ids=["arrays", "numbers", "lists", "tensors", "cells", "columns"],
)
def test_arrays_in_any_wrapping(data):
    images, labels = all_of(numbered(data))
    np.testing.assert_array_equal(images, IMAGES)
    assert [int(label) for label in labels] == LABELS.tolist() and labels[0].dtype == np.int64


def test_columns_of_pandas():
    pandas = pytest.importorskip("pandas", reason="not needed by this package")
    frame = pandas.DataFrame({"image": list(IMAGES), "label": LABELS}).iloc[::-1]
    for kind in ("int64", "Int64", "uint8"):
        images, labels = all_of(numbered((frame["image"], frame["label"].astype(kind))))
        np.testing.assert_array_equal(images, IMAGES[::-1])
        assert [int(label) for label in labels] == LABELS[::-1].tolist()


@pytest.fixture
def files(tmp_path):
    """Four images as files, one of which stands on its side by its note, one being WebP."""
    names = ["a.png", "b.png", "c.webp", "d.jpg"]
    for name, image in zip(names, IMAGES):
        PIL.Image.fromarray(image).save(tmp_path / name, **({"lossless": True} if name == "c.webp" else {}))
    note = PIL.Image.Exif()
    note[0x0112] = 6
    PIL.Image.fromarray(IMAGES[1]).save(tmp_path / "b.png", exif=note)
    return [tmp_path / name for name in names]


def test_files_are_read_upright_when_their_turn_comes(files):
    for paths in (files, [str(path) for path in files], Column(list(map(str, files))), np.array(files, str)):
        images, labels = all_of(numbered((paths, LABELS)))
        np.testing.assert_array_equal(images[0], IMAGES[0])
        np.testing.assert_array_equal(images[1], np.rot90(IMAGES[1], -1))
        np.testing.assert_array_equal(images[2], IMAGES[2])
        assert images[3].shape == (5, 6, 3) and np.abs(images[3].astype(int) - IMAGES[3]).mean() < 60
        assert list(labels) == LABELS.tolist()


def test_a_file_that_is_no_image_is_named(files):
    files[2].write_text("no image")
    with pytest.raises(tf.errors.OpError, match=r"c\.webp is no image that can be read: neither TensorFlow nor Pillow"):
        list(all_of(numbered((files, LABELS))))
    with pytest.raises(ValueError, match=r"the first is no file: nowhere\.png\. Paths begin in"):
        numbered((["nowhere.png"], [0]))


def test_files_without_pillow_say_what_to_install(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"reading images needs PIL, .*: pip install 'supcon-tf\[train\]'"):
        numbered((files, LABELS))


@pytest.mark.parametrize(
    "data, message",
    [
        (IMAGES, "handed over as ndarray. Wanted: a dataset of"),
        ((IMAGES, LABELS, LABELS), "handed over as tuple"),
        ((IMAGES, LABELS[:3]), r"images of shape \[4, 5, 6, 3\] and labels of shape \[3\]: give one label"),
        ((IMAGES[:0], LABELS[:0]), "one image or more"),
        ((IMAGES, 3), "give one label"),
        ((IMAGES[..., 0], LABELS), r"shape \(5, 6\), and one image is \[height, width, ch\]: add a channel"),
        ((IMAGES[:, 0, 0], LABELS), r"shape \(3,\), and one image is .*Data that are not images"),
        ((IMAGES[:, None], LABELS), r"one image is \[height, width, ch\]: call `unbatch"),
        ((IMAGES, ["cat", "dog", "cat", "emu"]), "labels are text.*return_inverse=True"),
        ((IMAGES, Column(["cat", "dog", "cat", None])), "labels are text"),
        ((IMAGES, [1.0, np.nan, 2.0, np.nan]), "2 of 4 labels are NaN, as Pandas.*label -1"),
        ((IMAGES, Column([1, 2, None, 3])), "labels are object, and must be numbers"),
        (([IMAGES[0], IMAGES[1, :3], 1, 2], LABELS), "no array: hand over their files|images are object"),
        ((IMAGES.astype(complex), LABELS), "images are complex128"),
    ],
)
def test_what_is_no_examples_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        numbered(data)


def dataset(*columns):
    return tf.data.Dataset.from_tensor_slices(columns if len(columns) > 1 else columns[0])


@pytest.mark.parametrize(
    "data, message",
    [
        (dataset(IMAGES), "gives images without labels"),
        (dataset(IMAGES, LABELS, LABELS), "gives 3 things an example"),
        (dataset({"image": IMAGES, "label": LABELS}), "dictionaries with image, label.*as_supervised=True"),
        (dataset(IMAGES, LABELS).batch(2), r"shape \(None, 5, 6, 3\), .*call `unbatch\(\)` of a dataset of batches"),
        (dataset(IMAGES[..., 0], LABELS), "add a channel"),
        (dataset(IMAGES, LABELS).repeat(), "never ends: leave out `repeat`"),
        (dataset(["a.jpg"] * 4, LABELS), "images of the dataset are text: decode them"),
        (dataset(tf.RaggedTensor.from_tensor(IMAGES), LABELS), "must be tensors"),
    ],
)
def test_a_dataset_of_something_else_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        require_pairs(data)


def test_a_dataset_is_held_as_it_comes_and_no_more_than_the_limit(monkeypatch, capsys):
    data = dataset(IMAGES, LABELS)
    assert numbered(data) is None
    images, labels = all_of(held(data))
    np.testing.assert_array_equal(images, IMAGES)
    assert list(labels) == LABELS.tolist() and "holding 4 images" in capsys.readouterr().out
    monkeypatch.setattr(source, "MEMORY_LIMIT", 300)
    with pytest.raises(ValueError, match=r"take more than .*: hand over their files, \(paths, labels\)"):
        held(data)
    with pytest.raises(ValueError, match="has no examples"):
        held(data.take(0))


@pytest.mark.parametrize(
    "labels, message",
    [
        (np.eye(4), r"have shape \[4, 4\]: take `labels.argmax\(1\)`"),
        (np.array([0.0, 1.5]), "labels are float64 of shape .*`labels.astype"),
        (np.array([0, -1, -1]), "2 labels are negative, which means unlabelled"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        classes_of(labels)


def test_classes_in_a_column():
    assert classes_of(np.array([[1], [0]], np.uint8)).tolist() == [1, 0]
