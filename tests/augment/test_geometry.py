"""Crops, flips and resizing: against Pillow, a NumPy loop, and on an image whose pixels say where they come from."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image as pillow

from supcon_tf.augment import geometry


def random_image(height, width, channels=3, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (height, width, channels), dtype=np.uint8)


def bilinear_oracle(image, size):
    """Half-pixel bilinear interpolation, plain loops, clamped at the border."""
    height, width, channels = image.shape
    result = np.zeros((size, size, channels))
    for row in range(size):
        for column in range(size):
            y = (row + 0.5) * height / size - 0.5
            x = (column + 0.5) * width / size - 0.5
            y0, x0 = int(np.floor(y)), int(np.floor(x))
            for dy, dx in [(0, 0), (0, 1), (1, 0), (1, 1)]:
                weight = (1 - abs(y - y0 - dy)) * (1 - abs(x - x0 - dx))
                source = image[np.clip(y0 + dy, 0, height - 1), np.clip(x0 + dx, 0, width - 1)]
                result[row, column] += weight * source
    return result


@pytest.mark.parametrize("shape, size", [((8, 8), 12), ((9, 7), 11), ((20, 14), 6)])
def test_resize_equals_the_loop(shape, size):
    image = random_image(*shape)
    np.testing.assert_allclose(
        geometry.resize(tf.constant(image), size=size), bilinear_oracle(image / 255, size), atol=1e-6
    )


def test_resize_up_equals_pillow():
    image = random_image(16, 16)
    expected = np.asarray(pillow.fromarray(image).resize((40, 40), pillow.Resampling.BILINEAR)) / 255
    np.testing.assert_allclose(geometry.resize(tf.constant(image), size=40), expected, atol=1.01 / 255)


def test_resize_to_the_same_size_changes_nothing():
    image = random_image(32, 32)
    np.testing.assert_allclose(geometry.resize(tf.constant(image), size=32), image / 255, rtol=2e-7)
    unit = tf.constant(image / 255, tf.float32)
    np.testing.assert_array_equal(geometry.resize(unit, size=32), unit)


def test_unit_range_ends_at_exactly_zero_and_one():
    np.testing.assert_array_equal(geometry.unit_range(tf.constant([0, 255], tf.uint8)), [0, 1])


def test_unit_range_refuses_integers_that_have_no_known_scale():
    with pytest.raises(ValueError, match=r"uint8 in .0, 255. or float.*got int32"):
        geometry.unit_range(tf.zeros([4, 4, 3], tf.int32))


def test_central_square_cuts_both_ends_alike():
    image = random_image(6, 10)
    np.testing.assert_array_equal(geometry.central_square(tf.constant(image)), image[:, 2:8])
    np.testing.assert_array_equal(
        geometry.central_square(tf.constant(image.transpose(1, 0, 2))), image.transpose(1, 0, 2)[2:8]
    )
    square = tf.constant(random_image(5, 5))
    assert geometry.central_square(square) is square


def crop_boxes(area_range, count, aspect_range=(3 / 4, 4 / 3), shape=(60, 60)):
    """Height and width shares and centre of `count` crops, read off an image whose pixels are their own coordinates."""
    height, width = shape
    rows, columns = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    image = tf.constant(np.stack([*np.meshgrid(rows, columns, indexing="ij"), np.zeros(shape)], -1), tf.float32)

    @tf.function
    def crop(number):
        return geometry.random_resized_crop(
            image, tf.stack([7, number]), size=32, area_range=area_range, aspect_range=aspect_range
        )

    views = np.stack([crop(tf.constant(number)).numpy() for number in range(count)])
    tall = (views[:, 20, 16, 0] - views[:, 12, 16, 0]) * 32 / 8  # Slopes far from the border, where nothing is clamped.
    wide = (views[:, 16, 20, 1] - views[:, 16, 12, 1]) * 32 / 8
    return tall, wide, views[:, 15:17, 15:17, :2].mean((1, 2))


def test_crops_keep_their_area_and_aspect():
    tall, wide, centre = crop_boxes((0.2, 0.6), 300)
    area, aspect, one_pixel = tall * wide, wide / tall, 1.5 / 60
    assert 0.2 - one_pixel <= area.min() < 0.25 and 0.5 < area.max() <= 0.6 + one_pixel
    assert 0.75 * (1 - 2 * one_pixel) <= aspect.min() < 0.85 and 1.2 < aspect.max() <= 4 / 3 * (1 + 3 * one_pixel)
    assert np.all(centre[:, 0] - tall / 2 > -1e-4) and np.all(centre[:, 0] + tall / 2 < 1 + 1e-4)
    assert np.all(centre[:, 1] - wide / 2 > -1e-4) and np.all(centre[:, 1] + wide / 2 < 1 + 1e-4)
    assert centre.std(0).min() > 0.05  # They do not all sit in one place.


def test_small_area_minimum_is_not_raised_in_secret():
    tall, wide, _ = crop_boxes((0.02, 0.04), 60)
    assert np.all(tall * wide < 0.05)


def test_a_crop_of_everything_is_the_image():
    image = random_image(16, 16)
    crop = geometry.random_resized_crop(
        tf.constant(image), tf.constant([1, 2]), size=16, area_range=(1.0, 1.0), aspect_range=(1.0, 1.0)
    )
    np.testing.assert_array_equal(crop, geometry.unit_range(tf.constant(image)))


@pytest.mark.parametrize("area_range", [(0.0, 1.0), (0.6, 0.5), (0.5, 1.5)])
def test_impossible_crop_areas_are_refused(area_range):
    with pytest.raises(ValueError, match="0 < min <= max <= 1; got"):
        geometry.random_resized_crop(tf.zeros([8, 8, 1]), tf.constant([0, 0]), size=8, area_range=area_range)


def test_flip_mirrors_every_second_image():
    image = tf.constant(random_image(8, 8))
    flip = tf.function(lambda number: geometry.random_flip(image, tf.stack([3, number])))
    flipped = 0
    for number in range(200):
        view = flip(tf.constant(number)).numpy()
        mirrored = np.array_equal(view, image.numpy()[:, ::-1])
        assert mirrored or np.array_equal(view, image)
        flipped += mirrored
    assert 75 < flipped < 125


def test_the_range_of_floats_leaves_room_for_rounding_alone():
    for least, most in ((-0.009, 1.0), (0.0, 1.009)):
        image = tf.constant([[[least], [most]]])
        assert geometry.require_unit_range(image) is image
        np.testing.assert_array_equal(tf.function(geometry.require_unit_range)(image), image)
    for least, most in ((-0.02, 1.0), (0.0, 1.02)):
        with pytest.raises(ValueError, match=rf"these go from {least:g} to {most:g}\. Divide"):
            geometry.require_unit_range(tf.constant([[[least], [most]]]))
    assert geometry.require_unit_range(tf.zeros([0, 2, 1])).shape == (0, 2, 1)
