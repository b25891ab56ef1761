"""Evaluation crops: which part of the image is left, read off images whose pixels are their own coordinates."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import memory
from supcon_tf.augment.evaluation_crops import evaluation_crop
from supcon_tf.augment.geometry import central_square, resize, unit_range
from supcon_tf.names import EVALUATION_CROPS


def coordinates(height, width):
    """Row and column of each pixel's centre as shares of the image."""
    rows, columns = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    return tf.constant(
        np.stack([*np.meshgrid(rows, columns, indexing="ij"), np.zeros((height, width))], -1), tf.float32
    )


def seen(height, width, crop, padding):
    """The shares of height and width that a crop to 28 pixels shows, from slopes far from the border."""
    view = evaluation_crop(crop, size=28, padding=padding)(coordinates(height, width)).numpy()
    np.testing.assert_allclose(view[13:15, 13:15, :2].mean((0, 1)), 0.5, atol=0.5 / 28)
    return (view[20, 14, 0] - view[8, 14, 0]) * 28 / 12, (view[14, 20, 1] - view[14, 8, 1]) * 28 / 12


@pytest.mark.parametrize("shape", [(64, 80), (80, 64), (64, 64)])
@pytest.mark.parametrize("crop, square", [("resize_then_crop", 1), ("crop_then_resize", 1), ("crop_then_distort", 0)])
def test_what_is_left(crop, square, shape):
    """28 of 32: seven eighths of the short side, or of both."""
    short = min(shape)
    expected = [7 / 8 * (short / side if square else 1) for side in shape]
    np.testing.assert_allclose(seen(*shape, crop, padding=4), expected, atol=1.01 / short)
    expected = [short / side if square else 1 for side in shape]
    np.testing.assert_allclose(seen(*shape, crop, padding=0), expected, atol=1e-4 + 1 / max(shape) * square)


def test_the_default_is_the_central_square():
    image = tf.constant(np.random.RandomState(0).randint(0, 256, (9, 14, 3), dtype=np.uint8))
    np.testing.assert_array_equal(evaluation_crop(size=8)(image), resize(central_square(image), size=8))


@pytest.mark.parametrize("shape", [(64, 80), (23, 1500), (1500, 23), (28, 28), (7, 9), (1, 300), (211, 300)])
@pytest.mark.parametrize("padding", [0, 1, 4])
def test_resize_then_crop_has_the_pixels_of_the_whole_image_resized(shape, padding):
    image = tf.constant(np.random.RandomState(0).randint(0, 256, (*shape, 3), dtype=np.uint8))
    sides = [max(round(side * (28 + padding) / min(shape)), 28 + padding) for side in shape]
    whole = tf.image.resize(unit_range(image), sides)
    top, left = ((side - 28) // 2 for side in sides)
    found = evaluation_crop("resize_then_crop", size=28, padding=padding)(image)
    np.testing.assert_allclose(found, whole[top : top + 28, left : left + 28], atol=1e-6)


def test_a_narrow_image_takes_little_memory():
    """224 of 256 pixels in height would be 364,388 in width, 1.1 GB of float32."""
    image = tf.zeros([23, 32738, 3], tf.uint8)
    crop = evaluation_crop("resize_then_crop", size=224, padding=32)
    crop(image[:, :100])
    memory.forget_peak()
    before = memory.resident_mb()
    assert crop(image).shape == [224, 224, 3]
    assert memory.peak_mb() - before < 100


@pytest.mark.parametrize("crop", EVALUATION_CROPS)
def test_an_image_of_the_right_size_stays_as_it_is(crop):
    image = tf.constant(np.random.RandomState(0).randint(0, 256, (8, 8, 1), dtype=np.uint8))
    np.testing.assert_allclose(evaluation_crop(crop, size=8)(image), unit_range(image), rtol=2e-7)


@pytest.mark.parametrize("crop", [name for name in EVALUATION_CROPS if name != "identity"])
def test_any_size_works_down_to_one_pixel_also_unknown_to_the_graph(crop):
    images = [np.full((height, width, 3), 51, np.uint8) for height, width in [(1, 1), (1, 7), (40, 3), (300, 211)]]
    data = tf.data.Dataset.from_generator(lambda: images, output_signature=tf.TensorSpec([None, None, 3], tf.uint8))
    views = list(data.map(evaluation_crop(crop, size=8, padding=1)))
    assert len(views) == 4
    for view in views:
        np.testing.assert_allclose(view, np.full((8, 8, 3), 0.2), atol=1e-6)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"name": "identity"}, r"needs images of 8 x 8 pixels; got shape \(9, 9, 3\)"),
        ({"name": "resize_and_crop"}, "`crop` must be one of .*Did you mean 'resize_then_crop'"),
        ({"padding": -1}, "at least 0; got -1"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluation_crop(size=8, **arguments)(tf.zeros([9, 9, 3]))
