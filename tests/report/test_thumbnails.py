"""PNG files against TensorFlow's decoder; thumbnails and heat maps against NumPy."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.report.thumbnails import THUMBNAIL, heat_map, jpeg_uri, png_uri, sheet, thumbnail


def decoded(uri):
    head, data = uri.split(",")
    assert head == "data:image/png;base64"
    return tf.io.decode_png(base64.b64decode(data)).numpy()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_png_decodes_to_its_pixels(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    np.testing.assert_array_equal(decoded(png_uri(pixels)).reshape(pixels.shape), pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_decodes_to_almost_its_pixels(channels):
    pixels = np.add.outer(np.arange(40), 3 * np.arange(40)).astype(np.uint8)[..., None].repeat(channels, 2)
    head, data = jpeg_uri(pixels).split(",")
    found = tf.io.decode_jpeg(base64.b64decode(data)).numpy()
    assert head == "data:image/jpeg;base64" and found.shape == pixels.shape
    assert np.abs(found.astype(int) - pixels).mean() < 3


def test_small_images_keep_their_pixels():
    image = np.random.default_rng(0).random((8, 8, 3))
    np.testing.assert_array_equal(thumbnail(image), (image * 255).round())


def test_large_images_become_block_means():
    blocks = np.random.default_rng(0).random((50, 50, 3))
    image = np.repeat(np.repeat(blocks, 4, 0), 4, 1)  # [200, 200, 3]: blocks of 4 bring it under 64.
    small = thumbnail(image)
    assert max(small.shape) <= THUMBNAIL
    np.testing.assert_allclose(small, blocks * 255, atol=0.51)


def test_out_of_range_and_nan_are_clipped():
    image = np.array([[[-1.0], [2.0], [np.nan]]])
    np.testing.assert_array_equal(thumbnail(image).ravel(), [0, 255, 0])


def test_odd_channels_are_shown_by_their_mean():
    np.testing.assert_array_equal(thumbnail(np.full((2, 2, 2), [0.0, 1.0])), np.full((2, 2, 1), 128))


def test_heat_map_shows_shares_as_opacity():
    pixels = heat_map(np.array([[3, 1], [0, 0]]), right=(1, 2, 3), wrong=(4, 5, 6))
    np.testing.assert_array_equal(pixels[0], [[1, 2, 3, round(0.75 * 255)], [4, 5, 6, round(0.5 * 255)]])
    np.testing.assert_array_equal(pixels[1, :, 3], [0, 0])


def test_a_sheet_has_every_image_at_its_place_enlarged_and_apart():
    rows = np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3, 1, 1, 1) * np.ones((1, 1, 8, 8, 3), np.float32)
    picture = sheet(rows)
    assert picture.shape == (2 * 66 + 2, 3 * 66 + 2, 3) and picture.dtype == np.uint8  # Eightfold, in lines of 2.
    places = picture[34::66, 34::66, 0]
    np.testing.assert_array_equal(places, (rows[:, :, 0, 0, 0] * 255).round())
    assert np.all(picture[:2] == 255) and np.all(picture[66:68] == 255) and np.all(picture[:, -2:] == 255)
    assert sheet(np.full((1, 1, 100, 100, 1), 2.0)).max() == 255
