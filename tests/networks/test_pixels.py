"""Encoders see pixels by their own rule."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.augment.color import whiten
from supcon_tf.keras_generations import inner_layers
from supcon_tf.networks.pixels import RANGES, BlueFirst, application, pixel_scaling, range_of
from supcon_tf.networks.registry import build_encoder

RULES = {"MobileNetV2": "-1..1", "ResNet50": "caffe", "DenseNet121": "torch", "EfficientNetB0": "0..255"}


@pytest.mark.parametrize("name, rule", RULES.items())
def test_the_rule_is_that_of_the_module(name, rule):
    assert range_of(f"keras:{name}") == rule
    assert range_of(f"keras:{name}", "0..1") == "0..1"


def test_every_network_of_keras_has_a_rule_that_is_known():
    names = [name for name in dir(tf.keras.applications) if name[0].isupper()]
    assert len(names) >= 38 and {range_of(f"keras:{name}") for name in names} == {"-1..1", "caffe", "torch", "0..255"}


def test_a_rule_that_is_none_of_ours_is_refused(monkeypatch):
    module = sys.modules[application("keras:ResNet50").__module__]
    monkeypatch.setattr(module, "preprocess_input", lambda x, data_format: x / 7)
    with pytest.raises(
        ValueError, match=r"the rule of keras:ResNet50 for pixels is none of 0\.\.255, .*encoder.pixels"
    ):
        range_of("keras:ResNet50")


def test_own_networks_and_functions_see_the_datas_moments():
    assert pixel_scaling("resnet50", channels=1) is None and pixel_scaling("my.nets:small", channels=3) is None
    assert pixel_scaling("resnet50", "torch", channels=3) == RANGES["torch"]
    assert pixel_scaling("resnet50", "-1..1", channels=1) == ((0.5,), (0.5,))


def test_colours_are_refused_for_grey_images():
    with pytest.raises(
        ValueError, match=r"'keras:VGG16' takes images of red, green and blue .*; these have 1 channel\."
    ):
        pixel_scaling("keras:VGG16", channels=1)


@pytest.mark.parametrize(
    "wrong, hint", [("resnet5", r"Did you mean `ResNet50`\?"), ("Zq", r"It has ConvNeXtBase, .*Xception\.")]
)
def test_an_unknown_network_of_keras_is_refused(wrong, hint):
    with pytest.raises(ValueError, match=f"tf.keras.applications has no network '{wrong}'. {hint}"):
        application(f"keras:{wrong}")


def test_blue_first_is_its_own_inverse_and_stays_when_saved():
    x = tf.random.normal([2, 3, 3, 3])
    np.testing.assert_array_equal(BlueFirst()(BlueFirst()(x)), x)
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(BlueFirst(name="b")))
    assert isinstance(copy, BlueFirst) and copy.name == "b"


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_features_are_those_of_keras_called_by_hand(name):
    """On raw pixels, with the preprocessing of its own module; what the pipeline does to pixels is `whiten`."""
    tf.keras.utils.set_random_seed(3)
    encoder = build_encoder(f"keras:{name}", image_shape=(32, 32, 3), cross_replica_batch_norm=False)
    network = next(layer for layer in inner_layers(encoder) if layer in encoder.layers and hasattr(layer, "layers"))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    mean, std = pixel_scaling(f"keras:{name}", channels=3)
    ours = encoder(whiten(tf.constant(pixels), mean=mean, std=std)).numpy()

    rule = sys.modules[application(f"keras:{name}").__module__].preprocess_input
    by_hand = network(rule(pixels.astype(np.float32))).numpy()
    scale = np.abs(by_hand).max()
    assert ours.shape == by_hand.shape and scale > 0
    np.testing.assert_allclose(ours / scale, by_hand / scale, atol=1e-4)
    without = network(pixels.astype(np.float32) / 255 - 0.25).numpy()  # Control: other pixels give other features.
    assert np.abs(without - by_hand).max() / scale > 1e-2
