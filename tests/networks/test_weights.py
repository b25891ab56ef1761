"""Weights of a file arrive whole, or not at all."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.networks.registry import build_encoder
from supcon_tf.networks.weights import load_weights


def network(width=4, *, top=False, deep=False):
    layers = [tf.keras.Input([8, 8, 1]), tf.keras.layers.Conv2D(width, 3, name="conv")]
    layers += [tf.keras.layers.BatchNormalization(name="bn"), tf.keras.layers.GlobalAveragePooling2D(name="pool")]
    layers += [tf.keras.layers.LayerNormalization(name="last")] * deep + [tf.keras.layers.Dense(2, name="top")] * top
    model = tf.keras.Sequential(layers)
    random = np.random.default_rng(width)
    model.set_weights([random.uniform(0.5, 1, weight.shape) for weight in model.get_weights()])
    return model


def saved(model, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras 2 wants no .h5 any more
        (model.save_weights if path.name.endswith(".weights.h5") else model.save)(path)
    return str(path)


def changed(model):
    model.set_weights([weight * 0 + 7 for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_weights_come_back(tmp_path, ending):
    model = network()
    expected, file = model.get_weights(), saved(model, tmp_path / f"x{ending}")
    load_weights(changed(model), file)
    for ours, theirs in zip(model.get_weights(), expected):
        np.testing.assert_array_equal(ours, np.float32(theirs))


def test_a_classifiers_dense_layer_is_left_out_of_a_keras_file(tmp_path):
    whole, model = network(top=True), changed(network())
    load_weights(model, saved(whole, tmp_path / "x.keras"))
    np.testing.assert_array_equal(model.get_weights()[0], whole.get_weights()[0])


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
@pytest.mark.parametrize("other", [{"width": 5}, {"deep": True}], ids=["shape", "number"])
def test_weights_of_another_network_are_refused_in_a_line(tmp_path, ending, other):
    file, model = saved(network(**other), tmp_path / f"x{ending}"), network()
    with pytest.raises(ValueError, match=r"x\.\S+ cannot be loaded: .+") as raised:
        load_weights(model, file)
    assert "\n" not in str(raised.value)


def test_what_is_no_such_file_is_refused(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"")
    (tmp_path / "x.keras").write_bytes(b"abc")
    with pytest.raises(ValueError, match=r"encoder.weights: there is no file nowhere\.h5\."):
        load_weights(network(), "nowhere.h5")
    with pytest.raises(ValueError, match=r"x\.npz is no file of weights \(\.weights\.h5, .*encoder.name=FILE\.pth"):
        load_weights(network(), str(tmp_path / "x.npz"))
    with pytest.raises(ValueError, match=r"x\.keras cannot be loaded: it is no whole \.keras file"):
        load_weights(network(), str(tmp_path / "x.keras"))


@pytest.mark.slow
def test_an_encoder_of_ours_begins_with_them(tmp_path):
    how = {"image_shape": (8, 8, 1), "width": 1 / 16, "stem": "small_image", "cross_replica_batch_norm": False}
    first = build_encoder("resnet18", **how)
    file = saved(first, tmp_path / "x.weights.h5")
    again = build_encoder("resnet18", **how, weights=file)
    x = tf.random.normal([2, 8, 8, 1])
    np.testing.assert_array_equal(again(x), first(x))
    assert np.abs(build_encoder("resnet18", **how)(x) - first(x)).max() > 1e-3  # Control.
