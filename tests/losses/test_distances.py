"""Distances of rows, their slopes where there are none, and values whose mean is that of the batch."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses import distances
from tests.losses.problems import unit_rows


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 1e-5)])
def test_distances_are_lengths_of_differences(dtype, tolerance):
    one, other = np.random.default_rng(0).normal(size=[2, 5, 3])
    expected = np.linalg.norm(one[:, None] - other[None], axis=-1)
    found = distances.distances(tf.constant(one, dtype), tf.constant(other, dtype))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_the_slope_is_a_unit_vector_and_none_at_equal_rows():
    rows = tf.constant(unit_rows(4, 3))
    with tf.GradientTape() as tape:
        tape.watch(rows)
        found = distances.distances(rows[:2], tf.concat([rows[2:], rows[:1]], 0))[0]  # of row 0: to 2, 3 and itself
    jacobian = tape.jacobian(found, rows).numpy()  # [3, 4, 3]
    np.testing.assert_allclose(np.linalg.norm(jacobian[:2, 0], axis=-1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(jacobian[2], 0.0)


def test_what_rounding_leaves_of_equal_rows_is_no_distance():
    """In float32 |x|^2 + |y|^2 - 2 x.y of equal rows is about 1e-7, and its root 3e-4, with a slope of thousands."""
    row = unit_rows(1, 64, seed=3).astype("f4")
    rows = tf.constant(np.repeat(row, 50, axis=0))
    with tf.GradientTape() as tape:
        tape.watch(rows)
        found = distances.distances(rows, rows * 1.0)
        total = tf.reduce_sum(found)
    assert np.all(found.numpy() == 0) and np.all(tape.gradient(total, rows).numpy() == 0)


def test_pairs_are_all_but_the_row_itself():
    batch = distances.read([0, 0, -1], unit_rows(3, 2, 4), normalize=True, replicas=None)
    found = distances.pairs_of(batch)
    positive, negative = found.positive.numpy(), found.negative.numpy()
    assert not np.any(positive & negative) and np.all(positive | negative | np.eye(6, dtype=bool))
    np.testing.assert_array_equal(positive.sum(1), [3, 3, 3, 3, 1, 1])
    np.testing.assert_array_equal(found.own, range(6))


def test_the_mean_of_the_values_is_the_sum_of_the_costs_by_what_is_asked():
    batch = distances.read([0, 0, 1], unit_rows(3, 2, 4), normalize=True, replicas=None)
    costs = tf.constant([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], tf.float64)
    values = batch.per_image(costs, 7)
    np.testing.assert_allclose(values, np.array([3.0, 7.0, 11.0]) * 3 / 7)
    np.testing.assert_allclose(np.mean(values), 21 / 7)
    np.testing.assert_array_equal(batch.per_image(costs, 0), 0.0)
