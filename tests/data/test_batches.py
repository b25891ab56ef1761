"""Batches for a `fit` of one's own: P classes x K images, and shuffled ones; epochs, seeds and replicas."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.augment.layers import ColorJitter, TwoViews
from supcon_tf.augment.policies import policy
from supcon_tf.augment.views import several
from supcon_tf.data import order
from supcon_tf.data.batches import balanced_batches, shuffled_batches
from supcon_tf.losses.supcon import SupConLoss

ROOT = pathlib.Path(__file__).parents[2]
LABELS = np.random.RandomState(1).permutation(np.repeat(np.arange(6), [12, 9, 30, 8, 7, 2]))
COUNT = len(LABELS)
IMAGES = np.arange(COUNT, dtype=np.uint8)[:, None, None, None]  # one pixel: the image's number
DATA = (IMAGES, LABELS)
STREAM = tf.data.Dataset.from_tensor_slices(DATA)


def stamp(image, seed):
    """Two views: the image's number, and a number of the seed."""
    drawn = tf.random.stateless_uniform([1, 1, 1], seed)
    return tf.stack([tf.cast(image, tf.float32), drawn])


def balanced(data=DATA, *, classes=3, images_per_class=4, **how):
    return balanced_batches(data, classes=classes, images_per_class=images_per_class, **how)


def passes(data, count=1):
    """(images, labels) of so many passes, each as arrays whose first dimension is the batch."""
    return [tuple(np.stack(column) for column in zip(*data.as_numpy_iterator())) for _ in range(count)]


def numbers(data, count=1):
    """Numbers of the images, [batches, rows], of so many passes."""
    return [images.reshape(*labels.shape, -1)[..., 0].astype(int) for images, labels in passes(data, count)]


def test_a_balanced_batch_has_k_images_of_each_of_p_classes():
    """Class 5 has 2 images: both are there, and come again; no other image is twice in a batch."""
    for images, labels in passes(balanced(batches=60)):
        np.testing.assert_array_equal(LABELS[images[..., 0, 0, 0]], labels)
        for batch, classes in zip(images[..., 0, 0, 0], labels):
            assert sorted(np.bincount(classes)[np.unique(classes)]) == [4, 4, 4]
            assert set(LABELS[np.flatnonzero(np.bincount(batch) > 1)]) <= {5}


def test_all_classes_come_equally_often_whatever_their_sizes():
    """Control: in shuffled batches of the same images they do not."""
    (_, labels) = passes(balanced(batches=10))[0]
    np.testing.assert_array_equal(np.bincount(labels.ravel()), [20] * 6)
    (_, labels) = passes(shuffled_batches(DATA, 12))[0]
    assert np.ptp(np.bincount(labels.ravel())) > 15


@pytest.mark.slow
def test_passes_are_the_trainers_stream_cut_into_epochs():
    seed = tf.constant([7, 0], tf.int64)
    stream = order.balanced(LABELS, images_per_class=4, seed=seed, first=0, share=order.Share.of(12, None))
    expected = np.array([number for _, number in stream.take(12 * 15).as_numpy_iterator()])
    data = balanced(seed=7)
    assert len(data) == 5  # 68 images, 12 a batch
    np.testing.assert_array_equal(np.concatenate(numbers(data, 3)).ravel(), expected)


@pytest.mark.slow
def test_a_shuffled_pass_is_a_permutation_but_for_a_rest():
    for data in (shuffled_batches(DATA, 8), shuffled_batches(STREAM, 8, shuffle_buffer=30)):
        assert len(data) == 8
        one, two = numbers(data, 2)
        for drawn in (one, two):
            assert drawn.shape == (8, 8) and len(np.unique(drawn)) == 64
        assert (one != two).mean() > 0.9 and set(one.ravel()) != set(two.ravel())


@pytest.mark.slow
def test_a_stream_that_is_not_shuffled_keeps_its_order():
    np.testing.assert_array_equal(numbers(shuffled_batches(STREAM, 8, shuffle_buffer=1))[0].ravel(), np.arange(64))


MAKE = {
    "balanced": lambda **how: balanced(views=stamp, **how),
    "shuffled": lambda **how: shuffled_batches(DATA, 12, views=stamp, **how),
    "streamed": lambda **how: shuffled_batches(STREAM, 12, views=stamp, shuffle_buffer=20, **how),
}


ONE_FAST = ["shuffled", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("balanced", "streamed"))]


@pytest.mark.parametrize("kind", ONE_FAST)
def test_the_seed_and_the_number_of_the_pass_decide_order_and_views(kind):
    """Another global seed changes nothing; another own seed, or another pass, all."""
    make = MAKE[kind]
    tf.random.set_seed(1)
    first, second = passes(make(seed=3), 2)
    tf.random.set_seed(2)
    again, later = passes(make(seed=3), 2)
    for one, other in zip([*first, *second], [*again, *later]):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(passes(make(seed=3, first_epoch=1))[0][0], second[0])
    other = passes(make(seed=4))[0]
    drawn = [found[0][:, :, 1].ravel() for found in (first, second, other)]
    assert len(np.unique(drawn)) == np.size(drawn)  # no seed of a view comes twice
    assert all((first[0][:, :, 0] != found[0][:, :, 0]).mean() > 0.8 for found in (second, other))


@pytest.mark.slow
def test_a_look_at_the_first_batch_is_a_pass():
    """Said in the docstrings, and so it is."""
    data, expected = balanced(seed=3), numbers(balanced(seed=3), 2)
    _ = next(iter(data))
    np.testing.assert_array_equal(numbers(data)[0], expected[1])


# What other processes and the other stack draw, too.
FIRST = {
    "balanced": [44, 36, 32, 37, 60, 61, 26, 4, 24, 33, 49, 53],
    "shuffled": [34, 9, 41, 45, 56, 13, 58, 53, 8, 39, 48, 37],
    "streamed": [19, 20, 6, 14, 1, 23, 12, 10, 22, 11, 2, 15],
}


@pytest.mark.parametrize("kind", MAKE)
def test_the_first_batch_is_the_same_in_every_process_and_on_every_stack(kind):
    assert numbers(MAKE[kind](seed=3))[0][0].tolist() == FIRST[kind]


PROGRAM = """
import zlib, numpy as np, tensorflow as tf, supcon_tf as sc
images = np.random.default_rng(0).integers(0, 256, [60, 12, 12, 3], np.uint8)
views = sc.TwoViews("sim_augment", size=8)
data = sc.data.balanced_batches((images, np.arange(60) % 5), classes=4, images_per_class=3, views=views, seed=5)
print([zlib.crc32(np.ascontiguousarray(batch)) for _ in range(2) for batch, _ in data.as_numpy_iterator()])
"""


@pytest.mark.slow
def test_two_processes_draw_the_same_pixels():
    where = {"cwd": ROOT, "env": {**os.environ, "PYTHONPATH": str(ROOT)}, "capture_output": True, "text": True}
    said = [subprocess.run([sys.executable, "-c", PROGRAM], check=True, **where).stdout for _ in range(2)]
    assert said[0] == said[1] and len(set(said[0].split(","))) == 10


@pytest.mark.slow
def test_a_dataset_is_held_and_gives_the_same_batches_as_its_arrays(capsys):
    """Images of unlike sizes as well, where views are drawn of them."""
    np.testing.assert_array_equal(numbers(balanced(STREAM))[0], numbers(balanced())[0])
    assert capsys.readouterr().out == "holding 68 images of a dataset in memory, 0.0 MB\n"

    def of_its_own_size(image, label):
        return tf.tile(image, [1 + label % 3, 2, 1]), label

    photographs = STREAM.map(of_its_own_size)
    views = TwoViews("crop_flip", size=4)
    images, labels = passes(balanced(photographs, views=views))[0]
    assert images.shape == (5, 12, 2, 4, 4, 1)
    np.testing.assert_array_equal(LABELS[np.round(images[:, :, 0, 0, 0, 0] * 255).astype(int)], labels)
    for make in (balanced, lambda data: shuffled_batches(data, 12)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"images must have one size to be a batch; .* views"):
            passes(make(photographs))


@pytest.mark.slow
def test_the_views_of_the_layer_are_drawn_by_number():
    """Its own seed, and how often it was called, have no part in it."""
    images = np.random.default_rng(0).integers(0, 256, [24, 6, 6, 3], np.uint8)
    data = (images, np.arange(24) % 3)
    found = []
    for seed in (1, 2):
        views = TwoViews("crop_flip", size=4, views=3, seed=seed)
        views(images[:seed])
        found.append(passes(shuffled_batches(data, 8, views=views, seed=1))[0][0])
    np.testing.assert_array_equal(*found)
    assert found[0].shape == (3, 8, 3, 4, 4, 3) and (found[0][:, :, 0] != found[0][:, :, 1]).any()


@pytest.mark.parametrize("labels", [LABELS[:, None], LABELS.astype(np.uint8), LABELS.astype(np.int32)[:, None]])
@pytest.mark.parametrize("wrapped", [tuple, tf.data.Dataset.from_tensor_slices], ids=["arrays", "dataset"])
def test_labels_of_balanced_batches_are_classes_as_documented(labels, wrapped):
    ((_, expected),) = passes(balanced(seed=2))
    data = balanced(wrapped((IMAGES, labels)), seed=2)
    assert data.element_spec[1].shape.rank == 1 and data.element_spec[1].dtype == tf.int64
    ((_, found),) = passes(data)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_labels_of_any_kind_pass_through_shuffled_batches():
    for labels in (np.eye(6, dtype=np.float32)[LABELS], LABELS - 1):
        images, found = passes(shuffled_batches((IMAGES, labels), 8))[0]
        np.testing.assert_array_equal(found, labels[images[..., 0, 0, 0]])


@pytest.mark.parametrize("make", [balanced, lambda data, **how: shuffled_batches(data, 12, **how)])
def test_images_whose_shape_is_unknown_have_that_of_the_first(make):
    """As of `tf.io.decode_image`; those of another number of channels are refused when their turn comes."""

    def unknown(images):
        types = (tf.TensorSpec(None, tf.uint8), tf.TensorSpec([], tf.int64))
        return tf.data.Dataset.from_generator(lambda: zip(images, LABELS), output_signature=types)

    coloured, views = np.tile(IMAGES, [1, 7, 8, 3]), several(policy("crop_flip", size=6), count=2)
    for how, shape in (({}, (7, 8, 3)), ({"views": views}, (2, 6, 6, 3))):
        assert next(iter(make(unknown(coloured), **how)))[0].shape[1:] == shape
    with pytest.raises(tf.errors.InvalidArgumentError, match="the channels of the first, 3; another has not"):
        list(make(unknown([coloured[0], *coloured[1:, ..., :1]]), views=views))
    with pytest.raises(ValueError, match=r"the first image has shape \(1, .*expand_animations=False"):
        make(unknown(coloured[:, None]), views=views)


@pytest.mark.parametrize(
    "how, message",
    [
        ({"classes": 7}, "a batch must hold 2 to 6 classes, .* got classes=7"),
        ({"classes": 1}, "2 to 6 classes"),
        ({"images_per_class": 0}, "1 or more images of a class; got images_per_class=0"),
        ({"batches": 0}, "an epoch must have 1 or more batches; got batches=0"),
        ({"first_epoch": -1}, "counted from 0; got first_epoch=-1"),
        ({"views": ColorJitter()}, "`views` must be `sc.TwoViews.*got ColorJitter"),
        ({"views": "sim_augment"}, "got str"),
    ],
)
def test_what_makes_no_balanced_batch_is_refused(how, message):
    with pytest.raises(ValueError, match=message):
        balanced(**how)


@pytest.mark.parametrize(
    "how, message",
    [
        ({"batch_size": 69}, "at most the 68 images there are; got batch_size=69"),
        ({"batch_size": 0}, "sizes must be 1 or more; got batch_size=0"),
        ({"batch_size": 8, "shuffle_buffer": 0}, "got batch_size=8, shuffle_buffer=0"),
    ],
)
def test_what_makes_no_shuffled_batch_is_refused(how, message):
    for data in (DATA, STREAM):
        with pytest.raises(ValueError, match=message):
            shuffled_batches(data, **how)


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("kind", ONE_FAST)
def test_replicas_share_each_batch(kind, two_replicas):
    expected = passes(MAKE[kind](seed=3), 2)
    data = two_replicas.experimental_distribute_dataset(MAKE[kind](seed=3))
    for images, labels in expected:
        shares = [[two_replicas.experimental_local_results(part) for part in batch] for batch in data]
        np.testing.assert_array_equal([np.concatenate(images) for images, _ in shares], images)
        np.testing.assert_array_equal([np.concatenate(labels) for _, labels in shares], labels)
        assert all(len(part) == 6 for batch in shares for column in batch for part in column)


def fitted(strategy, seed):
    """Loss an epoch of a linear model under `fit`."""
    tf.keras.utils.set_random_seed(0)
    with strategy.scope():
        layers = [tf.keras.Input([2, 1, 1, 1]), tf.keras.layers.Reshape([2, 1]), tf.keras.layers.Rescaling(1 / 34, -1)]
        model = tf.keras.Sequential([*layers, tf.keras.layers.Dense(8, "tanh"), tf.keras.layers.Dense(4)])
        model.compile(tf.keras.optimizers.SGD(0.1), SupConLoss(0.5))
    return model.fit(MAKE["balanced"](seed=seed), epochs=3, verbose=0).history["loss"]


@pytest.mark.slow
@pytest.mark.two_replicas_required
def test_a_fit_on_two_replicas_is_that_on_one_device(one_device, two_replicas):
    """Every epoch has batches of its own: with another seed they are others."""
    alone = fitted(one_device, 3)
    np.testing.assert_allclose(fitted(two_replicas, 3), alone, rtol=2e-5)
    assert np.abs(np.array(fitted(one_device, 4)) - alone).max() > 1e-3
