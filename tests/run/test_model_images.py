"""What pixels become before a model, as Keras itself has it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf import names
from supcon_tf.augment.color import whiten
from supcon_tf.config import Model
from supcon_tf.run.model_images import RANGES, image_of, seen
from supcon_tf.run.model_loading import Loaded

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.float32)
# The modes of `preprocess_input` are named for frameworks; "tf" is -1 to 1.
EXPECTED = {
    "0..255": lambda: PIXELS,
    "0..1": lambda: PIXELS / 255,
    **{
        name: lambda mode=mode: tf.keras.applications.imagenet_utils.preprocess_input(PIXELS.copy(), mode=mode)
        for name, mode in (("-1..1", "tf"), ("torch", "torch"), ("caffe", "caffe"))
    },
}


def model(shape=(4, 4, 3), dtype=tf.float32):
    return Loaded(lambda images: (images, None), shape, dtype, ("images", ""))


def given(loaded, how):
    """What reaches the model of the pixels."""
    image = image_of(loaded, how)
    white = whiten(tf.constant(PIXELS / 255), mean=image["mean"], std=image["std"])
    return seen(loaded, image, white)[0].numpy()


@pytest.mark.parametrize("name", names.PIXEL_RANGES)
def test_a_range_is_what_keras_makes_of_pixels(name):
    np.testing.assert_allclose(given(model(), Model(range=name)), EXPECTED[name](), rtol=1e-5, atol=1e-4)
    others = [other for other in names.PIXEL_RANGES if other != name]
    assert all(np.abs(EXPECTED[name]() - EXPECTED[other]()).max() > 0.1 for other in others)  # or it would say nothing


def test_every_range_has_its_numbers():
    assert tuple(RANGES) == names.PIXEL_RANGES


def test_own_constants_and_integers():
    whitened = given(model(), Model(mean=(0.5, 0.4, 0.3), std=(0.2,)))
    np.testing.assert_allclose(whitened, (PIXELS / 255 - [0.5, 0.4, 0.3]) / 0.2, atol=1e-5)
    np.testing.assert_array_equal(given(model(dtype=tf.uint8), Model()), PIXELS)


def test_sizes():
    how = Model(range="0..1", size=6, crop="resize_then_crop", padding=2)
    image = image_of(model((None, None, 3)), how)
    assert image["shape"] == [6, 6, 3] and (image["crop"], image["padding"]) == ("resize_then_crop", 2)
    assert image_of(model((None, None, None)), Model(range="torch", size=6))["shape"] == [6, 6, 3]


@pytest.mark.parametrize(
    "loaded, how, message",
    [
        (model(), {}, "say what pixels become before the model: --model.range=0..255"),
        (model(dtype=tf.uint8), {"range": "0..1"}, "Integers are 0..255 only"),
        (model((None, None, 3)), {"range": "0..1"}, "any size: say which with --model.size"),
        (model((4, 6, 3)), {"range": "0..1"}, "takes images of 4 x 6 pixels, and not a square"),
        (model(), {"range": "0..1", "size": 5}, "4 x 4 pixels, and not --model.size=5"),
        (model((4, 4, None)), {"range": "0..1"}, "does not say how many channels"),
        (model((4, 4, 1)), {"range": "torch"}, "takes 1 channels; got mean"),
    ],
)
def test_too_little_or_something_else_is_refused(loaded, how, message):
    with pytest.raises(ValueError, match=message):
        image_of(loaded, Model(**how))
