"""Top-1 accuracy of the classifier on the frozen encoder, every test example exactly once (Sec. 4.1)."""

from __future__ import annotations

from typing import Callable

import numpy as np
import tensorflow as tf

from supcon_tf.training.state import Networks


def accuracy_on(
    networks: Networks,
    *,
    strategy: tf.distribute.Strategy,
    batches: Callable[[tf.distribute.InputContext], tf.data.Dataset],
) -> Callable[[], dict]:
    """A function that measures test accuracy now: `{"test_accuracy": share of examples classified right}`.

    Args:
        networks: encoder and classifier.
        strategy: spreads the batches over its replicas.
        batches: from an input pipeline to its (images [B, S, S, ch], labels [B], weights [B]), in batches for one
            replica each; weight 0 marks padding.
    """
    spread = strategy.distribute_datasets_from_function(batches)

    def count(images, labels, weights):
        predicted = tf.argmax(networks.classify(images, training=False), -1)  # [B]
        right = tf.cast(predicted == tf.cast(labels, tf.int64), tf.float32)
        return tf.reduce_sum(right * weights), tf.reduce_sum(weights)

    @tf.function
    def one_batch(images, labels, weights):
        right, seen = strategy.run(count, args=(images, labels, weights))
        return strategy.reduce("SUM", right, axis=None), strategy.reduce("SUM", seen, axis=None)

    def measure() -> dict:
        totals = np.sum([[float(value) for value in one_batch(*batch)] for batch in spread], axis=0)  # right, seen
        return {"test_accuracy": float(totals[0] / totals[1])}

    return measure
