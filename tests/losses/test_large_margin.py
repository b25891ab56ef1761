"""Large-margin softmax: psi against its definition, the loss against plain loops, and plain softmax where m is 1."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.cross_entropy import cross_entropy
from supcon_tf.losses.large_margin import large_margin_logits, psi, with_angles
from tests.oracles import metric_learning as oracle


@pytest.mark.parametrize("margin", [1, 2, 3, 4])
def test_psi_is_its_definition_and_falls(margin):
    angles = np.linspace(0, math.pi, 201)
    k = np.minimum(np.floor(angles * margin / math.pi + 1e-12), margin - 1)
    expected = (-1) ** k * np.cos(margin * angles) - 2 * k
    found = psi(tf.constant(np.cos(angles)), margin).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert (
        np.all(np.diff(found) <= 1e-12) and found[0] == pytest.approx(1) and found[-1] == pytest.approx(1 - 2 * margin)
    )
    assert np.all(found <= np.cos(angles) + 1e-12)  # the own class is made harder, never easier


def problem():
    random = np.random.default_rng(0)
    return random.integers(0, 4, 6), random.normal(size=[6, 5]), random.normal(size=[5, 4]), random.normal(size=[4])


@pytest.mark.parametrize("share", [1.0, 0.25])
@pytest.mark.parametrize("margin", [1, 2, 3, 4])
def test_plain_loops(margin, share):
    labels, features, kernel, bias = problem()
    expected = [oracle.large_margin_cross_entropy(label, x, kernel, bias, margin=margin, share=share)
                for label, x in zip(labels, features)]  # fmt: skip
    x, w, b = (tf.constant(values, tf.float32) for values in (features, kernel, bias))
    outputs = with_angles(x, tf.matmul(x, w) + b, w)
    logits = large_margin_logits(tf.constant(labels), outputs, margin=margin, share=share)
    np.testing.assert_allclose(cross_entropy(tf.constant(labels), logits), expected, rtol=1e-5)
    if margin == 1:
        np.testing.assert_allclose(logits, features @ kernel + bias, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("features", [np.zeros([2, 3]), np.array([[1.0, 0, 0], [-1.0, 0, 0]])])
def test_gradients_are_numbers_at_zero_features_and_at_angles_of_zero_and_half_a_turn(features):
    x, w = tf.Variable(features, dtype=tf.float32), tf.Variable([[1.0, 0], [0, 0], [0, 0]])  # class 1 has no weights
    with tf.GradientTape() as tape:
        outputs = with_angles(x, tf.matmul(x, w), w)
        logits = large_margin_logits(tf.constant([0, 0]), outputs, margin=3)
        total = tf.reduce_sum(cross_entropy(tf.constant([0, 1]), logits))
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(total, [x, w]))
