"""Views: independent of one another and of how many are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.augment.policies import policy as make_policy
from supcon_tf.augment.views import several, view_seed

IMAGE = tf.constant(np.random.RandomState(0).randint(0, 256, (16, 16, 3), dtype=np.uint8))


def make(count, *, seed=(1, 2), policy="sim_augment", **parameters):
    return several(make_policy(policy, size=12, **parameters), count=count)(IMAGE, tf.constant(seed)).numpy()


def test_shape_type_and_range():
    result = make(3)
    assert result.shape == (3, 12, 12, 3) and result.dtype == np.float32
    assert result.min() >= 0 and result.max() <= 1


def test_views_differ_and_do_not_depend_on_their_number():
    result = make(4)
    for first in range(4):
        for second in range(first):
            assert np.abs(result[first] - result[second]).max() > 0.01
    np.testing.assert_array_equal(make(2), result[:2])


def test_the_seed_decides():
    np.testing.assert_array_equal(make(2), make(2))
    assert np.abs(make(2) - make(2, seed=(1, 3))).max() > 0.01


def test_parameters_reach_the_policy():
    np.testing.assert_array_equal(make(2, strength=0), make(2, policy="crop_flip"))
    view_seed = tf.random.fold_in(tf.constant((1, 2)), 1)
    expected = make_policy("crop_flip", size=12, crop_area=(0.5, 0.6), flip=False)(IMAGE, view_seed)
    np.testing.assert_array_equal(make(2, policy="crop_flip", crop_area=(0.5, 0.6), flip=False)[1], expected)


def test_a_seed_is_of_an_example_in_an_epoch():
    seeds = {tuple(view_seed(3, epoch=epoch, example=n).numpy()) for epoch in range(5) for n in range(20)}
    assert len(seeds) == 100
    traced = tf.data.Dataset.range(20).map(lambda n: view_seed(3, epoch=4, example=n))
    assert {tuple(seed) for seed in traced.as_numpy_iterator()} < seeds


def test_no_views_are_refused():
    with pytest.raises(ValueError, match="at least one view; got count=0"):
        make(0)
