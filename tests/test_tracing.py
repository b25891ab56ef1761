"""The decorator keeps a function, its name and its signature; AutoGraph leaves it alone."""

from __future__ import annotations

import inspect

import pytest
import tensorflow as tf

from supcon_tf.tracing import as_written


def test_a_function_stays_what_it_is_to_a_reader():
    @as_written
    def scaled(x: tf.Tensor, *, by: float = 2.0) -> tf.Tensor:
        """Told."""
        return x * by

    assert scaled.__name__ == "scaled" and scaled.__doc__ == "Told."
    assert list(inspect.signature(scaled).parameters) == ["x", "by"]
    assert float(tf.function(scaled)(tf.constant(3.0))) == 6.0


def test_an_if_on_a_tensor_is_not_rewritten():
    """Control: without the decorator AutoGraph makes a `tf.cond` of it."""

    def sign(x):
        if x > 0:
            return tf.constant(1)
        return tf.constant(-1)

    assert int(tf.function(sign)(tf.constant(-2.0))) == -1
    with pytest.raises(TypeError, match="bool"):  # OperatorNotAllowedInGraphError
        tf.function(as_written(sign))(tf.constant(-2.0))
