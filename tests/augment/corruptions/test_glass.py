"""Frosted glass: the scattering at once is that of the loops in the authors' order."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from supcon_tf.augment.corruptions import glass
from supcon_tf.augment.corruptions.constants import CONSTANTS
from tests.augment.corruptions.samples import flat_image, noise_image, rounded_down

EVERY = sorted({constants for table in CONSTANTS.values() for constants in table["glass_blur"]})


def draws():
    return np.random.Generator(np.random.Philox(key=3))


def scattering_oracle(image, generator, reach):
    """One pixel after the other, from the last row and column; each copies. Plain loops."""
    image, (height, width) = image.copy(), image.shape[:2]
    for row in range(height - reach, reach, -1):
        for column in range(width - reach, reach, -1):
            down, across = generator.integers(-reach, reach, size=2)
            image[row, column] = image[row + down, column + across]
    return image


@pytest.mark.parametrize("reach", [1, 2, 3, 4])
@pytest.mark.parametrize("height, width, channels", [(24, 31, 3), (9, 9, 1), (5, 40, 3), (3, 3, 1), (1, 1, 3)])
def test_scattering_equals_loops(height, width, channels, reach):
    image = noise_image(height, width, channels)
    got = glass.scattered(image, draws(), reach)
    np.testing.assert_array_equal(got, scattering_oracle(image, draws(), reach))


def test_a_swap_of_views_copies():
    """Why: what is written as a swap of two pixels of an array leaves one of them twice."""
    x = np.array([[1, 1], [2, 2]])
    x[0], x[1] = x[1], x[0]
    assert x.tolist() == [[2, 2], [2, 2]]


def test_offsets_go_one_further_up_and_left():
    """Whole numbers from -reach to reach - 1, in both directions: where a lonely pixel is copied to shows it."""
    seen = set()
    for seed in range(60):
        image = np.arange(49, dtype=np.uint8).reshape(7, 7, 1)
        got = glass.scattered(image, np.random.default_rng(seed), 3)  # One pixel inside: the one at (4, 4).
        assert (got != image).sum() <= 1
        seen |= {divmod(int(got[4, 4, 0]), 7)}
    assert {row - 4 for row, _ in seen} == {column - 4 for _, column in seen} == set(range(-3, 3))


@pytest.mark.parametrize("deviation, reach, rounds", EVERY)
def test_the_whole_blur_equals_its_parts(deviation, reach, rounds):
    image, generator = noise_image(20, 23), draws()

    def blurred(levels):
        if int(4 * deviation + 0.5) == 0:  # The kernel is one pixel wide.
            return levels
        planes = [ndimage.gaussian_filter(levels[..., ch].astype(float), deviation, mode="nearest") for ch in range(3)]
        return rounded_down(np.stack(planes, -1))

    expected = blurred(image)
    for _ in range(rounds):
        expected = scattering_oracle(expected, generator, reach)
    np.testing.assert_array_equal(glass.glass_blur(image, draws(), deviation, reach, rounds), blurred(expected))


@pytest.mark.parametrize("deviation, reach, rounds", EVERY)
def test_a_flat_image_stays(deviation, reach, rounds):
    image = flat_image(201)
    np.testing.assert_array_equal(glass.glass_blur(image, draws(), deviation, reach, rounds), image)
