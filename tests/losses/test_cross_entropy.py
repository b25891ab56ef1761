"""Loss and right answers of the classifier, for one class an image and for label sets, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.cross_entropy import answers, classification, correct, cross_entropy

LOGITS = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0], [-2.0, 0.0, 4.0], [1.0, 2.0, 3.0]], np.float32)
CLASSES = np.array([0, 2, 2, 1])
SETS = np.array([[1, 0, 1], [0, -1, 1], [0, 0, 0], [1, 1, -1]], np.float32)


def softmax_loss(logits, label, smoothing):
    total = sum(math.exp(value) for value in logits)
    shares = [(1 - smoothing) * (number == label) + smoothing / len(logits) for number in range(len(logits))]
    return -sum(share * math.log(math.exp(value) / total) for share, value in zip(shares, logits))


def sigmoid_loss(logits, labels, smoothing):
    loss = 0.0
    for value, label in zip(logits, labels):
        if label >= 0:
            yes, target = 1 / (1 + math.exp(-value)), (1 - smoothing) * label + smoothing / 2
            loss -= target * math.log(yes) + (1 - target) * math.log(1 - yes)
    return loss


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("labels, of_image", [(CLASSES, softmax_loss), (SETS, sigmoid_loss)])
def test_the_loss_is_that_of_plain_loops(labels, of_image, smoothing):
    found = cross_entropy(tf.constant(labels), tf.constant(LOGITS), label_smoothing=smoothing)
    expected = [of_image(row.tolist(), label, smoothing) for row, label in zip(LOGITS, labels)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_smoothed_targets_are_shares_of_all_classes(smoothing):
    """1 - s for the label and s / C for every class, as the authors count it; the gradient is softmax - target."""
    logits, labels = np.random.default_rng(0).normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])
    targets = (1 - smoothing) * np.eye(4)[labels] + smoothing / 4
    log_shares = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    given = tf.constant(logits, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(given)
        losses = cross_entropy(tf.constant(labels), given, label_smoothing=smoothing)
    np.testing.assert_allclose(losses, -(targets * log_shares).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(losses, given), np.exp(log_shares) - targets, atol=1e-6)


def test_what_does_not_count_has_no_gradient():
    """Closed form: the gradient of a logistic regression is sigmoid - target."""
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = tf.reduce_sum(cross_entropy(tf.constant(SETS), logits))
    expected = np.where(SETS < 0, 0, 1 / (1 + np.exp(-LOGITS)) - SETS)
    np.testing.assert_allclose(tape.gradient(value, logits), expected, atol=1e-6)
    assert (SETS < 0).sum() == 2 and (expected == 0).sum() == 2


def test_an_answer_is_right_when_it_is_the_class_or_one_of_the_labels():
    np.testing.assert_array_equal(correct(tf.constant(CLASSES), tf.constant(LOGITS)), [1, 0, 1, 0])
    np.testing.assert_array_equal(answers(tf.constant(SETS), tf.constant(LOGITS)), [0, 2, 2, 1])
    # Second image: class 1 does not count, so 2 is its answer. Third: no label can be right. Last: 1, before 2.
    np.testing.assert_array_equal(correct(tf.constant(SETS), tf.constant(LOGITS)), [1, 1, 0, 1])


def test_one_hot_sets_are_as_right_as_their_classes():
    np.testing.assert_array_equal(
        correct(tf.one_hot(CLASSES, 3), tf.constant(LOGITS)), correct(tf.constant(CLASSES), tf.constant(LOGITS))
    )


@pytest.mark.parametrize("labels", [CLASSES, SETS])
def test_shares_of_two_replicas_add_up_to_the_batch(labels):
    def of(rows):
        of_batch = classification(tf.constant(labels[rows]), label_smoothing=0.0, batch_size=4)
        return of_batch(tf.constant(LOGITS[rows]))

    whole, halves = of(slice(None)), (of(slice(0, 1)), of(slice(1, 4)))
    assert float(whole[0]) == pytest.approx(sum(float(half[0]) for half in halves))
    for name in ("loss", "train_accuracy"):
        assert float(whole[1][0][name]) == pytest.approx(sum(float(half[1][0][name]) for half in halves))
