"""Pipelines: training goes by number alone, evaluation sees everything once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.augment.evaluation_crops import evaluation_crop
from supcon_tf.data import order, pipeline
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.selection import selected
from tests.data.streams import CROP, train

TRAIN = 40


@pytest.fixture(
    params=["memory", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("files in memory", "disk"))]
)
def source(request, numbered_dir, monkeypatch):
    """40 training and 13 test images, each of one value: its number. On disk they are shuffled in several blocks."""
    monkeypatch.setattr(pipeline, "STREAM_BLOCK", 16)
    monkeypatch.setattr(order, "LANES", 4)
    if request.param == "disk":
        monkeypatch.setattr("supcon_tf.data.sets.source.MEMORY_LIMIT", 0)
    return load_source("numbered_photos" if "files" in request.param else "numbered_grey", numbered_dir)


def batches(dataset, count):
    return [(images.numpy(), labels.numpy()) for images, labels in dataset.take(count)]


def numbers_of(source, images):
    """Which image each row is, from its pixels."""
    facts = source.facts
    values = (images[..., 0].mean(tuple(range(1, images.ndim - 1))) * facts.std[0] + facts.mean[0]) * 255
    np.testing.assert_allclose(values, values.round(), atol=0.01)
    return values.round().astype(int)


def plain_order(source, count, **changes):
    """The numbers of the first `count` batches, as one row."""
    images = [images for images, _ in batches(train(source, policy="none", view_count=1, **changes), count)]
    return numbers_of(source, np.concatenate(images))


def assert_same(first, second):
    assert len(first) == len(second) > 0
    for one, other in zip(first, second):
        assert one[0].tobytes() == other[0].tobytes() and one[1].tobytes() == other[1].tobytes()


def test_shapes_are_static_and_labels_belong_to_their_images(source):
    dataset = train(source, policy="none")
    channels = source.facts.image_shape[-1]
    images, labels = dataset.element_spec
    assert images.shape == [8, 2, 8, 8, channels] and images.dtype == tf.float32
    assert labels.shape == [8] and labels.dtype == tf.int64
    for images, labels in batches(dataset, 12):
        np.testing.assert_array_equal(numbers_of(source, images) % 4, labels)


def test_every_epoch_is_a_permutation_and_epochs_differ(source):
    epochs = plain_order(source, 15).reshape(3, TRAIN)
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(TRAIN))
    orders = [np.arange(TRAIN), *epochs]
    assert all((first != second).mean() > 0.5 for first, second in itertools.combinations(orders, 2))


def test_a_batch_may_straddle_two_epochs_and_loses_nothing(source):
    order = plain_order(source, 5, batch_size=16)
    np.testing.assert_array_equal(np.bincount(order, minlength=TRAIN), 2)


def test_parallelism_changes_no_byte(source):
    assert_same(batches(train(source, parallel_calls=1), 6), batches(train(source, parallel_calls=4), 6))


def test_the_global_seed_changes_no_byte(source):
    first = batches(train(source), 6)
    tf.random.set_seed(12345)
    assert_same(first, batches(train(source), 6))


def test_a_resumed_stream_equals_the_uninterrupted_one(source):
    """From the end of an epoch (5) and within the third (12)."""
    uninterrupted = batches(train(source, policy="none"), 14)
    for start_step in (5, 12):
        resumed = batches(train(source, policy="none", start_step=start_step), 2)
        assert_same(resumed, uninterrupted[start_step : start_step + 2])


def test_views_resume_too(digits_dir):
    source = selected(load_source("digits", digits_dir), examples=20)
    uninterrupted = batches(train(source), 7)
    for start_step in (2, 5):
        assert_same(batches(train(source, start_step=start_step), 2), uninterrupted[start_step : start_step + 2])


def test_sim_augment_is_byte_equal_under_any_parallelism(digits_dir):
    source = load_source("digits", digits_dir)
    one, four = (train(source, policy="sim_augment", parallel_calls=calls) for calls in (1, 4))
    assert_same(batches(one, 20), batches(four, 20))


def test_another_seed_gives_another_order(source):
    assert (plain_order(source, 5) != plain_order(source, 5, seed=2)).any()


def test_another_seed_and_another_epoch_give_other_views(digits_dir):
    source = selected(load_source("digits", digits_dir), examples=1)  # One image, so that only the views can differ.
    views = []
    for seed in (1, 2):
        for images, _ in batches(train(source, batch_size=1, seed=seed), 4):
            views += list(images[0])
    pairs = [np.abs(first - second).max() > 1e-3 for first, second in itertools.combinations(views, 2)]
    assert np.mean(pairs) > 0.95  # An image of 8 x 8 pixels has few boxes: two views may be the same by chance.


def test_views_are_whitened(numbered_dir):
    source = load_source("numbered_grey", numbered_dir)
    for images, labels in batches(train(source, policy="none", batch_size=TRAIN), 1):
        np.testing.assert_allclose(images.min(), (0 / 255 - 0.5) / 0.5)
        np.testing.assert_allclose(images.max(), (39 / 255 - 0.5) / 0.5, rtol=1e-6)
        assert np.bincount(labels).tolist() == [10, 10, 10, 10]


@pytest.mark.parametrize("batch_size", [0, 41])
def test_a_batch_larger_than_the_set_is_refused(numbered_dir, batch_size):
    with pytest.raises(ValueError, match=rf"must hold 1 to 40 images.*got batch_size={batch_size}"):
        train(load_source("numbered_grey", numbered_dir), batch_size=batch_size)


def test_images_without_a_label_are_no_class(numbered_dir, monkeypatch):
    source = load_source("numbered_grey", numbered_dir)
    stored = np.where(np.arange(40) < 3, -1, source.labels("train"))
    monkeypatch.setattr(source, "_labels", lambda split: stored)
    with pytest.raises(ValueError, match=r"images_per_class=2 needs .* and 3 of the 40 training images .* use 0\."):
        train(source, batch_size=4, images_per_class=2)


def test_a_negative_start_is_refused(numbered_dir):
    with pytest.raises(ValueError, match="got -1"):
        train(load_source("numbered_grey", numbered_dir), start_step=-1)


def test_a_wrong_policy_is_refused_before_the_first_batch(numbered_dir):
    with pytest.raises(ValueError, match="Did you mean 'crop_flip'"):
        train(load_source("numbered_grey", numbered_dir), policy="crop_flp")


@pytest.mark.parametrize("batch_size", [1, 5, 13, 32])
def test_evaluation_sees_every_example_once(source, batch_size):
    dataset = pipeline.evaluation(source, "test", evaluation_crop(size=6), batch_size=batch_size)
    assert dataset.element_spec[0].shape == [batch_size, 6, 6, source.facts.image_shape[-1]]
    images, labels, weights = (np.concatenate(column) for column in zip(*dataset.as_numpy_iterator()))
    assert len(images) == -(-13 // batch_size) * batch_size
    assert weights.dtype == np.float32 and weights.tolist() == [1.0] * 13 + [0.0] * (len(images) - 13)
    numbers = numbers_of(source, images[:13])
    np.testing.assert_array_equal(numbers, np.arange(100, 113))
    np.testing.assert_array_equal(labels[:13], numbers % 4)
    assert np.all(images[13:] == 0) and np.all(labels[13:] == 0)


def test_evaluation_of_the_same_size_only_whitens(digits_dir):
    source = load_source("digits", digits_dir)
    dataset = pipeline.evaluation(source, "train", CROP, batch_size=100)
    images, _, weights = (np.concatenate(column) for column in zip(*dataset.as_numpy_iterator()))
    expected = (source.facts.mean[0] * -1 + source.arrays("train")[0] / 255) / source.facts.std[0]
    np.testing.assert_allclose(images[weights > 0], expected, atol=1e-6)


def test_evaluation_cuts_the_central_square(numbered_dir):
    source = load_source("numbered_photos", numbered_dir)
    for images, _, _ in pipeline.evaluation(source, "test", CROP, batch_size=13):
        np.testing.assert_array_equal(numbers_of(source, images.numpy()), np.arange(100, 113))


def test_evaluation_refuses_empty_batches(numbered_dir):
    with pytest.raises(ValueError, match="at least one image; got batch_size=0"):
        pipeline.evaluation(load_source("numbered_grey", numbered_dir), "test", CROP, batch_size=0)


def hosts(count, replicas_each=1):
    """How `tf.distribute` describes each of so many hosts to its input pipeline."""
    return [tf.distribute.InputContext(count, host, count * replicas_each) for host in range(count)]


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize("count, replicas_each", [(3, 2), slow(1, 1), slow(1, 2), slow(2, 1), slow(4, 1)])
def test_hosts_make_slices_of_the_batches_of_one_host(source, count, replicas_each):
    """48 images of an epoch of 40 in batches of 12, from within an epoch and over its end, byte for byte."""
    settings = {"batch_size": 12, "start_step": 2}
    alone = batches(train(source, **settings), 4)
    each = [train(source, input_context=context, **settings) for context in hosts(count, replicas_each)]
    assert {dataset.element_spec[0].shape[0] for dataset in each} == {12 // (count * replicas_each)}
    parts = [batches(dataset, 4 * replicas_each) for dataset in each]
    assert_same(join(parts, replicas_each), alone)


def join(parts, replicas_each):
    """Global batches, as (images, labels), from the lists of replica batches of each host in turn."""
    steps = zip(*[zip(*[iter(part)] * replicas_each) for part in parts])
    rows = ([pair for host in step for pair in host] for step in steps)
    return [tuple(np.concatenate(column) for column in zip(*pairs)) for pairs in rows]


def test_a_host_touches_no_image_of_another(numbered_dir):
    """Numbers of all fetched images, counted where they are fetched; one epoch over three hosts."""
    whole, shares = load_source("numbered_grey", numbered_dir), []
    for context in hosts(3):
        source = Watched(whole)
        batches(train(source, batch_size=12, parallel_calls=1, input_context=context), 10)
        shares.append(source.fetched[: 10 * 4])  # tf.data reads ahead.
    seen = np.bincount(np.concatenate(shares), minlength=TRAIN)
    np.testing.assert_array_equal(seen, 3)  # 120 rows of 40 images: nobody twice, nobody left out.


class Watched:
    """A source that notes which numbers are fetched."""

    def __init__(self, source):
        self.facts, self.count, self._source, self.fetched = source.facts, source.count, source, []

    def fetch(self, split):
        fetch = self._source.fetch(split)

        def noted(number):
            tf.numpy_function(lambda value: self.fetched.append(int(value)), [number], [], stateful=True)
            return fetch(number)

        return noted


def test_a_batch_that_hosts_cannot_share_is_refused(numbered_dir):
    with pytest.raises(ValueError, match="batch of 8 rows cannot be shared equally by 3 replicas on 3 hosts"):
        train(load_source("numbered_grey", numbered_dir), input_context=hosts(3)[0])


@pytest.mark.parametrize("count, replicas_each, batch_size", [(3, 1, 4), slow(1, 3, 4), slow(2, 1, 5), slow(4, 2, 32)])
def test_hosts_evaluate_every_example_once(source, count, replicas_each, batch_size):
    """In the order of one host, and in equally many batches of one shape."""
    parts = []
    for context in hosts(count, replicas_each):
        dataset = pipeline.evaluation(source, "test", CROP, batch_size=batch_size, input_context=context)
        parts.append([tuple(value.numpy() for value in batch) for batch in dataset])
    assert len({len(part) for part in parts}) == 1 and len({batch[0].shape for part in parts for batch in part}) == 1
    images, labels, weights = (np.concatenate(column) for column in zip(*join(parts, replicas_each)))
    assert weights.tolist() == [1.0] * 13 + [0.0] * (len(weights) - 13)
    np.testing.assert_array_equal(numbers_of(source, images[:13]), np.arange(100, 113))
    np.testing.assert_array_equal(labels[:13], np.arange(100, 113) % 4)


@pytest.mark.two_replicas_required
def test_two_replicas_share_every_example_once(numbered_dir, two_replicas):
    source = load_source("numbered_grey", numbered_dir)
    seen = []
    for images, _, weights in two_replicas.distribute_datasets_from_function(
        lambda context: pipeline.evaluation(source, "test", CROP, batch_size=3, input_context=context)
    ):
        for part, weight in zip(
            two_replicas.experimental_local_results(images), two_replicas.experimental_local_results(weights)
        ):
            assert len(part) == 2
            seen += numbers_of(source, part.numpy()[weight.numpy() > 0]).tolist()
    assert seen == list(range(100, 113))


@pytest.mark.two_replicas_required
def test_two_replicas_share_the_global_training_batch(numbered_dir, two_replicas):
    source = load_source("numbered_grey", numbered_dir)
    alone = batches(train(source), 7)
    shared = two_replicas.distribute_datasets_from_function(lambda context: train(source, input_context=context))
    for (expected, _), (images, _) in zip(alone, shared):
        parts = np.concatenate([part.numpy() for part in two_replicas.experimental_local_results(images)])
        assert parts.tobytes() == expected.tobytes()


def test_cifar10_trains_the_same_way(cifar10_dir):
    source = selected(load_source("cifar10", cifar10_dir), examples=512)
    dataset = train(source, batch_size=64, size=32, strength=0.5)
    first = batches(dataset, 3)
    assert first[0][0].shape == (64, 2, 32, 32, 3)
    assert abs(np.concatenate([images for images, _ in first]).mean()) < 0.5
    assert_same(first[2:], batches(train(source, batch_size=64, size=32, strength=0.5, start_step=2), 1))
