"""Models of others as functions: layers and outputs by name, and one clear line where there is no such model."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.config import Model
from supcon_tf.run.model_loading import load
from tests.models_of_others import digits_model, export, parts

IMAGES = np.random.default_rng(0).uniform(0, 1, (5, 8, 8, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    model = digits_model()
    model.save(place / "model.keras")
    export(model, place / "program")
    return place


@pytest.fixture(scope="module")
def expected():
    return parts(digits_model(), IMAGES)


def called(path, **how):
    loaded = load(path, "saved_model" if path.is_dir() else "keras", Model(**{"output": "probabilities", **how}))
    return [None if values is None else values.numpy() for values in loaded.call(tf.constant(IMAGES))], loaded.names


def test_a_classifier_has_its_answers_and_what_its_last_dense_layer_is_given(place, expected):
    (features, answers), names = called(place / "model.keras")
    np.testing.assert_allclose(features, expected["features"], atol=1e-6)
    np.testing.assert_allclose(answers, expected["answers"], atol=1e-6)
    assert names == ("what the last dense layer, 'classes', is given", "what the model gives")


def test_layers_are_named_in_the_graph_of_the_whole_model(place, expected):
    (features, answers), names = called(place / "model.keras", output="logits", answers="classes", features="base")
    np.testing.assert_allclose(features, expected["map"], atol=1e-6)
    np.testing.assert_allclose(answers, expected["logits"], atol=1e-5)
    assert names == ("what layer 'base' gives", "what layer 'classes' gives")
    (features, answers), _ = called(place / "model.keras", output="features", features="pooled")
    np.testing.assert_allclose(features, expected["features"], atol=1e-6)
    assert answers is None and called(place / "model.keras", output="features")[0][0].shape == (5, 10)


def test_a_program_gives_what_the_model_gives(place, expected):
    (features, answers), names = called(place / "program")
    assert features is None and names == ("", "output 'output_0' of signature 'serving_default'")
    np.testing.assert_allclose(answers, expected["answers"], atol=1e-6)
    np.testing.assert_allclose(called(place / "program", output="features")[0][0], answers)


def test_outputs_of_a_program_are_named(tmp_path):
    module = tf.Module()
    module.weight = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32, "x")])
    def both(x):
        row = tf.reduce_mean(x, [1, 2])
        return {"rows": row, "twice": module.weight * row, "number": tf.cast(row, tf.int32)}

    @tf.function(input_signature=[tf.TensorSpec([3, 8, 8, 1], tf.float32, "x")])
    def threes(x):
        return {"y": x}

    @tf.function(input_signature=[tf.TensorSpec([None, 8], tf.float32, "x")])
    def vectors(x):
        return {"y": x}

    signatures = {"serving_default": both, "threes": threes, "vectors": vectors}
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=signatures)
    (features, answers), _ = called(tmp_path / "m", output="logits", features="rows")
    np.testing.assert_allclose(features, IMAGES.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(answers, 2 * features)
    for how, message in (
        ({}, "gives rows, twice; name one of these by --model.answers"),
        ({"output": "features"}, "gives rows, twice; name one of these by --model.features"),
        ({"answers": "number"}, "no output 'number' of numbers; it has rows, twice"),
        ({"signature": "predict"}, "no signature 'predict'; it has serving_default, threes, vectors"),
        ({"signature": "threes"}, "batches of exactly 3; save it for any number"),
        ({"signature": "vectors"}, r"one batch of images \[B, S, S, ch\]; it takes 1 inputs, .*\[None, 8\]"),
    ):
        with pytest.raises(ValueError, match=message):
            called(tmp_path / "m", **how)


@pytest.mark.parametrize(
    "how, message",
    [
        ({"features": "pool"}, "no layer 'pool'. Its last ones: base, pooled, dropout.*, classes, last"),
        ({"features": "inner"}, "no layer 'inner'; it lies in a nested model"),
        ({"code": "no_such_module"}, r"--model.code=no_such_module cannot be imported .No module named"),
    ],
)
def test_what_is_not_there_is_refused(how, message, place):
    with pytest.raises(ValueError, match=message):
        called(place / "model.keras", **how)


def test_models_of_another_form(tmp_path):
    one = tf.keras.Input((8, 8, 1))
    rows = tf.keras.layers.Flatten()(one)
    two = tf.keras.Model(one, [tf.keras.layers.Dense(2, name="a")(rows), tf.keras.layers.Dense(3, name="b")(rows)])
    two.save(tmp_path / "two.keras")
    with pytest.raises(ValueError, match=r"has 2 outputs; name the layer of one by --model.answers.*a, b"):
        called(tmp_path / "two.keras")
    (features, answers), _ = called(tmp_path / "two.keras", answers="b")
    assert features is None and answers.shape == (5, 3)
    tf.keras.Model(one, tf.keras.layers.Conv2D(4, 1)(one)).save(tmp_path / "map.keras")
    (features, answers), _ = called(tmp_path / "map.keras")
    assert features is None and answers.shape == (5, 8, 8, 4)  # it ends in no dense layer, so nothing is guessed
