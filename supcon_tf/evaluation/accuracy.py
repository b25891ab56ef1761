"""How good the classifier on the frozen encoder is, every test example exactly once (Sec. 4.1)."""

from __future__ import annotations

from typing import Callable

import numpy as np
import tensorflow as tf

from supcon_tf.distribution.streams import Stream
from supcon_tf.evaluation.average_precision import mean_average_precision
from supcon_tf.evaluation.classification import mean_per_class
from supcon_tf.evaluation.features import Batches, embedding_on
from supcon_tf.losses.cross_entropy import correct
from supcon_tf.networks.networks import Networks


def accuracy_on(networks: Networks, *, strategy: tf.distribute.Strategy, batches: Batches) -> Callable[[], dict]:
    """A function that measures test accuracy now: `{"test_accuracy": share of examples classified right}`.

    Args:
        networks: encoder and classifier.
        strategy: spreads the batches over its replicas.
        batches: from an input pipeline to its (images [B, S, S, ch], labels [B], weights [B]), in batches for one
            replica each; weight 0 marks padding.
    """
    spread = strategy.distribute_datasets_from_function(batches)

    def count(images, labels, weights):
        right = correct(labels, networks.classify(images, training=False))  # [B]
        return tf.reduce_sum(right * weights), tf.reduce_sum(weights)

    @tf.function
    def one_batch(images, labels, weights):
        right, seen = strategy.run(count, args=(images, labels, weights))
        return strategy.reduce("SUM", right, axis=None), strategy.reduce("SUM", seen, axis=None)

    def measure() -> dict:
        with Stream(spread) as stream:
            totals = np.sum([[float(value) for value in one_batch(*batch)] for batch in stream], axis=0)  # right, seen
        return {"test_accuracy": float(totals[0] / totals[1])}

    return measure


def precision_on(networks: Networks, *, strategy: tf.distribute.Strategy, batches: Batches) -> Callable[[], dict]:
    """As `accuracy_on`, for label sets: mean average precision over classes, and how often the top answer is right.

    Returns:
        A function to `measures` of the split as the networks are now.
    """
    embed = embedding_on(networks, strategy=strategy, batches=batches)

    def measure() -> dict:
        found = embed()
        return measures(found["logits"], found["labels"])

    return measure


def measures(logits: np.ndarray, labels: np.ndarray) -> dict:
    """What is said of the answers to a split.

    Args:
        logits: float [n, C].
        labels: int [n] or float [n, C].

    Returns:
        "test_accuracy", the share of examples whose top answer is their class or one of their labels; and for classes
        "test_mean_per_class_accuracy", the mean over them of that share (the measure of four sets of the paper's
        Table 4), for label sets "test_mean_average_precision".
    """
    right = correct(tf.constant(labels), tf.constant(logits)).numpy()  # [n]
    found = {"test_accuracy": float(right.mean(dtype=np.float64))}
    if labels.ndim == 2:
        return {**found, "test_mean_average_precision": mean_average_precision(logits, labels)}
    return {**found, "test_mean_per_class_accuracy": mean_per_class(right, labels)}
