"""Data sets whose images have several labels: what is read, from memory and from disk, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.data import pipeline
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.selection import selected
from supcon_tf.data.sets.tfds_labels import label_set
from tests.data.streams import CROP, train

VIEWS = {"view_count": 2, "policy": "none", "size": 8, "seed": 0}


def expected(numbers) -> np.ndarray:
    """Labels of `NumberedSets`: bits 0 to 2 are labels, and bit 3 does not count."""
    return np.array([[n & 1, n >> 1 & 1, n >> 2 & 1, -(n >> 3 & 1)] for n in numbers], np.float32)


@pytest.mark.parametrize(
    "labels, sure, found",
    [([], [], [0, 0, 0]), ([2, 0], [0, 2], [1, 0, 1]), ([1, 2], [2], [0, -1, 1]), ([0], [], [-1, 0, 0])],
)
def test_a_set_is_ones_zeros_and_what_does_not_count(labels, sure, found):
    labels, sure = (tf.constant(numbers, tf.int64) for numbers in (labels, sure))
    result = label_set(labels, sure, classes=3)
    assert result.dtype == tf.float32
    np.testing.assert_array_equal(result, found)


@pytest.mark.parametrize("limit", [0, 2**32])
def test_every_way_to_read_gives_the_same_sets(numbered_dir, monkeypatch, limit):
    monkeypatch.setattr("supcon_tf.data.sets.source.MEMORY_LIMIT", limit)
    source = load_source("numbered_sets", numbered_dir)
    assert source.facts.label_sets and source.facts.classes == 4
    assert source.facts.class_names == ("north", "east", "south", "west")
    for split, numbers in (("train", range(40)), ("test", range(100, 113))):
        np.testing.assert_array_equal(source.labels(split), expected(numbers))
        np.testing.assert_array_equal([label for _, label in source.stream(split)], expected(numbers))
        images = [int(source.decode(image).numpy().max()) for image, _ in source.stream(split)]
        assert images == list(numbers)
    assert (source.fetch("train") is None) == (limit == 0)


@pytest.mark.parametrize("limit", [0, 2**32])
def test_batches_have_the_sets_of_their_images(numbered_dir, monkeypatch, limit):
    monkeypatch.setattr("supcon_tf.data.sets.source.MEMORY_LIMIT", limit)
    source = load_source("numbered_sets", numbered_dir)
    images, labels = next(iter(train(source, batch_size=16, **VIEWS)))
    assert labels.dtype == tf.float32 and labels.shape == (16, 4)
    numbers = np.rint((images[:, 0, 0, 0, 0].numpy() * 0.5 + 0.5) * 255).astype(int)  # whitened by 0.5 and 0.5
    assert len(set(numbers)) == 16
    np.testing.assert_array_equal(labels, expected(numbers))


def test_evaluation_fills_up_with_empty_sets(numbered_dir):
    source = load_source("numbered_sets", numbered_dir)
    _, labels, weights = zip(*pipeline.evaluation(source, "test", CROP, batch_size=5))
    np.testing.assert_array_equal(tf.concat(weights, 0), [1] * 13 + [0] * 2)
    np.testing.assert_array_equal(tf.concat(labels, 0), [*expected(range(100, 113)), *np.zeros([2, 4])])


@pytest.mark.parametrize("asked", [{"fraction": 0.5}, {"label_noise": 0.1}])
def test_what_goes_by_the_one_class_of_an_image_is_refused(numbered_dir, asked):
    with pytest.raises(ValueError, match=r"several labels, and .* go by its one class"):
        selected(load_source("numbered_sets", numbered_dir), **asked)
    assert load_source("numbered_sets", numbered_dir, train_split="train[:50%]").count("train") == 20
    assert selected(load_source("numbered_sets", numbered_dir), examples=7).labels("train").shape == (7, 4)


def test_batches_of_so_many_images_a_class_are_refused(numbered_dir):
    with pytest.raises(ValueError, match="images_per_class=2 needs one class an image"):
        train(load_source("numbered_sets", numbered_dir), batch_size=8, images_per_class=2, **VIEWS)


def test_several_labels_an_image_are_no_classification_set(numbered_dir):
    with pytest.raises(ValueError, match=r"'numbered_pairs' is not an image-classification set.*label: Sequence"):
        load_source("numbered_pairs", numbered_dir)
