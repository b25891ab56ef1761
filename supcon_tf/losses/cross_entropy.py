"""The classifier's loss and its right answers, for images of one class and for images with a set of labels.

One class an image, int [B]: cross-entropy of the softmax (Sec. 4.1). A set of labels, float [B, C]: a logistic
regression for each class, its cross-entropies summed, so that the learning rate means to a class what it means there;
1 is a label, 0 is none, and -1 is neither and left out (`data.tfds_labels.label_set`).
"""

from __future__ import annotations

from typing import Callable

import tensorflow as tf


def classification(labels: tf.Tensor, *, label_smoothing: float, batch_size: int) -> Callable:
    """From logits [B, C] to the loss of this replica's images, and metrics: "loss" and "train_accuracy".

    Args:
        labels: int [B] or float [B, C], of this replica.
        label_smoothing: share of the target that is spread over all classes, or of a label set over yes and no.
        batch_size: images of the global batch, which both are divided by.
    """

    def of_batch(logits):
        value = tf.reduce_sum(cross_entropy(labels, logits, label_smoothing=label_smoothing)) / batch_size
        return value, ({"loss": value, "train_accuracy": tf.reduce_sum(correct(labels, logits)) / batch_size}, ())

    return of_batch


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor, *, label_smoothing: float = 0.0) -> tf.Tensor:
    """Cross-entropy per image, float32 [B], against smoothed targets."""
    classes = logits.shape[-1]
    if labels.shape.rank == 1:
        targets = tf.one_hot(labels, classes) * (1 - label_smoothing) + label_smoothing / classes  # [B, C]
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    targets = labels * (1 - label_smoothing) + label_smoothing / 2  # [B, C]
    each = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)  # [B, C]
    return tf.reduce_sum(tf.where(labels < 0, 0.0, each), 1)


def answers(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The class of the highest logit of each image, of those that count for it: int64 [B]."""
    if labels.shape.rank == 2:
        logits = tf.where(labels < 0, -float("inf"), logits)
    return tf.argmax(logits, -1)


def correct(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """1 for each image whose answer is its class or one of its labels, else 0: float32 [B]."""
    found = answers(labels, logits)  # [B]
    if labels.shape.rank == 1:
        return tf.cast(found == tf.cast(labels, tf.int64), tf.float32)
    return tf.maximum(tf.gather(labels, found, batch_dims=1), 0.0)
