"""Where a classifier is cut."""

from __future__ import annotations

import pytest
import tensorflow as tf

from supcon_tf.networks.model_heads import before_the_last


def model(*layers):
    return tf.keras.Sequential([tf.keras.Input([4]), *layers])


@pytest.mark.parametrize(
    "after",
    [[], [tf.keras.layers.Softmax], [lambda: tf.keras.layers.Activation("sigmoid")]],
    ids=["alone", "softmax", "activation"],
)
def test_a_dense_end_is_cut(after):
    low = tf.keras.layers.Dense(5, name="low")
    tensor, words = before_the_last(model(low, tf.keras.layers.Dense(3, name="top"), *(make() for make in after)))
    assert tensor.shape[-1] == 5 and words == "what the last dense layer, 'top', is given"


def test_other_ends_are_left():
    assert before_the_last(model(tf.keras.layers.Dense(3), tf.keras.layers.LayerNormalization())) == (None, "")
    x = tf.keras.Input([4])
    assert before_the_last(tf.keras.Model(x, [tf.keras.layers.Dense(2)(x), x])) == (None, "")
