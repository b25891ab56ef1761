"""A network and a batch small enough to train in milliseconds."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.layers.heads import ClassificationHead, ProjectionHead
from supcon_tf.layers.normalization import batch_norm
from supcon_tf.training.state import Networks, StageState
from supcon_tf.training.steps import trained_variables

CLASSES, SIDE = 3, 8


@pytest.fixture
def batch():
    """Images [8, 2, S, S, 1] and labels [8]: a global batch of eight images in two views."""
    generator = np.random.default_rng(0)
    images = generator.normal(size=(8, 2, SIDE, SIDE, 1)).astype(np.float32)
    return images, np.array([0, 1, 0, 1, 2, 2, 0, 1], np.int64)


def tiny_encoder(cross_replica_batch_norm):
    """Two convolutions with batch norm: a ResNet takes half a minute to trace on two replicas."""
    inputs = x = tf.keras.Input([SIDE, SIDE, 1])
    for filters in (8, 16):
        x = tf.keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = tf.keras.layers.ReLU()(batch_norm(cross_replica=cross_replica_batch_norm)(x))
    return tf.keras.Model(inputs, tf.keras.layers.GlobalAveragePooling2D()(x))


@pytest.fixture
def make_state():
    """(strategy, stage) -> StageState with SGD; the same weights whatever the strategy."""

    def make(strategy, stage="contrastive", cross_replica_batch_norm=True, learning_rate=0.1):
        tf.keras.utils.set_random_seed(1)
        with strategy.scope():
            head, classifier = ProjectionHead(widths=(16, 8)), ClassificationHead(CLASSES)
            head.build((None, 16))
            classifier.build((None, 16))
            networks = Networks(tiny_encoder(cross_replica_batch_norm), head, classifier, normalize_features=True)
            optimizer = tf.keras.optimizers.SGD(learning_rate, momentum=0.9)
            return StageState.create(networks, optimizer, trained_variables(networks, stage))

    return make


@pytest.fixture
def feed():
    """Spreads one global batch over a strategy's replicas, as the trainer does."""

    def spread(strategy, images, labels):
        data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(len(labels), drop_remainder=True)
        return next(iter(strategy.experimental_distribute_dataset(data)))

    return spread


@pytest.fixture
def one_device():
    return tf.distribute.OneDeviceStrategy("CPU:0")
