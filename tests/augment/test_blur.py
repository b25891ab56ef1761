"""Blur: against a two-dimensional convolution written as loops, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from supcon_tf.augment import blur
from supcon_tf.augment.geometry import unit_range


def gaussian_oracle(image, sigma, taps):
    """The full two-dimensional Gaussian over a mirrored image, float64, plain loops."""
    radius = taps // 2
    padded = np.pad(image.astype(np.float64), [(radius, radius), (radius, radius), (0, 0)], mode="reflect")
    result, total = np.zeros(image.shape), 0.0
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            weight = np.exp(-(dy * dy + dx * dx) / (2 * sigma * sigma))
            total += weight
            for row in range(image.shape[0]):
                for column in range(image.shape[1]):
                    result[row, column] += weight * padded[row + radius + dy, column + radius + dx]
    return result / total


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sigma, taps", [(0.1, 3), (0.7, 5), (2.0, 7)])
def test_blur_equals_the_full_convolution(channels, sigma, taps):
    image = np.random.RandomState(0).rand(9, 11, channels).astype(np.float32)
    got = blur.gaussian_blur(tf.constant(image), tf.constant(sigma), taps=taps)
    np.testing.assert_allclose(got, gaussian_oracle(image, sigma, taps), atol=1e-6)


@pytest.mark.parametrize("sigma", [0.5, 1.7])
def test_blur_equals_scipy(sigma):
    """SciPy cuts its kernel at a distance; "mirror" is TensorFlow's "REFLECT"."""
    image = np.random.RandomState(2).rand(20, 17, 3).astype(np.float32)
    got = blur.gaussian_blur(tf.constant(image), tf.constant(sigma), taps=13)
    expected = ndimage.gaussian_filter(image, sigma, mode="mirror", radius=6, axes=(0, 1))
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_a_flat_image_stays_flat_up_to_its_border():
    got = blur.gaussian_blur(tf.fill([16, 16, 3], 0.7), tf.constant(2.0), taps=9)
    np.testing.assert_allclose(got, 0.7, atol=1e-6)


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match=r"odd number of taps.*got 4"):
        blur.gaussian_blur(tf.zeros([8, 8, 3]), 1.0, taps=4)


@pytest.mark.parametrize("side, taps", [(224, 23), (96, 9), (64, 7), (32, 3)])
def test_kernel_is_a_tenth_of_the_image_and_odd(side, taps):
    assert blur.kernel_size(side) == taps


def test_half_the_images_are_blurred_and_each_differently():
    image = np.random.RandomState(1).randint(0, 256, (16, 16, 3), dtype=np.uint8)
    blurred = tf.function(lambda number: blur.random_blur(tf.constant(image), tf.stack([4, number]), taps=5))
    views = [blurred(tf.constant(number)).numpy() for number in range(200)]
    roughness = np.array([np.abs(np.diff(view, axis=1)).mean() for view in views])
    sharp = sum(np.array_equal(view, unit_range(tf.constant(image))) for view in views)
    assert 75 < sharp < 125
    assert len(np.unique(roughness.round(5))) > 40  # The width is drawn anew for every image.
