"""Any encoder on any images: the numbers are those of the features as arrays."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.evaluation import encoder
from supcon_tf.evaluation.linear_probe import linear_probe
from supcon_tf.evaluation.neighbours import neighbour_accuracy
from tests.evaluation.clouds import CLASSES, clouds


def images_of(split):
    """Features as images of one row of pixels."""
    return split[0][:, None, :, None].astype("float32"), split[1]


TRAIN, TEST = clouds(120), clouds(80, seed=1)
FLAT = tf.keras.layers.Flatten()


def test_the_probe_is_that_of_the_features_and_its_classifier_answers_so():
    probe = encoder.linear(FLAT, images_of(TRAIN), images_of(TEST), penalties=[0.1, 1.0, 10.0])
    expected = linear_probe(TRAIN, TEST, classes=CLASSES, penalties=[0.1, 1.0, 10.0])
    assert probe.accuracy == expected["accuracy"] and probe.penalty == expected["penalty"]
    answers = probe.classifier(FLAT(images_of(TEST)[0])).numpy().argmax(1)
    assert np.mean(answers == TEST[1]) == probe.accuracy
    assert probe.interval.low < probe.accuracy < probe.interval.high and probe.interval.n == 80


def test_garbage_in_the_test_changes_no_choice():
    garbage = images_of((TEST[0], np.roll(TEST[1], 1)))
    first = encoder.linear(FLAT, images_of(TRAIN), images_of(TEST), penalties=[0.1, 10.0])
    second = encoder.linear(FLAT, images_of(TRAIN), garbage, penalties=[0.1, 10.0])
    assert first.penalty == second.penalty and first.accuracy != second.accuracy
    np.testing.assert_array_equal(first.classifier.get_weights()[0], second.classifier.get_weights()[0])


@pytest.mark.parametrize("labels", [lambda y: y, lambda y: y[:, None], lambda y: np.eye(CLASSES)[y]])
def test_a_dataset_in_batches_is_the_same(labels):
    images, classes = images_of(TEST)
    data = tf.data.Dataset.from_tensor_slices((images, labels(classes))).batch(33)
    features, found = encoder.embed(FLAT, data)
    np.testing.assert_allclose(features, TEST[0], rtol=1e-6)
    np.testing.assert_array_equal(found, classes)


def test_neighbours_are_those_of_the_features():
    found = encoder.nearest_neighbours(FLAT, images_of(TRAIN), images_of(TEST), neighbours=5, temperature=0.1)
    assert found == neighbour_accuracy(TRAIN, TEST, classes=CLASSES, neighbours=5, temperature=0.1)


@pytest.mark.parametrize(
    "data, message",
    [
        (np.zeros([3, 2]), "must be .images, labels. or a dataset"),
        ((np.zeros([3, 2]), np.zeros(2)), "one each"),
        (tf.data.Dataset.from_tensors((tf.zeros([1, 2]), [0])).repeat(), "never ends"),
        (tf.data.Dataset.from_tensors(tf.zeros([1, 2])), "batches of .images, labels."),
        ((np.zeros([2, 2]), np.array([0.5, 1.0])), "whole numbers"),
        ((np.zeros([2, 2]), np.array([[1, 1], [0, 1]])), "one class an image"),
        ((np.zeros([2, 2]), ["cat", "dog"]), r"labels of `data` are text, .*numpy\.unique"),
        ((np.zeros([2, 2]), np.array(["cat", None], object)), "labels of `data` are text"),
        (tf.data.Dataset.from_tensors((np.zeros([2, 2]), ["cat", "dog"])), "labels of `data` are text"),
    ],
)
def test_data_that_mean_nothing_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        encoder.embed(FLAT, data)


def test_it_is_traced_once_for_batches_of_any_size():
    traced = []

    def flat(images):
        traced.append(images.shape)
        return tf.reshape(images, [tf.shape(images)[0], -1])

    embed = encoder.embedder(flat)
    images, labels = np.random.rand(10, 2, 2, 1).astype("float32"), np.arange(10)
    for size in (4, 3, 10):
        features, _ = embed(tf.data.Dataset.from_tensor_slices((images, labels)).batch(size), "train")
        np.testing.assert_array_equal(features, images.reshape(10, 4))
    assert [shape.as_list() for shape in traced] == [[None, 2, 2, 1]]
    embed((np.random.rand(3, 5, 5, 1).astype("float32"), [0, 1, 2]), "of another size")
    assert len(traced) == 2


def test_labels_are_read_no_further_than_asked():
    read = []

    def noted(image, label):
        read.append(int(label))
        return image, label

    data = tf.data.Dataset.from_tensor_slices((np.zeros([600, 2, 2, 1]), np.arange(600) % 3))
    data = data.map(lambda image, label: tf.py_function(noted, [image, label], [tf.float64, tf.int64])).batch(4)
    assert encoder.labels_in(data, "train", first=5).tolist() == [0, 1, 2, 0, 1]
    assert len(read) < 300  # TensorFlow may read some batches ahead
    assert encoder.labels_in(data, "train").tolist() == [0, 1, 2] * 200
    assert encoder.labels_in((np.zeros([2, 1]), np.eye(3)[[2, 0]]), "train").tolist() == [2, 0]
    with pytest.raises(ValueError, match="`train` has no images"):
        encoder.labels_in(data.take(0), "train")


def test_an_encoder_may_take_several_inputs():
    parts = {"left": np.random.rand(7, 2).astype("float32"), "right": np.random.rand(7, 3).astype("float32")}
    inputs = {name: tf.keras.Input(part.shape[1:], name=name) for name, part in parts.items()}
    joined = tf.keras.Model(inputs, tf.keras.layers.Concatenate()([inputs["left"], inputs["right"]]))
    data = tf.data.Dataset.from_tensor_slices((parts, np.arange(7))).batch(4)
    features, labels = encoder.embed(joined, data)
    np.testing.assert_array_equal(features, np.concatenate([parts["left"], parts["right"]], 1))
    assert labels.tolist() == list(range(7))
