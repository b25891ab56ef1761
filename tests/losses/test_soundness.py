"""What means nothing is an error where one can be raised, and NaN where XLA raises none."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.soundness import both, poisoned, require


def checked(rows, count):
    """The rows, which must be as many as `count`."""
    sound = require(tf.equal(tf.shape(rows)[0], count), "rows are {} and should be {}: bring {} more.", 3, count, 2)
    return poisoned(rows, sound)


def value_and_gradient(rows, count, factor):
    with tf.GradientTape() as tape:
        tape.watch(rows)
        value = factor * tf.reduce_sum(checked(rows, count))
    return value, tape.gradient(value, rows)


def test_eager_inputs_raise_with_the_numbers():
    with pytest.raises(ValueError, match=r"^rows are 3 and should be 5: bring 2 more\.$"):
        checked(tf.ones([3]), 5)
    assert require(tf.constant(True), "never said") is True
    assert require(True, "never said") is True


def test_what_a_graph_knows_is_raised_while_it_is_made():
    with pytest.raises(ValueError, match="3 of 4"):
        tf.function(lambda: require(False, "{} of {}", 3, 4)).get_concrete_function()


def test_a_graph_raises_when_it_runs_and_says_the_numbers():
    graph = tf.function(checked)
    np.testing.assert_array_equal(graph(tf.ones([3]), tf.constant(3)), np.ones(3))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"rows are \] \[3\] \[ and should be \] \[5\]"):
        graph(tf.ones([3]), tf.constant(5))


@pytest.mark.parametrize("factor", [2.0, 0.0])
def test_xla_raises_nothing_and_value_and_gradient_are_not_numbers(factor):
    """Even where nothing comes back that could be NaN: a gradient of 0 would look as if all were well."""
    compiled = tf.function(value_and_gradient, jit_compile=True)
    value, gradient = compiled(tf.ones([3]), tf.constant(3), tf.constant(factor))
    np.testing.assert_array_equal(gradient, np.full(3, factor))
    assert float(value) == 3 * factor
    value, gradient = compiled(tf.ones([3]), tf.constant(5), tf.constant(factor))
    assert np.isnan(value) and np.isnan(gradient).all()


def test_what_is_known_to_be_sound_stays_the_same_tensor():
    rows = tf.ones([2])
    assert poisoned(rows, True) is rows


def test_numbers_that_are_sound_are_not_changed():
    """Not by a rounding, and not into something that a hunt for NaN would stop at."""
    values = tf.constant([1.2e-38, -3.0, 0.1, float("inf")])
    np.testing.assert_array_equal(tf.function(poisoned)(values, tf.constant(True)), values)
    tf.debugging.enable_check_numerics()
    try:
        tf.function(poisoned)(values[:3], tf.constant(True))
    finally:
        tf.debugging.disable_check_numerics()


def test_two_are_sound_if_both_are():
    yes, no = tf.constant(True), tf.constant(False)
    assert both(True, True) is True and both(yes, True) is yes and both(True, no) is no
    assert not bool(both(yes, no)) and bool(both(yes, yes))
