"""What tests of the loss share: rows, values with gradients, and how they are compared."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import tensorflow as tf

from supcon_tf import names
from supcon_tf.losses.supcon import supervised_contrastive_loss

SUMMATIONS, DENOMINATORS = names.SUMMATION_LOCATIONS, names.DENOMINATOR_MODES
MODES = list(itertools.product(SUMMATIONS, DENOMINATORS))
unnormalized_loss = functools.partial(supervised_contrastive_loss, normalize=False)


def unit_rows(*shape, seed=0):
    """float64 [..., D], each row of length 1."""
    rows = np.random.default_rng(seed).normal(size=shape)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def by_number(values):
    """Values [B] with another weight for each image of the batch."""
    return values * tf.cast(tf.range(1, tf.shape(values)[0] + 1), values.dtype)


def value_and_gradient(labels, projections, *, weigh=by_number, images=None, **arguments):
    """Values [B] of rows as they are, and the gradient of their weighted sum; of the first `images` alone.

    On replicas, where an image has other numbers, `weigh` must go by the value: tf.square.
    """
    projections = tf.convert_to_tensor(projections)
    with tf.GradientTape() as tape:
        tape.watch(projections)
        values = unnormalized_loss(labels, projections, **arguments)[:images]
        total = tf.reduce_sum(weigh(values))
    return values, tape.gradient(total, projections)[:images]


def assert_close(found, expected, tolerance=1e-11):
    """Each array is the expected one, to so much of each entry and of the largest."""
    for one, other in zip(found, expected):
        other = np.asarray(other).astype(np.float64)
        largest = np.abs(other).max(initial=0)
        np.testing.assert_allclose(np.asarray(one).astype(np.float64), other, rtol=tolerance, atol=tolerance * largest)


def largest_difference(some, others):
    """The largest difference of two entries, over all arrays of two lists."""
    return max(np.abs(np.asarray(one) - np.asarray(other)).max() for one, other in zip(some, others))
