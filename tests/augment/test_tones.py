"""Tones: every operation against Pillow, to the grey level."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image as pillow
from PIL import ImageEnhance as enhance
from PIL import ImageOps as image_ops

from supcon_tf.augment import tones


def images():
    """Noise, a narrow range of values, a ramp, few values, one colour, one pixel of another, and tiny ones."""
    random = np.random.RandomState(0)
    yield random.randint(0, 256, (37, 29, 3), dtype=np.uint8)
    yield random.randint(90, 130, (16, 16, 3), dtype=np.uint8)
    yield np.tile(np.arange(48, dtype=np.uint8)[None, :, None] * 5, (48, 1, 3))
    yield (random.randint(0, 3, (24, 24, 3)) * 100).astype(np.uint8)
    yield np.full((8, 8, 3), 77, np.uint8)
    odd = np.full((40, 40, 3), 200, np.uint8)
    odd[3, 4] = (0, 10, 255)
    yield odd
    yield random.randint(0, 256, (3, 3, 3), dtype=np.uint8)


def planes(image):
    return tf.transpose(image, [2, 0, 1])


def check(ours, theirs, slack=0):
    """Operation by operation, and the first image compiled too, as the policies run it."""
    for number, image in enumerate(images()):
        for channels, given in ((planes(image), image), (planes(image)[:1], image[..., 0])):
            expected = np.asarray(theirs(pillow.fromarray(given))).astype(int)
            expected = expected.transpose(2, 0, 1) if expected.ndim == 3 else expected[None]
            for change in (ours, tf.function(ours, jit_compile=True))[: 1 if number else 2]:
                got = change(channels)
                assert got.dtype == tf.uint8 and got.shape == channels.shape
                np.testing.assert_allclose(got.numpy().astype(int), expected, atol=slack)


@pytest.mark.parametrize("name", ["invert", "autocontrast", "equalize"])
def test_operations_without_a_level_equal_pillow(name):
    check(getattr(tones, name), getattr(image_ops, name))


@pytest.mark.parametrize("bits", [1, 2, 4, 7, 8])
def test_posterize_equals_pillow(bits):
    check(lambda image: tones.posterize(image, tf.constant(bits)), lambda image: image_ops.posterize(image, bits))


@pytest.mark.parametrize("threshold", [0, 1, 128, 255, 256])
def test_solarize_equals_pillow(threshold):
    check(
        lambda image: tones.solarize(image, tf.constant(threshold)),
        lambda image: image_ops.solarize(image, threshold),
    )


@pytest.mark.parametrize("addition", [0, 33, 110])
def test_solarize_add_equals_a_table(addition):
    table = [min(level + addition, 255) if level < 128 else level for level in range(256)]
    check(
        lambda image: tones.solarize_add(image, tf.constant(addition)),
        lambda image: image.point(table * len(image.getbands())),
    )


@pytest.mark.parametrize("factor", [0.0, 0.1, 0.5, 1.0, 1.3, 1.9])
@pytest.mark.parametrize(
    "ours, theirs",
    [
        (tones.brightness, "Brightness"),
        (tones.contrast, "Contrast"),
        (tones.saturation, "Color"),
        (tones.sharpness, "Sharpness"),
    ],
)
def test_blends_equal_pillow(ours, theirs, factor):
    """Both cut off what lies behind the point; a product that is a whole number can fall to either side of it."""
    check(
        lambda image: ours(image, tf.constant(factor)),
        lambda image: getattr(enhance, theirs)(image).enhance(factor),
        slack=0 if factor in (0.0, 0.5, 1.0) else 1,
    )


def test_autocontrast_is_pillows_for_every_range_of_values():
    """Where (v - low) * 255 / (high - low) is a whole number, a product that a compiler does not round shows."""
    low, high = (limits[:, None] for limits in np.triu_indices(256, 1))
    images = np.clip(np.arange(256), low, high).astype(np.uint8)[:, None]  # one channel for each range
    scale = 255.0 / (high - low)
    expected = np.clip((images[:, 0] * scale + -low * scale).astype(int), 0, 255)  # as ImageOps.autocontrast does it
    got = tf.function(tones.autocontrast, jit_compile=True)(tf.constant(images))
    np.testing.assert_array_equal(got[:, 0], expected)


def test_compiled_blends_round_as_float32_does():
    levels, other = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.float32))
    blend = tf.function(tones._blend, jit_compile=True)
    for factor in np.float32(0.18) * np.arange(11, dtype=np.float32) + np.float32(0.1):
        expected = np.clip(other + factor * (levels.astype(np.float32) - other), 0, 255).astype(np.uint8)
        np.testing.assert_array_equal(blend(other, levels, factor), expected)


def test_contrast_is_about_the_mean_of_the_image():
    """The authors' module blends with the number of pixels over 256, here 4: a dark image would stay dark at 0."""
    flat = tones.contrast(tf.fill([3, 32, 32], tf.constant(150, tf.uint8)), tf.constant(0.0))
    np.testing.assert_array_equal(flat, 150)


@pytest.mark.parametrize("change", [tones.brightness, tones.contrast, tones.saturation, tones.sharpness])
def test_factor_one_is_the_identity(change):
    for image in images():
        np.testing.assert_array_equal(change(planes(image), tf.constant(1.0)), planes(image))


def test_strengths_that_change_nothing():
    image = planes(next(images()))
    for got in (tones.posterize(image, 8), tones.solarize(image, 256), tones.solarize_add(image, 0)):
        np.testing.assert_array_equal(got, image)


def test_addons_agree_where_it_is_installed():
    addons = pytest.importorskip("tensorflow_addons", reason="TensorFlow Addons exists up to Python 3.11 only")
    for image in images():
        theirs = addons.image.equalize(tf.constant(image))
        np.testing.assert_array_equal(tones.equalize(planes(image)), planes(theirs))
    for image in images():
        theirs = addons.image.sharpness(tf.constant(image), 1.9).numpy().astype(int)
        ours = tones.sharpness(planes(image), tf.constant(1.9)).numpy().astype(int).transpose(1, 2, 0)
        # It rounds the smoothed image down, Pillow to the nearest level; the factor doubles that.
        assert np.abs(ours - theirs)[1:-1, 1:-1].max(initial=0) <= 2
