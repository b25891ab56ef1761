"""Metric-learning losses on two replicas are those of one device, and not without the gather."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.distribution import collectives
from supcon_tf.losses.metric_learning import FUNCTIONS
from tests.distributed.test_supcon import LABELS, share
from tests.losses.problems import unit_rows
from tests.marks import guard

NAMES = ["n_pairs", *(guard(name) for name in sorted(FUNCTIONS) if name != "n_pairs")]


def value_and_gradient(name, labels, projections, replicas=None):
    """Values [B], and the gradient of the sum of their squares over all replicas, by this replica's rows."""
    projections = tf.convert_to_tensor(projections)
    with tf.GradientTape() as tape:
        tape.watch(projections)
        values = FUNCTIONS[name](labels, projections, replicas=replicas)
        total = tf.reduce_sum(values**2)
    return values, tape.gradient(total, projections)


def on_replicas(strategy, name, projections, *, sizes, alone=False):
    """Values and gradients of all images, from replicas that hold `sizes` images each."""

    def step(labels, rows):
        here = collectives.replicas()
        return value_and_gradient(name, labels, rows, here.alone() if alone else here)

    inputs = [share(strategy, array, sizes) for array in (LABELS, projections)]
    results = tf.function(lambda *inputs: strategy.run(step, inputs))(*inputs)
    return [np.concatenate(strategy.experimental_local_results(result)) for result in results]


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("name", NAMES)
def test_two_replicas_equal_one_device(two_replicas, name):
    projections = unit_rows(8, 2, 4)
    found = on_replicas(two_replicas, name, projections, sizes=(3, 5))
    for several, one in zip(found, value_and_gradient(name, LABELS, projections)):
        np.testing.assert_allclose(several, one, rtol=1e-10, atol=1e-12)


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("name", NAMES)
def test_control_without_the_gather_replicas_differ(two_replicas, name):
    projections = unit_rows(8, 2, 4)
    found = on_replicas(two_replicas, name, projections, sizes=(4, 4), alone=True)
    for several, one in zip(found, value_and_gradient(name, LABELS, projections)):
        assert np.abs(several - one).max() > 0.02
    for several, one in zip(found, value_and_gradient(name, LABELS[:4], projections[:4])):
        np.testing.assert_allclose(several[:4], one, rtol=1e-10, atol=1e-12)


@pytest.mark.two_replicas_required
def test_a_loss_that_is_told_nothing_of_several_replicas_is_refused(two_replicas):
    with pytest.raises(ValueError, match="one of 2 replicas: say whether it compares with the images of all"):
        two_replicas.run(lambda: FUNCTIONS["n_pairs"]([0, 1], unit_rows(2, 2, 3)))
