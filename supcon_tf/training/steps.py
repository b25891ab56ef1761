"""What one replica does in one update: forward, gradient, update, and its share of the global metrics.

Every step divides by the global batch, and the optimizer sums gradients over replicas; so the update, and the sum of
the returned metrics over replicas, do not depend on how many replicas share the batch.
"""

from __future__ import annotations

from typing import Callable

import tensorflow as tf

from supcon_tf.losses.supcon import supervised_contrastive_loss
from supcon_tf.optim.weight_decay import decayed_variables, l2_penalty
from supcon_tf.training.state import Networks, StageState

# (images, labels) of one replica -> metrics; the sum over replicas is the metric of the global batch.
Step = Callable[[tf.Tensor, tf.Tensor], dict]


def trained_parts(stage: str) -> tuple:
    """Which networks a stage changes; the linear stage leaves the encoder as it is (Sec. 4.4)."""
    return {
        "contrastive": ("encoder", "projection"),
        "linear": ("classifier",),
        "cross_entropy": ("encoder", "classifier"),
    }[stage]


def trained_variables(networks: Networks, stage: str) -> list:
    """The variables that a stage's optimizer updates, in a fixed order."""
    return [variable for name in trained_parts(stage) for variable in networks.parts()[name].trainable_variables]


def penalized_variables(networks: Networks, stage: str) -> list:
    """Those of the trained variables that weight decay shrinks: the kernels."""
    return [variable for name in trained_parts(stage) for variable in decayed_variables(networks.parts()[name])]


def contrastive_step(state: StageState, *, batch_size: int, weight_decay: float, loss: dict, use_labels: bool) -> Step:
    """Encoder and projection head on V views of each image, by the supervised contrastive loss (Eq. 2).

    Args:
        state: of the stage.
        batch_size: images of the global batch.
        weight_decay: coefficient of the L2 penalty.
        loss: keyword arguments of `supervised_contrastive_loss`.
        use_labels: False makes every image a class of its own (SimCLR).

    Returns:
        A step on images float32 [B, V, S, S, ch] and labels int [B].
    """
    networks = state.networks
    update = _Update(state, "contrastive", weight_decay)

    def step(images, labels):
        batch, views = images.shape[:2]
        flat = tf.reshape(images, [batch * views, *images.shape[2:]])  # [M, S, S, ch]
        if not use_labels:
            labels = -tf.ones_like(labels)
        with tf.GradientTape() as tape:
            projections = tf.reshape(networks.project(flat, training=True), [batch, views, -1])  # [B, V, D]
            per_image = supervised_contrastive_loss(labels, projections, **loss)  # [B]
            value = tf.reduce_sum(per_image) / batch_size
            total = value + update.penalty()
        update.apply(tape, total)
        return {"loss": value}

    return step


def cross_entropy_step(state: StageState, *, batch_size: int, weight_decay: float, label_smoothing: float) -> Step:
    """Encoder and classifier together on the first view, by cross-entropy: the baseline.

    Args: as `contrastive_step`; label_smoothing is the share of the target that is spread over all classes.
    """
    networks = state.networks
    update = _Update(state, "cross_entropy", weight_decay)

    def step(images, labels):
        with tf.GradientTape() as tape:
            logits = networks.classify(images[:, 0], training=True)  # [B, C]
            value = tf.reduce_sum(_cross_entropy(labels, logits, label_smoothing)) / batch_size
            total = value + update.penalty()
        update.apply(tape, total)
        return {"loss": value, "train_accuracy": _correct(labels, logits) / batch_size}

    return step


def linear_step(state: StageState, *, batch_size: int, weight_decay: float, label_smoothing: float) -> Step:
    """The classifier alone, on the frozen encoder: batch norm uses its moving statistics and keeps them (Sec. 4.4)."""
    networks = state.networks
    update = _Update(state, "linear", weight_decay)

    def step(images, labels):
        features = networks.features(
            images[:, 0], training=False
        )  # [B, F], outside the tape: no gradient to the encoder
        with tf.GradientTape() as tape:
            logits = networks.classifier(features)  # [B, C]
            value = tf.reduce_sum(_cross_entropy(labels, logits, label_smoothing)) / batch_size
            total = value + update.penalty()
        update.apply(tape, total)
        return {"loss": value, "train_accuracy": _correct(labels, logits) / batch_size}

    return step


class _Update:
    """Penalty, gradient and optimizer step over the variables that one stage trains."""

    def __init__(self, state: StageState, stage: str, weight_decay: float):
        self._state = state
        self._variables = trained_variables(state.networks, stage)
        self._decayed = penalized_variables(state.networks, stage)
        self._weight_decay = weight_decay

    def penalty(self):
        """This replica's share of the L2 penalty: the optimizer sums the shares."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return l2_penalty(self._decayed, coefficient=self._weight_decay / replicas)

    def apply(self, tape: tf.GradientTape, total: tf.Tensor) -> None:
        gradients = tape.gradient(total, self._variables)
        self._state.optimizer.apply_gradients(zip(gradients, self._variables))


def _cross_entropy(labels, logits, label_smoothing):
    """Cross-entropy per image [B] against smoothed one-hot targets."""
    classes = logits.shape[-1]
    targets = tf.one_hot(labels, classes) * (1 - label_smoothing) + label_smoothing / classes  # [B, C]
    return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


def _correct(labels, logits):
    """How many of this replica's images are classified right, as float32."""
    return tf.reduce_sum(tf.cast(tf.argmax(logits, -1) == tf.cast(labels, tf.int64), tf.float32))
