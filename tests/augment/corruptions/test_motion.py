"""Motion: against loops, along the axes and the diagonal, and with all directions equally often."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest

from supcon_tf.augment.corruptions import motion
from supcon_tf.augment.corruptions.constants import CONSTANTS
from supcon_tf.augment.corruptions.levels import level_in_png
from tests.augment.corruptions.samples import flat_image, noise_image

EVERY = sorted({constants for table in CONSTANTS.values() for constants in table["motion_blur"]})


def motion_oracle(values, radius, deviation, angle):
    """For each pixel the sum along its line, places beyond the border clamped; plain loops, as ImageMagick has it."""
    height, width, _ = values.shape
    count = 2 * radius + 1
    kernel = [
        math.exp(-i * i / (2 * deviation * deviation)) / (math.sqrt(2 * math.pi) * deviation) for i in range(count)
    ]
    result = np.zeros(values.shape)
    for y in range(height):
        for x in range(width):
            for i in range(count):
                row = y + math.ceil(i * math.sin(math.radians(angle)) - 0.5)
                column = x + math.ceil(i * math.cos(math.radians(angle)) - 0.5)
                pixel = values[min(max(row, 0), height - 1), min(max(column, 0), width - 1)]
                result[y, x] += kernel[i] / sum(kernel) * pixel
    return result


@pytest.mark.parametrize("angle", [-135.0, -77.3, -45.0, -10.0, 0.0, 31.4, 45.0])
@pytest.mark.parametrize("height, width, channels", [(7, 12, 3), (1, 3, 1)])
def test_motion_equals_loops(height, width, channels, angle):
    values = noise_image(height, width, channels) / 255
    got = motion.smeared(values, 6, 1.5, angle)
    np.testing.assert_allclose(got, motion_oracle(values, 6, 1.5, angle), atol=1e-13)


@pytest.mark.parametrize("radius, deviation", EVERY)
def test_the_weights_are_half_a_gaussian(radius, deviation):
    weights, down, across = motion.line(radius, deviation, 0.0)
    assert abs(weights.sum() - 1) < 1e-12 and len(weights) == 2 * radius + 1 and (np.diff(weights) < 0).all()
    np.testing.assert_allclose(weights / weights[0], np.exp(-0.5 * (np.arange(len(weights)) / deviation) ** 2))
    assert (down == 0).all() and across.tolist() == list(range(2 * radius + 1))


def test_the_diagonal_goes_one_down_for_one_across():
    _, down, across = motion.line(10, 3, 45.0)
    np.testing.assert_array_equal(down, across)
    assert down[-1] == round(20 / math.sqrt(2))


@pytest.mark.parametrize("radius, deviation", EVERY)
def test_a_flat_image_stays(radius, deviation):
    image = flat_image(201)
    np.testing.assert_array_equal(motion.motion_blur(image, np.random.default_rng(0), radius, deviation), image)


def test_levels_are_those_of_a_png_by_imagemagick():
    image, draws = noise_image(), np.random.default_rng(5)
    blurred = motion_oracle(image / 255, 6, 1.0, np.random.default_rng(5).uniform(-45, 45))
    np.testing.assert_array_equal(motion.motion_blur(image, draws, 6, 1.0), np.rint(blurred * 65535) // 257)


# What ImageMagick 6.9.11-60 Q16 makes of `imagemagick_sees()`, written as PNG: checksums of the pixels.
IMAGEMAGICK = {
    (10, 3, 30.0): 1163288560,
    (20, 15, -44.5): 1673979900,
    (6, 1, 0.0): 4254565067,
    (9, 2.5, 17.25): 2995775250,
    (12, 8, -100.5): 1501194745,
    (14, 12, -135.0): 2952664530,
}


def imagemagick_sees():
    """uint8 [40, 33, 3], by a formula."""
    y, x, ch = np.mgrid[:40, :33, :3]
    return ((y * 5 + x * 3 + 40 * ch + (x * y * (ch + 1)) // 7) % 256).astype(np.uint8)


@pytest.mark.parametrize("radius, deviation, angle", IMAGEMAGICK)
def test_motion_equals_imagemagick(radius, deviation, angle):
    got = level_in_png(motion.smeared(imagemagick_sees() / 255, radius, deviation, angle))
    assert zlib.crc32(got.tobytes()) == IMAGEMAGICK[radius, deviation, angle]


def test_every_angle_within_45_degrees_comes_up():
    """Where the line of a point ends tells its angle: about as often up as down, never steeper than the diagonal."""
    point = np.zeros([81, 81, 1], np.uint8)
    point[40, 40] = 255
    angles = []
    for seed in range(200):
        ys, xs = np.nonzero(motion.motion_blur(point, np.random.default_rng(seed), 20, 15)[..., 0])
        far = np.argmin(xs)
        angles.append(math.degrees(math.atan2(40 - ys[far], 40 - xs[far])))
    assert -46 < min(angles) < -40 and 40 < max(angles) < 46 and abs(np.mean(angles)) < 8
