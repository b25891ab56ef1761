"""Geometry of AutoAugment: against Pillow's affine transform with nearest pixels, and TensorFlow Addons."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image as pillow

from supcon_tf.augment import affine

FILL = (affine.FILL,) * 3


def planes(image):
    return tf.transpose(image, [2, 0, 1])


def random_image(height=31, width=24, channels=3):
    return np.random.RandomState(1).randint(0, 256, (height, width, channels), dtype=np.uint8)


def pillow_affine(image, matrix):
    size = image.shape[1], image.shape[0]
    moved = pillow.fromarray(image).transform(
        size, pillow.Transform.AFFINE, matrix, pillow.Resampling.NEAREST, fillcolor=FILL
    )
    return np.asarray(moved)


def at_a_border(shape, matrix):
    """Pixels whose source lies within 1e-3 of a border between pixels: Pillow counts in 1/65536 there."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    a, b, c, d, e, f = matrix
    sources = np.stack([a * x + b * y + c, d * x + e * y + f])
    return np.any(np.abs(sources - np.round(sources)) < 1e-3, 0)


def check(got, image, matrix):
    assert got.dtype == tf.uint8 and got.shape == planes(image).shape
    sure = ~at_a_border(image.shape, matrix)
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(got.numpy().transpose(1, 2, 0)[sure], pillow_affine(image, matrix)[sure])


@pytest.mark.parametrize("degrees", [-30.0, -7.0, 13.0, 27.0])
def test_rotate_equals_pillow(degrees):
    image = random_image()
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    middle_x, middle_y = image.shape[1] / 2, image.shape[0] / 2
    matrix = (cosine, -sine, middle_x - cosine * middle_x + sine * middle_y,
              sine, cosine, middle_y - sine * middle_x - cosine * middle_y)  # fmt: skip
    check(affine.rotate(planes(image), tf.constant(degrees)), image, matrix)


def test_rotate_turns_against_the_clock():
    image = random_image(32, 32)
    got = affine.rotate(planes(image), tf.constant(20.0)).numpy().transpose(1, 2, 0)
    expected = np.asarray(pillow.fromarray(image).rotate(20, fillcolor=FILL))
    assert (got == expected).all(-1).mean() > 0.99


@pytest.mark.parametrize("slope", [-0.3, 0.09, 0.27])
def test_shears_equal_pillow(slope):
    image = random_image()
    check(affine.shear_x(planes(image), tf.constant(slope)), image, (1, slope, 0, 0, 1, 0))
    check(affine.shear_y(planes(image), tf.constant(slope)), image, (1, 0, 0, slope, 1, 0))


@pytest.mark.parametrize("pixels", [-9, 4])
def test_translations_equal_pillow_everywhere(pixels):
    image = random_image()
    np.testing.assert_array_equal(
        affine.translate_x(planes(image), tf.constant(pixels)), planes(pillow_affine(image, (1, 0, pixels, 0, 1, 0)))
    )
    np.testing.assert_array_equal(
        affine.translate_y(planes(image), tf.constant(pixels)), planes(pillow_affine(image, (1, 0, 0, 0, 1, pixels)))
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_nothing_moves_at_zero(channels):
    image = random_image(channels=channels)
    for change in (affine.rotate, affine.shear_x, affine.shear_y, affine.translate_x, affine.translate_y):
        np.testing.assert_array_equal(change(planes(image), tf.constant(0.0)), planes(image))


@pytest.mark.parametrize("centre, rows, columns", [((0.5, 0.5), (11, 19), (8, 16)), ((0.0, 0.97), (0, 4), (19, 24))])
def test_cutout_is_a_square_that_the_border_cuts(centre, rows, columns):
    image = random_image()
    expected = image.copy()
    expected[slice(*rows), slice(*columns)] = affine.FILL
    np.testing.assert_array_equal(affine.cutout(planes(image), tf.constant(4), tf.constant(centre)), planes(expected))
    np.testing.assert_array_equal(affine.cutout(planes(image), tf.constant(0), tf.constant(centre)), planes(image))


def test_addons_agree_where_it_is_installed():
    addons = pytest.importorskip("tensorflow_addons", reason="TensorFlow Addons exists up to Python 3.11 only")
    image = tf.constant(random_image(33, 33))
    theirs = addons.image.rotate(image, math.radians(17.0), fill_mode="constant", fill_value=float(affine.FILL))
    same = (affine.rotate(planes(image), tf.constant(17.0)).numpy() == planes(theirs).numpy()).all(0)
    assert same.mean() > 0.995  # But for sources on a border between two pixels.
