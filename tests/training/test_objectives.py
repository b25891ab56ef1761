"""Objectives as pure functions of outputs and labels, against plain NumPy."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.supcon import supervised_contrastive_loss
from supcon_tf.training.objectives import (
    Contrastive,
    CrossEntropy,
    Joint,
    LargeMargin,
    Linear,
    classification,
    contrastive,
)
from tests.oracles import metric_learning as oracle
from tests.tiny import tiny_networks

LABELS = tf.constant([0, 1, 2, 0])
LOSS = functools.partial(supervised_contrastive_loss, temperature=0.2)


@pytest.fixture
def projections():
    return tf.math.l2_normalize(tf.random.stateless_normal([4, 2, 5], [0, 1]), -1)


@pytest.fixture
def logits():
    return tf.random.stateless_normal([4, 3], [2, 3])


def cross_entropy(logits, labels):
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return -np.log(shares[np.arange(len(labels)), labels])


def test_a_replica_has_its_share_of_the_global_batch(projections, logits):
    """Half of the value and of the metrics where the global batch is twice as large."""
    for of_batch in (
        lambda size: contrastive(projections, LABELS, loss=LOSS, batch_size=size),
        lambda size: classification(logits, LABELS, batch_size=size),
    ):
        whole, half = of_batch(4), of_batch(8)
        assert float(half.value) == pytest.approx(float(whole.value) / 2, rel=1e-6)
        for name, value in whole.metrics.items():
            assert float(half.metrics[name]) == pytest.approx(float(value) / 2, rel=1e-6)


def test_the_contrastive_value_is_the_mean_of_the_loss(projections):
    outcome = contrastive(projections, LABELS, loss=LOSS, batch_size=4)
    assert float(outcome.value) == pytest.approx(np.mean(LOSS(LABELS, projections)), rel=1e-6)
    assert outcome.compared == (projections, LABELS) and set(outcome.metrics) == {"loss"}


def test_classification_is_cross_entropy_and_the_share_of_right_answers(logits):
    outcome = classification(logits, LABELS, batch_size=4)
    assert float(outcome.value) == pytest.approx(cross_entropy(logits.numpy(), LABELS.numpy()).mean(), rel=1e-5)
    right = np.mean(np.argmax(logits, -1) == LABELS.numpy())
    assert float(outcome.metrics["train_accuracy"]) == pytest.approx(right)
    assert outcome.compared == ()


def test_joint_is_the_sum_and_classifies_first_views(projections, logits):
    """Rows of two views side by side: only those of first views are answers."""
    junk = tf.fill([4, 1, 3], 100.0)
    outputs = tf.concat([projections, tf.concat([logits[:, None], junk], 1)], -1)  # [B, V, D + C]
    joint = Joint(4, LOSS, classes=3)
    outcome = joint.outcome(tf.reshape(outputs, [8, 8]), LABELS, views=2)
    of_loss = contrastive(projections, LABELS, loss=LOSS, batch_size=4)
    of_classifier = classification(logits, LABELS, batch_size=4)
    assert float(outcome.value) == pytest.approx(float(of_loss.value + of_classifier.value), rel=1e-6)
    assert float(outcome.metrics["loss"]) == pytest.approx(float(of_loss.value), rel=1e-6)
    assert float(outcome.metrics["classifier_loss"]) == pytest.approx(float(of_classifier.value), rel=1e-6)
    assert set(outcome.metrics) == set(joint.metrics)
    np.testing.assert_array_equal(outcome.compared[0], projections)


def test_what_goes_through_the_networks_are_rows_image_by_image_or_first_views():
    networks, images = tiny_networks(), tf.random.stateless_normal([3, 2, 8, 8, 1], [4, 5])
    rows = Contrastive(3, LOSS).inputs(networks, images, training=True)
    np.testing.assert_array_equal(rows, np.reshape(images, [6, 8, 8, 1]))
    np.testing.assert_array_equal(CrossEntropy(3).inputs(networks, images, training=True), images[:, 0])
    features = Linear(3).inputs(networks, images, training=False)
    np.testing.assert_array_equal(features, networks.features(images[:, 0], training=False))
    np.testing.assert_array_equal(
        Linear(3).forward(networks, features, training=False), networks.classify(images[:, 0], training=False)
    )


@pytest.mark.parametrize("margin", [1, 3])
def test_a_large_margin_is_cross_entropy_of_harder_logits_and_accuracy_of_the_logits_as_they_are(margin):
    networks, images = tiny_networks(), tf.random.stateless_normal([4, 8, 8, 1], [4, 5])
    objective = LargeMargin(8, margin=margin)
    outcome = objective.outcome(objective.forward(networks, images, training=False), LABELS, views=1)
    features, (kernel, bias) = networks.features(images, training=False).numpy(), networks.classifier.get_weights()
    costs = [
        oracle.large_margin_cross_entropy(label, x, kernel, bias, margin=margin) for label, x in zip(LABELS, features)
    ]
    assert float(outcome.value) == pytest.approx(np.sum(costs) / 8, rel=1e-5)
    plain = classification(networks.classify(images, training=False), LABELS, batch_size=8)
    assert float(outcome.metrics["train_accuracy"]) == float(plain.metrics["train_accuracy"])
    assert float(outcome.metrics["loss"]) == float(outcome.value)
    assert (float(outcome.value) == pytest.approx(float(plain.value), rel=1e-5)) == (margin == 1)


def test_a_large_margin_rises_with_the_steps():
    networks, step = tiny_networks(), tf.Variable(0, dtype=tf.int64)
    outputs = networks.classify_with_angles(tf.random.stateless_normal([4, 8, 8, 1], [4, 5]), training=False)
    rising = LargeMargin(4, margin=2, share=0.8, rise=10, step=step)
    for done, share in ((0, 0.0), (5, 0.4), (10, 0.8), (99, 0.8)):
        step.assign(done)
        expected = LargeMargin(4, margin=2, share=share).outcome(outputs, LABELS, views=1)
        assert float(rising.outcome(outputs, LABELS, views=1).value) == pytest.approx(float(expected.value), rel=1e-6)


def test_labels_are_compared_as_the_loss_takes_them():
    assert Contrastive(4, LOSS, use_labels=False).compared(LABELS).numpy().tolist() == [-1] * 4
    sets = tf.constant([[1.0, -1.0], [0.0, 1.0]])  # a label in difficult objects alone is none
    assert Contrastive(4, LOSS).compared(sets).numpy().tolist() == [[1, 0], [0, 1]]
