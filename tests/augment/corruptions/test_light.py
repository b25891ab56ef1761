"""Brightness against colorsys, contrast against loops; grey, black and means."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from supcon_tf.augment.corruptions import light
from supcon_tf.augment.corruptions.constants import CONSTANTS
from tests.augment.corruptions.samples import flat_image, noise_image, rounded_down

AMOUNTS = sorted({c for table in CONSTANTS.values() for (c,) in table["brightness"]})
FACTORS = sorted({c for table in CONSTANTS.values() for (c,) in table["contrast"]})


@pytest.mark.parametrize("amount", AMOUNTS)
def test_brightness_equals_colorsys(amount):
    """Through hue and saturation, pixel by pixel."""
    image = noise_image(12, 15)
    image[0], image[1, :5], image[2, :5] = 0, 77, 255  # Black, grey and white among them.
    expected = np.zeros(image.shape)
    for place in np.ndindex(12, 15):
        hue, saturation, value = colorsys.rgb_to_hsv(*(image[place] / 255))
        expected[place] = colorsys.hsv_to_rgb(hue, saturation, min(value + amount, 1))
    np.testing.assert_array_equal(light.brightness(image, None, amount), rounded_down(expected * 255))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("amount", AMOUNTS)
def test_grey_becomes_brighter_by_the_amount(amount, channels):
    every = np.arange(256, dtype=np.uint8)[:, None, None].repeat(channels, 2)
    got = light.brightness(every, None, amount)
    np.testing.assert_array_equal(got, rounded_down(every + 255 * amount))


@pytest.mark.parametrize("factor", FACTORS)
def test_contrast_equals_loops(factor):
    image = noise_image()
    expected = np.zeros(image.shape)
    for channel in range(3):
        pixels = [float(image[y, x, channel]) for y in range(9) for x in range(11)]
        mean = sum(pixels) / len(pixels)
        for y in range(9):
            for x in range(11):
                expected[y, x, channel] = mean + factor * (image[y, x, channel] - mean)
    np.testing.assert_array_equal(light.contrast(image, None, factor), rounded_down(expected))


@pytest.mark.parametrize("factor", FACTORS)
def test_contrast_keeps_the_mean_and_scales_the_deviation(factor):
    image = noise_image(100, 100)
    got = light.contrast(image, None, factor).astype(float)
    lost = image.mean((0, 1)) - got.mean((0, 1))  # By rounding down: half a level, where fractions are uniform.
    assert (lost > 0.2).all() and (lost < 0.8).all()
    assert np.abs(got.std((0, 1)) / (factor * image.std((0, 1))) - 1).max() < 0.01


@pytest.mark.parametrize("factor", FACTORS)
def test_a_flat_image_has_no_contrast_to_lose(factor):
    np.testing.assert_array_equal(light.contrast(flat_image(201), None, factor), flat_image(201))
