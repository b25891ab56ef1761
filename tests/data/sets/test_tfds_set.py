"""A prepared TFDS set: its facts, its examples in stored order, from memory or from disk."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from supcon_tf.data.sets import source as source_module
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.selection import selected
from tests.data.conftest import _Numbered


def test_digits_moments_are_those_of_the_training_images(digits_dir):
    source = load_source("digits", digits_dir)
    unit = source.arrays("train")[0] / 255
    np.testing.assert_allclose([unit.mean(), unit.std()], [source.facts.mean[0], source.facts.std[0]], atol=5e-5)


def test_a_set_of_ones_own_is_read_like_any_other(numbered_dir):
    facts = load_source("numbered_photos", numbered_dir).facts
    assert facts.image_shape == (None, None, 3)
    assert facts.class_names == ("north", "east", "south", "west")
    assert (facts.train_examples, facts.test_examples, facts.test_split) == (40, 13, "validation")
    assert facts.mean == facts.std == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("name", ["numbered_grey", "numbered_photos"])
def test_any_selection_of_tfds_is_a_split_and_the_rest_is_left_out(numbered_dir, name):
    test = "test" if name == "numbered_grey" else "validation"
    source = load_source(name, numbered_dir, train_split="train[10:20]", test_split="train[:5]")
    assert source.facts.left_out == f"the split {test} (13 images)"
    assert source.labels("train").tolist() == [number % 4 for number in range(10, 20)]
    assert source.fetch("test") is not None
    everything = load_source(name, numbered_dir, train_split="all", test_split=test)
    assert len(everything.labels("train")) == 53 and everything.facts.left_out == ""


class NumberedUnseen(_Numbered):
    """As cifar10_1 and imagenet_v2: test images alone, or with others that nobody asked for."""

    def _split_generators(self, dl_manager):
        return {"test": self._generate_examples(100, 113)}


class NumberedOdd(_Numbered):
    def _split_generators(self, dl_manager):
        return {"extra": self._generate_examples(100, 113)}


def test_what_nobody_asked_for_may_be_absent_until_it_is_wanted(tmp_path):
    for builder in (NumberedUnseen, NumberedOdd):
        builder(data_dir=str(tmp_path)).download_and_prepare(
            download_config=tfds.download.DownloadConfig(try_download_gcs=False)
        )
    source = load_source("numbered_unseen", str(tmp_path))
    assert (source.facts.train_examples, source.facts.test_examples) == (0, 13)
    assert [int(label) for _, label in source.stream("test")] == source.labels("test").tolist()
    for wanted in (lambda: source.labels("train"), lambda: source.fetch("train"), lambda: selected(source)):
        with pytest.raises(ValueError, match="'numbered_unseen' has no split 'train'; it has 'test'"):
            wanted()
    with pytest.raises(ValueError, match="no split 'train' to learn from; it has test"):
        load_source("numbered_unseen", str(tmp_path), train_split="train")
    with pytest.raises(
        ValueError, match=r"no split 'train' and no split 'validation'; it has extra\. Say which by data"
    ):
        load_source("numbered_odd", str(tmp_path))
    assert load_source("numbered_odd", str(tmp_path), test_split="extra").count("test") == 13


def test_arrays_hold_every_image_in_stored_order_and_are_read_once(numbered_dir):
    source = load_source("numbered_grey", numbered_dir)
    assert source.fits_in_memory("train")
    images, labels = source.arrays("train")
    assert images.dtype == np.uint8 and images.shape == (40, 8, 8, 1) and labels.dtype == np.int64
    np.testing.assert_array_equal(images[:, 3, 4, 0], np.arange(40))
    np.testing.assert_array_equal(labels, np.arange(40) % 4)
    assert source.arrays("train")[0] is images
    np.testing.assert_array_equal(source.arrays("test")[0][:, 0, 0, 0], np.arange(100, 113))


@pytest.mark.parametrize("limit", [0, 2**32])
@pytest.mark.parametrize("name", ["numbered_grey", "numbered_photos"])
def test_the_stream_gives_the_same_images_encoded(numbered_dir, monkeypatch, name, limit):
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", limit)
    source = load_source(name, numbered_dir)
    for _ in range(2):  # The second pass comes from the cache, where there is one.
        numbers = []
        for encoded, label in source.stream("test"):
            assert encoded.dtype == tf.string
            image = source.decode(encoded).numpy()
            assert image.dtype == np.uint8 and image.min() == image.max() and image.min() % 4 == label
            numbers.append(image.min())
        assert numbers == list(range(100, 113))


def test_images_of_many_shapes_or_too_many_are_no_array(numbered_dir, monkeypatch):
    photos = load_source("numbered_photos", numbered_dir)
    assert not photos.fits_in_memory("train")
    with pytest.raises(ValueError, match=r"numbered_photos.*does not fit in memory: 40 images.*Use `stream`"):
        photos.arrays("train")
    grey = load_source("numbered_grey", numbered_dir)
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", 40 * 64 - 1)
    assert not grey.fits_in_memory("train") and grey.fits_in_memory("test")


def test_cifar10_is_read(cifar10_dir):
    source = load_source("cifar10", cifar10_dir)
    facts = source.facts
    assert facts.classes == 10 and facts.class_names[:2] == ("airplane", "automobile")
    assert facts.image_shape == (32, 32, 3) and facts.mean == (0.4914, 0.4822, 0.4465)
    images, labels = source.arrays("test")
    assert images.shape == (facts.test_examples, 32, 32, 3)
    assert set(np.bincount(labels)) == {facts.test_examples // 10}
    white = (images / 255 - facts.mean) / facts.std
    assert abs(white.mean()) < 0.05 and 0.95 < white.std() < 1.3  # 1.22: the .20 of all tables is a mean over images.
