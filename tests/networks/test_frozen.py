"""What is frozen neither trains nor moves its averages; what is not, does."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.layers.normalization import batch_norm
from supcon_tf.networks.frozen import freeze
from supcon_tf.optim.weight_decay import decayed_variables


def small():
    inner = [tf.keras.Input([6, 6, 1])]
    for name in ("low", "high"):
        inner += [tf.keras.layers.Conv2D(3, 3, name=f"{name}_conv"), batch_norm(cross_replica=False, name=f"{name}_bn")]
    x = tf.keras.Input([6, 6, 1])
    nested = tf.keras.Sequential(inner, name="nested")
    return tf.keras.Model(x, tf.keras.layers.GlobalAveragePooling2D()(nested(x)), name="small"), nested


def test_frozen_layers_keep_weights_and_averages():
    model, nested = small()
    assert freeze(model, ("low",)) == ["low_conv", "low_bn"]
    before = {layer.name: [np.array(w) for w in layer.get_weights()] for layer in nested.layers}
    variables = model.trainable_variables
    assert len(variables) == 4 and len(decayed_variables(model)) == 1
    optimizer = tf.keras.optimizers.SGD(0.5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(tf.random.normal([4, 6, 6, 1]), training=True) ** 2)
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    for layer in nested.layers:
        same = [np.array_equal(a, b) for a, b in zip(before[layer.name], layer.get_weights())]
        assert all(same) if layer.name.startswith("low") else not any(same[-2:]), layer.name


def test_a_nested_model_is_frozen_with_all_that_is_in_it():
    model, _ = small()
    freeze(model, ["nested"])
    assert model.trainable_variables == []


def test_what_matches_nothing_is_refused():
    model, _ = small()
    with pytest.raises(
        ValueError, match=r"no layer of 'small' .* begins with 'lwo_conv'\. Did you mean `low_conv`\?.*"
    ):
        freeze(model, ("high", "lwo_conv"))
    with pytest.raises(ValueError, match=r"'zzz'\. Its first ones: nested, low_conv, low_bn"):
        freeze(model, ("zzz",))
