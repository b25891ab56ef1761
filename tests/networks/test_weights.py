"""Weights of a file arrive whole, or not at all."""

from __future__ import annotations

import importlib
import sys
import warnings
from unittest import mock

import h5py
import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.keras_generations import KERAS_3
from supcon_tf.networks.registry import build_encoder
from supcon_tf.networks.weights import IMAGENET_DEVIATION, load_weights


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


def normalizing(deviation, *, rescaled=False):
    """Pixels brought to moments, as EfficientNet begins; `rescaled`: with the layer that Keras adds."""
    scaling = tf.keras.layers.Rescaling([1 / np.sqrt(d) for d in deviation])
    layers = [tf.keras.Input([4, 4, 3]), tf.keras.layers.Normalization(name="normal"), *[scaling] * rescaled]
    model = tf.keras.Sequential([*layers, tf.keras.layers.GlobalAveragePooling2D(name="pool")])
    normal = model.get_layer("normal")
    for variable, value in zip(normal.weights, (deviation, deviation)):
        variable.assign(value)
    normal.finalize_state()
    return model


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
@pytest.mark.parametrize(
    "deviation, rescaled", [(IMAGENET_DEVIATION, True), ((0.3, 0.2, 0.1), False)], ids=["imagenet", "own"]
)
def test_pixels_are_scaled_as_by_keras_and_once(tmp_path, ending, deviation, rescaled):
    """What was loaded, saved and loaded again is the same network."""
    x = np.random.default_rng(0).random((2, 4, 4, 3), np.float32)
    theirs = normalizing(deviation, rescaled=rescaled)
    expected, file = theirs(x).numpy(), saved(theirs, tmp_path / f"theirs{ending}")
    for again in ("once", "twice"):
        model = normalizing((1.0, 1.0, 1.0))
        load_weights(model, file, halves_scaling=True)
        np.testing.assert_allclose(model(x), expected, rtol=1e-5)
        file = saved(model, tmp_path / f"{again}{ending}")


def test_a_model_that_was_trained_without_the_layer_stays(tmp_path):
    theirs, model = normalizing(IMAGENET_DEVIATION), normalizing((1.0, 1.0, 1.0))
    load_weights(model, saved(theirs, tmp_path / "x.keras"), halves_scaling=True)
    x = np.random.default_rng(0).random((2, 4, 4, 3), np.float32)
    np.testing.assert_allclose(model(x), theirs(x), rtol=1e-6)


def of_keras_io(network, path):
    """Weights layer by layer, as keras.io publishes them."""
    if KERAS_3:  # which reads such files and writes none
        layout = importlib.import_module("keras.src.legacy.saving.legacy_h5_format")
        with h5py.File(path, "w") as file:
            layout.save_weights_to_hdf5_group(file, network)
    else:
        network.save_weights(path)
    return str(path)


@pytest.mark.slow
def test_efficientnet_is_the_network_that_keras_makes_of_its_weights(tmp_path):
    how = {"include_top": False, "pooling": "avg", "input_shape": (32, 32, 3)}
    make = tf.keras.applications.EfficientNetB0
    plain = make(**how, weights=None)
    normal = next(layer for layer in plain.layers if isinstance(layer, tf.keras.layers.Normalization))
    for variable, value in zip(normal.weights, ((0.485, 0.456, 0.406), IMAGENET_DEVIATION)):
        variable.assign(tf.reshape(tf.constant(value), variable.shape))
    file = of_keras_io(plain, tmp_path / "efficientnetb0_notop.h5")
    module = sys.modules[make.__module__]
    with mock.patch.object(getattr(module, "file_utils" if KERAS_3 else "data_utils"), "get_file", return_value=file):
        theirs = make(**how, weights="imagenet")
    x = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    expected = theirs(x).numpy()
    build = {"image_shape": (32, 32, 3), "cross_replica_batch_norm": False}
    ours = build_encoder("keras:EfficientNetB0", **build, weights=file)
    np.testing.assert_allclose(ours(x), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    for model in (ours, theirs):  # by way of a model file of this package, and of one of Keras
        model.save(tmp_path / "whole.keras")
        again = build_encoder("keras:EfficientNetB0", **build, weights=str(tmp_path / "whole.keras"))
        np.testing.assert_allclose(again(x), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
