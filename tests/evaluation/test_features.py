"""A split through the networks: every example once, in order, on any number of replicas."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.evaluation.features import embed_split, embedding_on
from tests.evaluation.splits import EXAMPLES, batches_of, networks_on, some_images


def check(strategy):
    """Features and order against one plain call of the networks on all images."""
    networks, images, labels = networks_on(strategy), some_images(), np.arange(EXAMPLES) % 3
    found = embed_split(networks, strategy=strategy, batches=batches_of(images, labels))
    np.testing.assert_allclose(found["embeddings"], networks.features(images, training=False), atol=1e-6)
    np.testing.assert_allclose(found["logits"], networks.classify(images, training=False), atol=1e-6)
    np.testing.assert_array_equal(found["labels"], labels)


def test_one_device_sees_every_example_once_in_order():
    check(tf.distribute.OneDeviceStrategy("CPU:0"))


@pytest.mark.two_replicas_required
def test_two_replicas_see_every_example_once_in_order(two_replicas):
    check(two_replicas)


def test_it_looks_at_the_networks_as_they_are_now():
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    networks = networks_on(strategy)
    embed = embedding_on(networks, strategy=strategy, batches=batches_of(some_images(), np.arange(EXAMPLES) % 3))
    before = embed()["logits"]
    bias = networks.classifier.dense.bias
    bias.assign_add(tf.fill(bias.shape, 2.0))
    np.testing.assert_allclose(embed()["logits"], before + 2.0, atol=1e-6)
