"""A state and a batch for one update."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.names import STAGE_KINDS
from supcon_tf.training.state import StageState
from tests.tiny import SIDE, tiny_networks


@pytest.fixture
def batch():
    """Images [8, 2, S, S, 1] and labels [8]: a global batch of eight images in two views."""
    generator = np.random.default_rng(0)
    images = generator.normal(size=(8, 2, SIDE, SIDE, 1)).astype(np.float32)
    return images, np.array([0, 1, 0, 1, 2, 2, 0, 1], np.int64)


@pytest.fixture
def make_state():
    """(strategy, stage) -> StageState with SGD; the same weights whatever the strategy."""

    def make(strategy, stage="contrastive", cross_replica_batch_norm=True, learning_rate=0.1, last_batch_norm=False):
        with strategy.scope():
            networks = tiny_networks(cross_replica_batch_norm=cross_replica_batch_norm, last_batch_norm=last_batch_norm)
            optimizer = tf.keras.optimizers.SGD(learning_rate, momentum=0.9)
            return StageState.create(networks, STAGE_KINDS[stage].trains, optimizer)

    return make


@pytest.fixture
def feed():
    """Spreads one global batch over a strategy's replicas, as the trainer does."""

    def spread(strategy, images, labels):
        data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(len(labels), drop_remainder=True)
        return next(iter(strategy.experimental_distribute_dataset(data)))

    return spread
