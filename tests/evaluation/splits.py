"""A split of a few images, and tiny networks that see it, as the tests of this room make them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.tiny import SIDE, tiny_networks

EXAMPLES, GLOBAL_BATCH = 13, 4


def some_images():
    return np.random.default_rng(0).normal(size=(EXAMPLES, SIDE, SIDE, 1)).astype(np.float32)


def batches_of(images, labels):
    """As `data.pipeline.evaluation` gives them: from an input pipeline to its batches, the last filled up."""
    missing = -len(images) % GLOBAL_BATCH
    filled = np.concatenate([images, np.zeros([missing, *images.shape[1:]], np.float32)])
    weights = np.concatenate([np.ones(len(images)), np.zeros(missing)]).astype(np.float32)
    labels = np.concatenate([labels, np.zeros_like(labels[:missing])])

    def batches(context):
        data = tf.data.Dataset.from_tensor_slices((filled, labels, weights))
        return data.batch(context.get_per_replica_batch_size(GLOBAL_BATCH), drop_remainder=True)

    return batches


def networks_on(strategy):
    with strategy.scope():
        return tiny_networks()
