"""Tones: every operation against Pillow, to the grey level."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.augment import tones

pillow = pytest.importorskip("PIL.Image")
enhance = pytest.importorskip("PIL.ImageEnhance")
image_ops = pytest.importorskip("PIL.ImageOps")


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


def check(ours, theirs, slack=0):
    for image in images():
        expected = np.asarray(theirs(pillow.fromarray(image))).astype(int)
        got = ours(tf.constant(image))
        assert got.dtype == tf.uint8 and got.shape == image.shape
        np.testing.assert_allclose(got.numpy().astype(int), expected, atol=slack)
        grey = image[..., :1]
        expected = np.asarray(theirs(pillow.fromarray(grey[..., 0]))).astype(int)
        np.testing.assert_allclose(ours(tf.constant(grey))[..., 0].numpy().astype(int), expected, atol=slack)


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


def test_contrast_is_about_the_mean_of_the_image():
    """The authors' module blends with the number of pixels over 256, here 4: a dark image would stay dark at 0."""
    flat = tones.contrast(tf.fill([32, 32, 3], tf.constant(150, tf.uint8)), tf.constant(0.0))
    np.testing.assert_array_equal(flat, 150)


@pytest.mark.parametrize("change", [tones.brightness, tones.contrast, tones.saturation, tones.sharpness])
def test_factor_one_is_the_identity(change):
    for image in images():
        np.testing.assert_array_equal(change(tf.constant(image), tf.constant(1.0)), image)


def test_strengths_that_change_nothing():
    image = next(images())
    for got in (tones.posterize(image, 8), tones.solarize(image, 256), tones.solarize_add(image, 0)):
        np.testing.assert_array_equal(got, image)


def test_addons_agree_where_it_is_installed():
    addons = pytest.importorskip("tensorflow_addons", reason="TensorFlow Addons exists up to Python 3.11 only")
    for image in images():
        np.testing.assert_array_equal(tones.equalize(tf.constant(image)), addons.image.equalize(tf.constant(image)))
    for image in images():
        theirs = addons.image.sharpness(tf.constant(image), 1.9).numpy().astype(int)
        ours = tones.sharpness(tf.constant(image), tf.constant(1.9)).numpy().astype(int)
        # It rounds the smoothed image down, Pillow to the nearest level; the factor doubles that.
        assert np.abs(ours - theirs)[1:-1, 1:-1].max(initial=0) <= 2
