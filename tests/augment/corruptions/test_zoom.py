"""Zoom: against loops, against SciPy's zoom, and what stays where it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from supcon_tf.augment.corruptions import zoom
from supcon_tf.augment.corruptions.constants import CONSTANTS
from tests.augment.corruptions.samples import bilinear, flat_image, noise_image, rounded_down

EVERY = sorted({constants for table in CONSTANTS.values() for constants in table["zoom_blur"]})


def magnified_oracle(values, factor):
    """The middle, stretched so that corners meet corners, and again its middle; plain loops."""
    sides = values.shape[:2]
    kept = [math.ceil(side / factor) for side in sides]
    made = [round(k * factor) for k in kept]
    part = values[(sides[0] - kept[0]) // 2 :, (sides[1] - kept[1]) // 2 :][: kept[0], : kept[1]]
    result = np.zeros(values.shape)
    for y in range(sides[0]):
        for x in range(sides[1]):
            row, column = (
                ((m - s) // 2 + place) * (k - 1) / max(m - 1, 1) for place, s, k, m in zip((y, x), sides, kept, made)
            )
            result[y, x] = bilinear(part, row, column, lambda place, side: min(place, side - 1))
    return result


@pytest.mark.parametrize("factor", [1.0, 1.06, 1.31, 2.0, 4.5])
@pytest.mark.parametrize("height, width, channels", [(12, 17, 3), (1, 6, 1), (2, 2, 1), (1, 1, 1)])
def test_magnified_equals_loops(height, width, channels, factor):
    values = noise_image(height, width, channels) / 255
    np.testing.assert_allclose(zoom.magnified(values, factor), magnified_oracle(values, factor), atol=1e-13)


@pytest.mark.parametrize("factor", [1.0, 1.01, 1.1, 1.15, 1.3, 2.5])
@pytest.mark.parametrize("side", [32, 224])
def test_magnified_equals_scipy(side, factor):
    """Its zoom of the middle as the authors cut it; but for the last row and column, which it may leave black."""
    values = noise_image(side, side) / 255
    kept = math.ceil(side / factor)
    start = (side - kept) // 2
    expected = ndimage.zoom(values[start : start + kept, start : start + kept], (factor, factor, 1), order=1)
    trim = (expected.shape[0] - side) // 2
    expected = expected[trim : trim + side, trim : trim + side]
    np.testing.assert_allclose(zoom.magnified(values, factor)[:-1, :-1], expected[:-1, :-1], atol=1e-12)


@pytest.mark.parametrize("stop, step", EVERY)
def test_the_blur_is_the_mean_of_magnified_images(stop, step):
    """And of the image itself, which so counts twice."""
    image = noise_image(13, 10)
    factors = np.arange(1, stop, step)
    total = image.astype(float)
    for factor in factors:
        total += magnified_oracle(image.astype(float), factor)
    np.testing.assert_array_equal(zoom.zoom_blur(image, None, stop, step), rounded_down(total / (len(factors) + 1)))


@pytest.mark.parametrize("stop, step", EVERY)
def test_large_images_are_blurred_without_the_matrix_to_the_same_bits(monkeypatch, stop, step):
    image = noise_image(33, 21)
    expected = zoom.zoom_blur(image, None, stop, step)
    monkeypatch.setattr(zoom, "_MOST_PIXELS", 0)
    monkeypatch.setattr(zoom, "_mean_of_magnified", None)
    np.testing.assert_array_equal(zoom.zoom_blur(image, None, stop, step), expected)


def test_arange_counts_as_the_authors_had_it():
    """Rounding errors add an end that is written as left out."""
    counts = {scale: [len(np.arange(1, *c)) for c in CONSTANTS[scale]["zoom_blur"]] for scale in CONSTANTS}
    assert counts == {"large": [12, 16, 11, 13, 11], "small": [7, 12, 16, 21, 26]}


@pytest.mark.parametrize("stop, step", EVERY)
def test_a_flat_image_stays(stop, step):
    image = flat_image(201)
    np.testing.assert_array_equal(zoom.zoom_blur(image, None, stop, step), image)


def test_a_magnified_image_is_larger():
    """A point off the centre moves outwards by the factor."""
    values = np.zeros([65, 65, 1])
    values[32, 42] = 1
    ys, xs = np.nonzero(zoom.magnified(values, 2)[..., 0] > 0.4)
    assert abs(xs.mean() - 52) <= 1 and abs(ys.mean() - 32) <= 1
