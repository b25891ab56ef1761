"""Subsets and noise: the share asked for, in every class, and the same for a seed whatever else a run does."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.data import order, pipeline
from supcon_tf.data.sets import selection
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.selection import selected
from tests.data.streams import train

LABELS = np.random.RandomState(0).permutation(np.repeat([0, 1, 2], [100, 40, 3]))


@pytest.mark.parametrize("fraction, sizes", [(0.1, [10, 4, 1]), (0.5, [50, 20, 2]), (1.0, [100, 40, 3])])
def test_a_fraction_is_that_share_of_every_class(fraction, sizes):
    kept = selection.stratified(LABELS, fraction, seed=1)
    assert np.bincount(LABELS[kept]).tolist() == sizes
    assert np.all(np.diff(kept) > 0)


def test_a_fraction_is_fixed_by_the_seed_and_holds_the_smaller_ones():
    tenth, half = (selection.stratified(LABELS, fraction, seed=1) for fraction in (0.1, 0.5))
    assert set(tenth) < set(half)
    np.testing.assert_array_equal(tenth, selection.stratified(LABELS, 0.1, seed=1))
    assert set(tenth) != set(selection.stratified(LABELS, 0.1, seed=2))
    # The first of them, so that a change of rule or of NumPy cannot pass unseen.
    assert tenth[:5].tolist() == FIRST_KEPT


def test_noise_replaces_with_its_probability_by_every_class_alike():
    replaced = selection.noise(20_000, 4, 0.3, seed=5)
    assert abs(np.mean(replaced >= 0) - 0.3) < 0.015
    np.testing.assert_allclose(
        np.bincount(replaced[replaced >= 0], minlength=4) / np.sum(replaced >= 0), 0.25, atol=0.02
    )


def test_noise_is_fixed_by_the_seed_and_grows_with_its_probability():
    little, much = (selection.noise(1000, 4, probability, seed=5) for probability in (0.2, 0.6))
    np.testing.assert_array_equal(little, selection.noise(1000, 4, 0.2, seed=5))
    np.testing.assert_array_equal(much[little >= 0], little[little >= 0])
    assert (little != selection.noise(1000, 4, 0.2, seed=6)).any()
    assert np.all(selection.noise(1000, 4, 0.0, seed=5) == -1) and np.all(selection.noise(1000, 4, 1.0, seed=5) >= 0)


FIRST_KEPT = [5, 12, 18, 55, 77]


@pytest.fixture(
    params=["disk", *(pytest.param(name, marks=pytest.mark.slow) for name in ("memory", "files in memory"))]
)
def load(request, numbered_dir, monkeypatch):
    """`load_source` of 40 numbered images, number n of class n mod 4; from disk in blocks of 16."""
    monkeypatch.setattr(pipeline, "STREAM_BLOCK", 16)
    monkeypatch.setattr(order, "LANES", 2)
    if request.param == "disk":
        monkeypatch.setattr("supcon_tf.data.sets.source.MEMORY_LIMIT", 0)
    name = "numbered_photos" if "files" in request.param else "numbered_grey"
    return lambda **options: selected(load_source(name, numbered_dir), **options)


def examples(source, count):
    """Numbers and labels of the first `count` training examples."""
    dataset = train(source, batch_size=4, view_count=1, policy="none").take(count // 4)
    images, labels = (np.concatenate(column) for column in zip(*dataset.as_numpy_iterator()))
    return (((images[..., 0].mean((1, 2, 3)) + 1) / 2) * 255).round().astype(int), labels


def test_a_fraction_of_a_set_is_trained_on_and_all_of_it_tested(load):
    source = load(fraction=0.2, seed=3)
    assert (source.facts.train_examples, source.facts.test_examples) == (8, 13)
    numbers, labels = examples(source, 16)
    assert np.bincount(numbers)[np.unique(numbers)].tolist() == [2] * 8  # Two epochs of eight images.
    assert np.bincount(labels).tolist() == [4] * 4 and np.array_equal(numbers % 4, labels)
    assert set(numbers) == set(selection.stratified(np.arange(40) % 4, 0.2, seed=3))


def test_noise_changes_training_labels_alone_and_the_same_in_every_epoch(load):
    source = load(label_noise=0.5, seed=3)
    numbers, labels = examples(source, 80)
    replaced = selection.noise(40, 4, 0.5, seed=3)
    np.testing.assert_array_equal(labels, np.where(replaced < 0, np.arange(40) % 4, replaced)[numbers])
    assert 5 < np.sum(labels[:40] != numbers[:40] % 4) < 25
    np.testing.assert_array_equal(source.labels("test"), np.arange(100, 113) % 4)


def test_an_image_of_a_subset_has_the_label_that_it_has_in_the_whole_set(load):
    everything, part = load(label_noise=0.5, seed=3), load(label_noise=0.5, fraction=0.5, examples=16, seed=3)
    told = dict(zip(*examples(everything, 40)))
    numbers, labels = examples(part, 16)
    assert [told[number] for number in numbers] == labels.tolist() and len(set(numbers)) == 16


def test_the_stream_of_a_subset_has_its_images_and_labels(load):
    source = load(label_noise=0.5, fraction=0.3, seed=3)
    pairs = [(int(source.decode(image).numpy().max()), int(label)) for image, label in source.stream("train")]
    assert [label for _, label in pairs] == source.labels("train").tolist()
    assert len(pairs) == source.count("train") == 12
    fetch = source.fetch("train")
    if fetch:
        assert [int(fetch(tf.constant(n, tf.int64))[0].numpy().max()) for n in range(12)] == [n for n, _ in pairs]
