"""Few pixels and few bytes: against Pillow itself, and blocks that are their mean."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from supcon_tf.augment.corruptions import storage
from supcon_tf.augment.corruptions.constants import CONSTANTS
from tests.augment.corruptions.samples import flat_image, noise_image, photographs

SHARES = sorted({c for table in CONSTANTS.values() for (c,) in table["pixelate"]})
QUALITIES = sorted({c for table in CONSTANTS.values() for (c,) in table["jpeg_compression"]})


@pytest.mark.parametrize("channels", [1, 3])
def test_blocks_become_their_mean(channels):
    image = noise_image(8, 12, channels)
    got = storage.pixelate(image, None, 0.25)
    for y in range(0, 8, 4):
        for x in range(0, 12, 4):
            block = got[y : y + 4, x : x + 4].reshape(16, channels)
            assert (block == block[0]).all()
            assert np.abs(block[0] - image[y : y + 4, x : x + 4].reshape(16, channels).mean(0)).max() <= 1


@pytest.mark.parametrize("share", SHARES)
def test_as_many_columns_are_left_as_the_share_says(share):
    """Rounded down: 0.95 of 32 is 30."""
    gradient = np.arange(0, 256, 4, dtype=np.uint8)[None, ::2, None].repeat(32, 0)
    assert len(np.unique(storage.pixelate(gradient, None, share))) == int(32 * share)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_that_of_a_file(channels, quality):
    image = photographs(32, 1)[0][..., :channels]
    stored = io.BytesIO()
    Image.fromarray(image.squeeze()).save(stored, "JPEG", quality=quality)
    expected = np.asarray(Image.open(stored)).reshape(image.shape)
    got = storage.jpeg_compression(image, None, quality)
    np.testing.assert_array_equal(got, expected)
    assert got.flags.writeable and 0 < np.abs(got.astype(int) - image).mean() < 30


@pytest.mark.parametrize("share", SHARES)
def test_a_flat_image_stays(share):
    np.testing.assert_array_equal(storage.pixelate(flat_image(201), None, share), flat_image(201))
