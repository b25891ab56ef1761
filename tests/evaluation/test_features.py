"""A split through the networks: every example once, in order, on any number of replicas; the accuracy of it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.evaluation.average_precision import mean_average_precision
from supcon_tf.evaluation.features import embed_split
from supcon_tf.evaluation.linear import accuracy_on, measures, precision_on
from tests.tiny import SIDE, tiny_networks

EXAMPLES, GLOBAL_BATCH = 13, 4


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(EXAMPLES, SIDE, SIDE, 1)).astype(np.float32)


def padded_batches(images, labels, batch_size):
    """As the evaluation pipeline gives them: the last batch is filled up with weight 0."""
    missing = -len(images) % GLOBAL_BATCH
    filled = np.concatenate([images, np.zeros([missing, *images.shape[1:]], np.float32)])
    weights = np.concatenate([np.ones(len(images)), np.zeros(missing)]).astype(np.float32)
    data = tf.data.Dataset.from_tensor_slices(
        (filled, np.concatenate([labels, np.zeros_like(labels[:missing])]), weights)
    )
    return data.batch(batch_size, drop_remainder=True)


def through(strategy, images, labels):
    with strategy.scope():
        networks = tiny_networks()

    def batches(context):
        return padded_batches(images, labels, batch_size=context.get_per_replica_batch_size(GLOBAL_BATCH))

    result = embed_split(networks, strategy=strategy, batches=batches)
    return networks, result, accuracy_on(networks, strategy=strategy, batches=batches)()["test_accuracy"]


def check(strategy, images):
    """Features, order and accuracy against one plain call of the networks on all images."""
    labels = np.arange(EXAMPLES) % 3
    networks, result, accuracy = through(strategy, images, labels)
    np.testing.assert_allclose(result["embeddings"], networks.features(images, training=False), atol=1e-6)
    np.testing.assert_allclose(result["logits"], networks.classify(images, training=False), atol=1e-6)
    np.testing.assert_array_equal(result["labels"], labels)
    assert accuracy == pytest.approx(np.mean(result["logits"].argmax(1) == labels))


def test_one_device_sees_every_example_once_in_order(images):
    check(tf.distribute.OneDeviceStrategy("CPU:0"), images)


@pytest.mark.two_replicas_required
def test_two_replicas_see_every_example_once_in_order(images, two_replicas):
    check(two_replicas, images)


@pytest.mark.parametrize("offset, accuracy", [(0, 1.0), (1, 0.0)])
def test_right_and_wrong_labels_are_told_apart(images, offset, accuracy):
    """Closed form: the network's own answers are all right, and their successors all wrong."""
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    answers = tiny_networks().classify(images, training=False).numpy().argmax(1)
    assert through(strategy, images, (answers + offset) % 3)[2] == accuracy


def test_measures_of_classes_are_shares_of_images_and_the_mean_of_shares_of_classes():
    logits = np.eye(3)[[0, 0, 1, 2, 0, 0]]
    found = measures(logits, np.array([0, 0, 0, 0, 1, 0]))  # right: 3 of 5, and 0 of 1
    assert found == pytest.approx({"test_accuracy": 3 / 6, "test_mean_per_class_accuracy": (3 / 5 + 0) / 2})


@pytest.mark.two_replicas_required
def test_label_sets_have_one_measure_on_one_device_and_on_two(images, two_replicas):
    labels = np.random.default_rng(1).choice([-1, 0, 1], (EXAMPLES, 3)).astype(np.float32)
    found = []
    for strategy in (tf.distribute.OneDeviceStrategy("CPU:0"), two_replicas):
        with strategy.scope():
            networks = tiny_networks()

        def batches(context):
            return padded_batches(images, labels, batch_size=context.get_per_replica_batch_size(GLOBAL_BATCH))

        measure = precision_on(networks, strategy=strategy, batches=batches)
        found.append(measure())
        assert measure() == found[-1]
    logits = networks.classify(images, training=False).numpy()
    expected = mean_average_precision(logits, labels)
    assert found[0]["test_mean_average_precision"] == found[1]["test_mean_average_precision"] == pytest.approx(expected)
    answers = np.where(labels < 0, -np.inf, logits).argmax(1)
    right = np.mean([labels[row, answer] == 1 for row, answer in enumerate(answers)])
    assert found[0]["test_accuracy"] == found[1]["test_accuracy"] == pytest.approx(right)
    assert mean_average_precision(logits, labels[::-1]) != pytest.approx(expected)  # control: order matters
