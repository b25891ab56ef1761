"""Snow: the whole of it against loops, and what it does to black, white and grey."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.augment.corruptions import snow
from supcon_tf.augment.corruptions.constants import CONSTANTS
from tests.augment.corruptions.samples import flat_image, noise_image, rounded_down
from tests.augment.corruptions.test_motion import motion_oracle
from tests.augment.corruptions.test_zoom import magnified_oracle

EVERY = [constants for table in CONSTANTS.values() for constants in table["snow"]]


def draws():
    return np.random.Generator(np.random.Philox(key=2))


def snow_oracle(image, generator, mean, deviation, size, threshold, radius, fall, share):
    """Flakes, their way, the paler scene and the sum, pixel by pixel."""
    height, width, channels = image.shape
    layer = magnified_oracle(mean + deviation * generator.standard_normal([height, width, 1]), size)
    layer[layer < threshold] = 0
    layer = motion_oracle(rounded_down(layer * 255) / 255, radius, fall, generator.uniform(-135, -45))
    layer = np.rint(layer * 65535) // 257
    result = np.zeros(image.shape)
    for y in range(height):
        for x in range(width):
            pixel = image[y, x].astype(float)
            luma = pixel @ [0.299, 0.587, 0.114] if channels == 3 else pixel[0]
            paler = np.maximum(pixel, 1.5 * luma + 127.5)
            flakes = layer[y, x] + layer[height - 1 - y, width - 1 - x]
            result[y, x] = share * pixel + (1 - share) * paler + flakes
    return rounded_down(result)


@pytest.mark.parametrize("constants", EVERY, ids=str)
def test_snow_equals_loops(constants):
    image = noise_image(8, 13)
    np.testing.assert_array_equal(snow.snow(image, draws(), *constants), snow_oracle(image, draws(), *constants))


def test_grey_snow_equals_loops():
    image = noise_image(6, 5, 1)
    np.testing.assert_array_equal(snow.snow(image, draws(), *EVERY[0]), snow_oracle(image, draws(), *EVERY[0]))


@pytest.mark.parametrize("constants", EVERY, ids=str)
def test_no_pixel_becomes_darker_and_white_stays(constants):
    image = noise_image(32, 32)
    assert (snow.snow(image, draws(), *constants).astype(int) - image).min() >= 0
    assert snow.snow(flat_image(255), draws(), *constants).min() == 255


def test_flakes_are_turned_by_half_a_circle():
    """On black what is added is its own turned image."""
    got = snow.snow(flat_image(0, 20, 30), draws(), *EVERY[0])
    np.testing.assert_array_equal(got, got[::-1, ::-1])
    assert got.std() > 0
