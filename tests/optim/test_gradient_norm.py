"""The norm of the gradient that is applied: on two replicas that of their sum, with loss scaling that of the loss."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.keras_generations import KERAS_3, loss_scaling, reads_summed_gradients
from supcon_tf.optim.gradient_norm import GradientNorm

START = [1.0, -2.0]


def measured(strategy, *, scaled=False, broken=False):
    """(norm, weights after) of one update by the gradient [3, 4], of which each replica has its share."""
    replicas = strategy.num_replicas_in_sync
    with strategy.scope():
        weight = tf.Variable(START)
        optimizer = tf.keras.optimizers.SGD(0.1)
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer) if scaled else optimizer
        optimizer.build([weight])
    norm = GradientNorm(optimizer, replicas)
    scale, unscale = loss_scaling(optimizer)

    @tf.function
    def replica():
        share = np.array([3.0, np.inf if broken else 4.0], np.float32) / replicas
        gradients = unscale([scale(tf.constant(1.0)) * share])
        return norm.apply(gradients, [weight])

    found = strategy.run(replica)
    norms = {name: float(strategy.reduce("SUM", value, axis=None)) for name, value in found.items()}
    return norms.get("gradient_norm"), weight.numpy()


@pytest.mark.parametrize("scaled", [False, True])
def test_on_one_device_it_is_that_of_the_gradient(one_device, scaled):
    norm, weight = measured(one_device, scaled=scaled)
    assert norm == pytest.approx(5.0, rel=1e-5)
    np.testing.assert_allclose(weight, [1 - 0.3, -2 - 0.4], rtol=1e-5)


@pytest.mark.two_replicas_required
def test_on_two_replicas_it_is_that_of_their_sum(two_replicas):
    norm, weight = measured(two_replicas)
    assert norm == pytest.approx(5.0, rel=1e-5)
    np.testing.assert_allclose(weight, [1 - 0.3, -2 - 0.4], rtol=1e-5)


@pytest.mark.parametrize("replicas", [1, 2])
def test_an_overflow_counts_as_0_and_changes_nothing(replicas, one_device, two_replicas):
    strategy = two_replicas if replicas == 2 else one_device
    norm, weight = measured(strategy, scaled=True, broken=True)
    known = replicas == 1 or reads_summed_gradients(
        tf.keras.mixed_precision.LossScaleOptimizer(tf.keras.optimizers.SGD())
    )
    assert norm == (0.0 if known else None)
    np.testing.assert_array_equal(weight, START)


def clipped_update(strategy, *, scaled=False, apply=None, **clip):
    """Two weights after an update by SGD that clips, each replica with a gradient of its own: (norm, weights)."""
    replicas = strategy.num_replicas_in_sync
    with strategy.scope():
        weights = [tf.Variable(START), tf.Variable([0.5])]
        optimizer = tf.keras.optimizers.SGD(0.1, **clip)
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer) if scaled else optimizer
        optimizer.build(weights)
    norm = GradientNorm(optimizer, replicas)
    scale, unscale = loss_scaling(optimizer)
    every = np.array([[3.0, 5.0, 1.0], [-2.0, 0.5, 4.0]], np.float32)  # [2, 3]: those of two replicas

    @tf.function
    def replica():
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        gradient = scale(tf.constant(1.0)) * (every.sum(0) if replicas == 1 else tf.gather(every, number))  # [3]
        gradients = unscale([gradient[:2], gradient[2:]])
        return norm.apply(gradients, weights) if apply is None else apply(optimizer, gradients, weights)

    found = strategy.run(replica)
    norms = {name: float(strategy.reduce("SUM", value, axis=None)) for name, value in (found or {}).items()}
    return norms.get("gradient_norm"), np.concatenate([weight.numpy() for weight in weights])


def plainly(optimizer, gradients, weights):
    optimizer.apply_gradients(zip(gradients, weights))
    return {}


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("clip", [{"clipnorm": 1.0}, {"global_clipnorm": 1.0}, {"clipvalue": 0.7}, {}], ids=str)
def test_the_sum_is_clipped_as_on_one_device(clip, scaled, one_device, two_replicas):
    norm, expected = clipped_update(one_device, scaled=scaled, **clip)
    shared_norm, found = clipped_update(two_replicas, scaled=scaled, **clip)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert norm == pytest.approx(np.linalg.norm([1.0, 5.5, 5.0]), rel=1e-5)  # of before
    assert shared_norm == (None if KERAS_3 and scaled else pytest.approx(norm, rel=1e-5))
    _, plain = clipped_update(two_replicas, scaled=scaled, apply=plainly, **clip)
    same = np.abs(plain - expected).max() < 1e-5
    assert same == (not clip or not KERAS_3)  # the control: Keras 3 by itself clips what each replica has


@pytest.mark.skipif(KERAS_3, reason="Keras 3 has no optimizers of the older kind")
@pytest.mark.parametrize("clip", [{}, {"global_clipnorm": 1.0}], ids=str)
def test_an_optimizer_of_the_older_kind_makes_the_update_of_one_device(clip, one_device, two_replicas):
    ends = []
    for strategy in (one_device, two_replicas):
        replicas = strategy.num_replicas_in_sync
        with strategy.scope():
            weight, optimizer = tf.Variable(START), tf.keras.optimizers.legacy.Adam(0.1, **clip)
        norm = GradientNorm(optimizer, replicas)
        assert norm.known == (replicas == 1)
        share = np.array([3.0, 4.0], np.float32) / replicas
        for _ in range(2):
            strategy.run(tf.function(lambda norm=norm, weight=weight, share=share: norm.apply([share], [weight])))
        ends.append(weight.numpy())
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-5)
    assert np.abs(ends[0] - START).min() > 0.1
