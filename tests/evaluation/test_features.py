"""A split through the networks: every example once, in order, on any number of replicas; the accuracy of it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.evaluation.features import embed_split
from supcon_tf.evaluation.linear import accuracy_on
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
    data = tf.data.Dataset.from_tensor_slices((filled, np.concatenate([labels, np.zeros(missing, np.int64)]), weights))
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
