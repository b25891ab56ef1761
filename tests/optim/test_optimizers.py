"""Each optimizer against its rule in plain Python over many steps, constants and all."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.optim.optimizers import OPTIMIZERS, OWN_DECAY, build_optimizer
from supcon_tf.optim.schedules import learning_rate_schedule


def _momentum(gradients, rates, weight, nesterov=False):
    velocity = 0.0
    for gradient, rate in zip(gradients, rates):
        velocity = 0.9 * velocity - rate * gradient
        weight += 0.9 * velocity - rate * gradient if nesterov else velocity
    return weight


def _lars(gradients, rates, weight):
    velocity = 0.0
    for gradient, rate in zip(gradients, rates):
        velocity = 0.9 * velocity + rate * 0.001 * abs(weight / gradient) * gradient
        weight -= velocity
    return weight


def _rmsprop(gradients, rates, weight, epsilon=1e-3):
    square = velocity = 0.0
    for gradient, rate in zip(gradients, rates):
        square = 0.9 * square + 0.1 * gradient**2
        velocity = 0.9 * velocity + rate * gradient / math.sqrt(square + epsilon)
        weight -= velocity
    return weight


def _adam(gradients, rates, weight, decay=0.0):
    mean = square = 0.0
    for step, (gradient, rate) in enumerate(zip(gradients, rates), 1):
        weight -= rate * decay * weight
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        weight -= rate * (mean / (1 - 0.9**step)) / (math.sqrt(square / (1 - 0.999**step)) + 1e-7)
    return weight


PLAIN = {
    "lars": _lars,
    "momentum": _momentum,
    "nesterov": lambda *run: _momentum(*run, nesterov=True),
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamw": _adam,
}


def _train(optimizer, gradients, weights):
    variables = [tf.Variable(weight, dtype=tf.float32) for weight in weights]
    optimizer.build(variables)
    for gradient in gradients:
        optimizer.apply_gradients([(tf.constant(gradient, tf.float32), variable) for variable in variables])
    return [float(variable) for variable in variables]


def test_there_is_a_rule_for_every_name():
    assert OPTIMIZERS == ("lars", "momentum", "nesterov", "rmsprop", "adam", "adamw") == tuple(PLAIN)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_thirty_steps_equal_plain_python(name):
    gradients = np.random.default_rng(0).normal(size=30) * np.geomspace(1e-3, 1, 30)
    schedule = learning_rate_schedule("cosine", peak_learning_rate=0.05, total_steps=40, warmup_steps=5)
    rates = [float(schedule(step)) for step in range(30)]
    (trained,) = _train(build_optimizer(name, learning_rate=schedule), gradients, [0.7])
    expected = PLAIN[name](gradients, rates, 0.7)
    assert trained == pytest.approx(expected, rel=1e-4)
    others = [PLAIN[other](gradients, rates, 0.7) for other in OPTIMIZERS if PLAIN[other] is not PLAIN[name]]
    assert all(abs(other - expected) > 1e-3 for other in others)  # Control: the rules do differ on this run.


def test_adamw_decays_weights_but_not_those_it_was_told_to_leave():
    gradients, decayed, left = [0.3, -0.2, 0.1], tf.Variable(2.0), tf.Variable(2.0)
    optimizer = build_optimizer("adamw", learning_rate=0.1, weight_decay=0.5, undecayed=[left])
    optimizer.build([decayed, left])
    for gradient in gradients:
        optimizer.apply_gradients([(tf.constant(gradient), decayed), (tf.constant(gradient), left)])
    assert float(decayed) == pytest.approx(_adam(gradients, [0.1] * 3, 2.0, decay=0.5), rel=1e-5)
    assert float(left) == pytest.approx(_adam(gradients, [0.1] * 3, 2.0), rel=1e-5)


def test_the_epsilon_of_rmsprop_is_a_choice():
    """The authors' default for their first stage is 1."""
    gradients = [0.3, -0.2, 0.1, 0.4]
    (trained,) = _train(build_optimizer("rmsprop", learning_rate=0.1, rmsprop_epsilon=1.0), gradients, [2.0])
    assert trained == pytest.approx(_rmsprop(gradients, [0.1] * 4, 2.0, epsilon=1.0), rel=1e-5)
    assert abs(trained - _rmsprop(gradients, [0.1] * 4, 2.0)) > 0.1  # Control.


def test_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(
        ValueError, match=r"`optimizer` must be one of lars, .*; got 'nestrov'\. Did you mean 'nesterov'\?"
    ):
        build_optimizer("nestrov", learning_rate=0.1)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name not in OWN_DECAY])
def test_a_decay_that_would_be_ignored_is_refused(name):
    with pytest.raises(
        ValueError, match=rf"optimizer '{name}' has no decay of its own; got weight_decay=0.01.*l2_penalty"
    ):
        build_optimizer(name, learning_rate=0.1, weight_decay=0.01)
