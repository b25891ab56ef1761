"""Levels in and out: rounded down as published, whole levels stay, wrong images are told what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from supcon_tf.augment.corruptions import levels
from tests.augment.corruptions.samples import noise_image

EVERY = np.arange(256, dtype=np.uint8)


def test_every_level_survives_the_way_in_and_out():
    np.testing.assert_array_equal(levels.level_below(levels.unit(EVERY)), EVERY)
    np.testing.assert_array_equal(levels.level_in_png(levels.unit(EVERY)), EVERY)


@pytest.mark.parametrize("error", [-1e-13, 1e-13])
def test_rounding_errors_take_no_level(error):
    np.testing.assert_array_equal(levels.level_below(levels.unit(EVERY) + error), EVERY)


def test_fractions_are_dropped():
    """As `np.uint8(values)` of the published images; the nearest level would be another in half of all cases."""
    values = np.random.RandomState(0).rand(10_000)
    np.testing.assert_array_equal(levels.level_below(values), (values * 255).astype(np.uint8))


def test_sixteen_bits_come_between_imagemagick_and_its_png():
    """In steps of 257 of 65535: a value within half a 65535th below a level is that level."""
    values = np.random.RandomState(0).rand(10_000)
    expected = [int(np.rint(value * 65535)) // 257 for value in values]
    np.testing.assert_array_equal(levels.level_in_png(values), expected)
    assert (levels.level_in_png(levels.unit(EVERY[1:]) - 0.49 / 65535) == EVERY[1:]).all()
    assert (levels.level_in_png(levels.unit(EVERY[1:]) - 0.51 / 65535) == EVERY[1:] - 1).all()


def test_grey_is_the_luma_of_pillow():
    image = noise_image()
    expected = np.asarray(Image.fromarray(image).convert("L"))[..., None]
    assert np.abs(levels.grey(levels.unit(image)) * 255 - expected).max() < 0.51
    assert levels.grey(levels.unit(image[..., :1])).shape == (9, 11, 1)


@pytest.mark.parametrize("image", [np.zeros([4, 4, 3], np.float32), np.zeros([4, 4, 3], np.int64)])
def test_other_types_are_refused(image):
    with pytest.raises(ValueError, match=rf"take uint8 images in \[0, 255\]; got {image.dtype}.*Multiply"):
        levels.require_image(image)


@pytest.mark.parametrize("shape", [(4, 4), (2, 4, 4, 3), (4, 4, 2), (4, 4, 4), (0, 4, 3), (4, 0, 1)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="1 or 3 channels and at least one pixel; got shape") as raised:
        levels.require_image(np.zeros(shape, np.uint8))
    assert str(shape) in str(raised.value)
