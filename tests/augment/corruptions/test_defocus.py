"""Blur by a disc: against loops over every pixel and every weight, and what a point and a flat image become."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from supcon_tf.augment.corruptions import defocus
from supcon_tf.augment.corruptions.constants import CONSTANTS
from tests.augment.corruptions.samples import flat_image, mirrored, noise_image, rounded_down

EVERY = sorted({constants for table in CONSTANTS.values() for constants in table["defocus_blur"]})


def disc_oracle(radius, softness):
    """The disc of equal weights, then each of them spread over 3 x 3 or 5 x 5 by a Gaussian; plain loops."""
    reach, taps = (8, 1) if radius <= 8 else (int(radius), 2)
    side = 2 * reach + 1
    flat = [[float((y - reach) ** 2 + (x - reach) ** 2 <= radius**2) for x in range(side)] for y in range(side)]
    total = sum(map(sum, flat))
    gaussian = [np.exp(-(t**2) / (2 * softness**2)) for t in range(-taps, taps + 1)]
    kernel = np.zeros([side, side])
    for y in range(side):
        for x in range(side):
            for dy in range(-taps, taps + 1):
                for dx in range(-taps, taps + 1):
                    weight = gaussian[dy + taps] * gaussian[dx + taps] / sum(gaussian) ** 2
                    kernel[y, x] += weight * flat[mirrored(y + dy, side)][mirrored(x + dx, side)] / total
    return kernel


def blur_oracle(image, kernel):
    """Weighted sums over a mirrored image; plain loops."""
    height, width, _ = image.shape
    reach = len(kernel) // 2
    result = np.zeros(image.shape)
    for y in range(height):
        for x in range(width):
            for dy in range(-reach, reach + 1):
                for dx in range(-reach, reach + 1):
                    pixel = image[mirrored(y + dy, height), mirrored(x + dx, width)]
                    result[y, x] += kernel[dy + reach, dx + reach] * pixel
    return result


@pytest.mark.parametrize("constants", EVERY, ids=str)
def test_the_kernel_is_the_softened_disc(constants):
    np.testing.assert_allclose(defocus.disc(*constants), disc_oracle(*constants), atol=1e-15)


@pytest.mark.parametrize("height, width", [(7, 12), (1, 5), (1, 1)])
def test_blur_equals_loops(height, width):
    image = noise_image(height, width, 3 if height > 1 else 1)
    kernel = defocus.disc(4, 0.5)
    got = defocus.convolved(image / 255, kernel)
    np.testing.assert_allclose(got, blur_oracle(image / 255, kernel), atol=1e-12)
    np.testing.assert_array_equal(
        defocus.defocus_blur(image, None, 4, 0.5), rounded_down(blur_oracle(image.astype(float), kernel))
    )


@pytest.mark.parametrize("constants", EVERY, ids=str)
def test_blur_equals_scipy(constants):
    values, kernel = noise_image(50, 40) / 255, defocus.disc(*constants)
    expected = ndimage.correlate(values, kernel[..., None], mode="mirror")
    np.testing.assert_allclose(defocus.convolved(values, kernel), expected, atol=1e-12)


@pytest.mark.parametrize("constants", EVERY, ids=str)
def test_a_flat_image_stays_flat(constants):
    """Where the disc touches its window it becomes brighter, by the sum of the published kernel."""
    weight = defocus.disc(*constants).sum()
    got = defocus.defocus_blur(flat_image(200, 30, 20), None, *constants)
    assert (got == int(200 * weight + 1e-6)).all()
    touches = constants[0] in (8, 10)
    assert 1.005 < weight < 1.015 if touches else abs(weight - 1) < 1e-12


def test_a_point_becomes_a_disc_of_its_area():
    point = np.zeros([41, 41, 1], np.uint8)
    point[20, 20] = 255
    blurred = defocus.convolved(point / 255.0, defocus.disc(6, 0.1))[..., 0]
    ys, xs = np.nonzero(blurred > 1e-6)
    assert np.hypot(ys - 20, xs - 20).max() == 6 and len(ys) == 113  # Points of the grid within 6 of the origin.
