"""Fog: the cloud against loops over every point of the diamond-square algorithm, and what the image becomes."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.augment.corruptions import fog
from supcon_tf.augment.corruptions.constants import CONSTANTS
from tests.augment.corruptions.samples import flat_image, noise_image, rounded_down

EVERY = sorted({constants for table in CONSTANTS.values() for constants in table["fog"]})


def draws():
    return np.random.Generator(np.random.Philox(key=11))


def plasma_oracle(side, decay, generator):
    """Point by point on a torus; the amounts of one step are drawn as three arrays. Plain loops."""
    cloud, wobble, step = np.zeros([side, side]), 100.0, side

    def at(y, x):
        return cloud[y % side, x % side]

    while step >= 2:
        half, count = step // 2, side // step
        amounts = generator.uniform(-(wobble**2), wobble**2, [count, count])
        for i in range(count):
            for j in range(count):
                y, x = i * step + half, j * step + half
                corners = (
                    at(y - half, x - half) + at(y - half, x + half) + at(y + half, x - half) + at(y + half, x + half)
                )
                cloud[y, x] = corners / 4 + amounts[i, j]
        for shift_y, shift_x in ((0, half), (half, 0)):
            amounts, new = generator.uniform(-(wobble**2), wobble**2, [count, count]), {}
            for i in range(count):
                for j in range(count):
                    y, x = i * step + shift_y, j * step + shift_x
                    around = at(y - half, x) + at(y + half, x) + at(y, x - half) + at(y, x + half)
                    new[y, x] = around / 4 + amounts[i, j]
            for place, value in new.items():
                cloud[place] = value
        step, wobble = step // 2, wobble / decay
    return (cloud - cloud.min()) / (cloud.max() - cloud.min())


@pytest.mark.parametrize("decay", sorted({decay for _, decay in EVERY}))
@pytest.mark.parametrize("side", [2, 4, 32])
def test_the_cloud_equals_loops(side, decay):
    np.testing.assert_allclose(fog.plasma(side, decay, draws()), plasma_oracle(side, decay, draws()), atol=1e-12)


def test_a_smaller_decay_makes_a_rougher_cloud():
    roughness = [np.abs(np.diff(fog.plasma(64, decay, draws()))).mean() for decay in (3, 2, 1.75, 1.4)]
    assert roughness == sorted(roughness)


@pytest.mark.parametrize("share, decay", EVERY)
def test_fog_equals_its_formula(share, decay):
    """A window of the cloud is added to all channels, and the sum scaled to the image's own brightest value."""
    image = noise_image(17, 40)
    cloud = plasma_oracle(64, decay, draws())[:17, :40, None]
    most = image.max() / 255
    expected = rounded_down((image / 255 + share * cloud) * most / (most + share) * 255)
    np.testing.assert_array_equal(fog.fog(image, draws(), share, decay), expected)


def test_a_black_image_stays_black():
    assert fog.fog(flat_image(0), draws(), 1.5, 2).max() == 0


def test_the_thickest_place_has_the_brightest_value():
    got = fog.fog(flat_image(100, 32, 32), draws(), 1.5, 2)
    assert got.max() == 100 and got.min() == int(100 * (100 / 255) / (100 / 255 + 1.5))


@pytest.mark.parametrize("height, width, side", [(224, 224, 256), (32, 32, 32), (33, 2, 64), (256, 1, 256), (1, 1, 2)])
def test_the_side_is_the_next_power_of_two(height, width, side):
    assert fog.cloud_side(height, width) == fog.cloud_side(width, height) == side
