"""Elastic deformation: affine map, noise and reading against loops and SciPy; the whole against their sum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from supcon_tf.augment.corruptions import elastic
from supcon_tf.augment.corruptions.constants import CONSTANTS
from tests.augment.corruptions.samples import bilinear, flat_image, mirrored, noise_image, reflected, rounded_down

EVERY = [constants for table in CONSTANTS.values() for constants in table["elastic_transform"]]


def draws():
    return np.random.Generator(np.random.Philox(key=5))


def affine_oracle(before, after):
    """The six numbers of the map from `after` back to `before`, by the equations of the three points: [2, 3]."""
    equations, values = np.zeros([6, 6]), np.zeros(6)
    for point in range(3):
        for axis in range(2):
            equations[2 * point + axis, 3 * axis : 3 * axis + 3] = [*after[point], 1]
            values[2 * point + axis] = before[point][axis]
    return np.linalg.solve(equations, values).reshape(2, 3)


def fixed_oracle(numbers, row, column):
    """OpenCV's fixed point, in whole numbers: 1024ths are added, and 32nds remain."""
    return (round(1024 * (numbers[0] * row + numbers[2])) + round(1024 * numbers[1] * column) + 16) // 32 / 32


def elastic_oracle(image, generator, size, deviation, affine):
    """Both steps pixel by pixel."""
    height, width, _ = image.shape
    reach = min(height, width) // 3
    centre = np.array([height // 2, width // 2])
    before = np.array([centre + reach, centre + np.array([-reach, reach]), centre - reach], float)
    back = affine_oracle(before, before + generator.uniform(-affine, affine, [3, 2]))
    moved, result = np.zeros(image.shape), np.zeros(image.shape)
    for y in range(height):
        for x in range(width):
            row, column = (fixed_oracle(numbers, y, x) for numbers in back.tolist())
            moved[y, x] = bilinear(image.astype(float), row, column, mirrored)
    noise = [generator.uniform(-1, 1, [height, width]) for _ in range(2)]
    if deviation:
        noise = [ndimage.gaussian_filter(part, deviation, mode="reflect", truncate=3) for part in noise]
    for y in range(height):
        for x in range(width):
            result[y, x] = bilinear(moved, y + size * noise[0][y, x], x + size * noise[1][y, x], reflected)
    return rounded_down(result)


@pytest.mark.parametrize("constants", [(0, 0, 2.5), (3.0, 0.5, 1.0), (20.0, 3.0, 2.0), (2.0, 40.0, 0.5)], ids=str)
@pytest.mark.parametrize("height, width, channels", [(14, 11, 3), (12, 20, 1)])
def test_elastic_equals_loops(height, width, channels, constants):
    image = noise_image(height, width, channels)
    got = elastic.elastic_transform(image, draws(), *constants)
    np.testing.assert_array_equal(got, elastic_oracle(image, draws(), *constants))


def test_smooth_noise_equals_scipy_at_the_widest():
    """171 pixels: 1025 taps on an image of 224."""
    got = elastic.smooth_noise(224, 100, 244 * 0.7, draws())
    expected = ndimage.gaussian_filter(draws().uniform(-1, 1, [224, 100]), 244 * 0.7, mode="reflect", truncate=3)
    np.testing.assert_allclose(got, expected, atol=1e-14)


def test_the_affine_map_takes_the_three_points_where_it_should():
    before = elastic.three_points(33, 40)
    after = before + np.random.RandomState(0).uniform(-4, 4, [3, 2])
    back = elastic.inverse_affine(before, after)
    np.testing.assert_allclose(np.column_stack([after, np.ones(3)]) @ back.T, before, atol=1e-12)
    np.testing.assert_allclose(back, affine_oracle(before, after), atol=1e-12)
    assert np.ptp(before, axis=0).tolist() == [22, 22]  # Two thirds of the shorter side.


def test_places_are_near_those_of_the_map_and_at_32nds():
    back = np.array([[1.03, -0.2, 3.3], [0.17, 0.9, -5.2]])
    places = elastic.fixed_places(back, 30, 41)
    exact = np.tensordot(back[:, :2], np.mgrid[:30, :41], 1) + back[:, 2, None, None]
    assert np.abs(places - exact).max() < 1 / 64 + 1 / 1024
    np.testing.assert_array_equal(places * 32, np.rint(places * 32))


def test_points_on_a_line_give_no_nonsense():
    before = elastic.three_points(9, 9)
    back = elastic.inverse_affine(before, np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]))
    np.testing.assert_array_equal(back, np.column_stack([np.zeros([2, 2]), before[0]]))


@pytest.mark.parametrize("constants", EVERY, ids=str)
def test_a_flat_image_stays(constants):
    image = flat_image(201, 32, 20)
    np.testing.assert_array_equal(elastic.elastic_transform(image, draws(), *constants), image)


def test_the_slip_of_the_authors_is_kept():
    """244 where 224 was meant."""
    assert CONSTANTS["large"]["elastic_transform"][0] == (244 * 2, 244 * 0.7, 244 * 0.1)
    assert CONSTANTS["small"]["elastic_transform"][1] == (32 * 0.05, 32 * 0.2, 32 * 0.07)
