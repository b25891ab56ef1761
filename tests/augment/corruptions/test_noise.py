"""Noise: its mean, its spread and its share are what the constants say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from supcon_tf.augment.corruptions import noise
from supcon_tf.augment.corruptions.constants import CONSTANTS
from tests.augment.corruptions.samples import flat_image, noise_image, rounded_down

LARGE_AND_SMALL = [(scale, severity) for scale in CONSTANTS for severity in range(5)]


def draws():
    return np.random.Generator(np.random.Philox(key=7))


def test_gaussian_noise_is_added_and_rounded_down():
    image = noise_image()
    expected = rounded_down(image + 255 * 0.1 * draws().standard_normal(image.shape))
    np.testing.assert_array_equal(noise.gaussian_noise(image, draws(), 0.1), expected)


@pytest.mark.parametrize("scale, severity", LARGE_AND_SMALL)
def test_gaussian_noise_has_the_deviation_of_its_constant(scale, severity):
    """On mid-grey, against SciPy's normal distribution, clipped to 0 and 1 and rounded down."""
    (deviation,) = CONSTANTS[scale]["gaussian_noise"][severity]
    got = noise.gaussian_noise(flat_image(128, 200, 200), draws(), deviation)
    below = np.array([(got <= level).mean() for level in range(255)])
    expected = stats.norm.cdf((np.arange(255) + 1) / 255, 128 / 255, deviation)
    assert np.abs(below - expected).max() < 0.006  # Kolmogorov-Smirnov of 120,000 numbers, p = 1e-4: 0.0064


@pytest.mark.parametrize("scale, severity", LARGE_AND_SMALL)
def test_shot_noise_keeps_the_mean_and_has_the_variance_of_photons(scale, severity):
    (photons,) = CONSTANTS[scale]["shot_noise"][severity]
    level = 51 if scale == "large" else 128  # Few enough to leave nearly all values below white.
    got = noise.shot_noise(flat_image(level, 200, 200), draws(), photons).astype(float) / 255
    counts = np.arange(2000)
    values = np.floor(np.minimum(counts / photons, 1) * 255 + 1e-6) / 255
    shares = stats.poisson.pmf(counts, level / 255 * photons)
    mean = (shares * values).sum()
    variance = (shares * (values - mean) ** 2).sum()
    assert abs(got.mean() - mean) < 5 * np.sqrt(variance / got.size)
    assert abs(got.var() / variance - 1) < 0.03
    assert abs(mean - level / 255) < 0.6 / 255 + 0.01 * (photons < 10)  # Half a level is lost by rounding down.


def test_black_has_no_photons():
    assert noise.shot_noise(flat_image(0), draws(), 60).max() == 0


@pytest.mark.parametrize("scale, severity", LARGE_AND_SMALL)
def test_impulses_hit_their_share_of_the_values_both_ways(scale, severity):
    (share,) = CONSTANTS[scale]["impulse_noise"][severity]
    got = noise.impulse_noise(flat_image(100, 200, 200), draws(), share)
    hit, count = (got != 100).sum(), got.size
    assert abs(hit - share * count) < 4.5 * np.sqrt(share * (1 - share) * count)
    assert abs((got == 255).sum() - hit / 2) < 4.5 * np.sqrt(hit) / 2
    assert set(np.unique(got)) == {0, 100, 255}


def test_impulses_hit_channels_apart():
    got = noise.impulse_noise(flat_image(100, 200, 200), draws(), 0.2) != 100
    assert abs((got[..., 0] & got[..., 1]).mean() - 0.04) < 0.005
