"""Frost: windows of textures, the folder they come from, and the texture that is made without one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from supcon_tf.augment.corruptions import frost
from tests.augment.corruptions.samples import flat_image, noise_image, rounded_down


def save(folder, names, height=40, width=50):
    """A picture of noise for each name; returns them as arrays."""
    pictures = [noise_image(height, width, seed=number) for number in range(len(names))]
    for name, picture in zip(names, pictures):
        Image.fromarray(picture).save(folder / name)
    return pictures


def test_the_sum_has_both_shares():
    image, texture = noise_image(8, 9), noise_image(8, 9, seed=1)
    got = frost.frost(image, np.random.default_rng(0), 0.6, 0.75, textures=[texture])
    np.testing.assert_array_equal(got, rounded_down(0.6 * image + 0.75 * texture))


def test_a_grey_image_gets_the_luma():
    image, texture = noise_image(8, 9, 1), noise_image(8, 9, seed=1)
    got = frost.frost(image, np.random.default_rng(0), 1, 0.4, textures=[texture])
    luma = texture @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_array_equal(got, rounded_down(image + 0.4 * luma[..., None]))


def test_every_texture_and_every_place_but_the_last_comes_up():
    """As the authors' `randint(0, h - H)`, which leaves the last place out."""
    textures = [np.full([6, 5, 3], 16 * number, np.uint8) for number in range(5)]
    for texture in textures:
        texture[..., 0] += np.arange(30, dtype=np.uint8).reshape(6, 5)[:, :] % 16
    levels = {
        int(frost.frost(flat_image(0, 3, 3), np.random.default_rng(seed), 1, 1, textures=textures)[0, 0, 1])
        for seed in range(60)
    }
    assert levels == {0, 16, 32, 48, 64}
    places = np.arange(30, dtype=np.uint8).reshape(6, 5, 1)
    seen = {int(frost.window(places, 3, 3, np.random.default_rng(seed))[0, 0, 0]) for seed in range(100)}
    assert seen == {5 * row + column for row in range(3) for column in range(2)}


def test_a_small_texture_goes_on_as_its_mirror_image():
    texture = noise_image(3, 4)
    got = frost.window(texture, 5, 9, np.random.default_rng(0))
    np.testing.assert_array_equal(got[:, :4], np.concatenate([texture, texture[:0:-1]]))
    np.testing.assert_array_equal(got[:3, 4:8], texture[:, ::-1])


def test_the_five_published_textures_are_taken_and_the_sixth_is_not(tmp_path):
    pictures = save(tmp_path, [*frost.PUBLISHED, "frost6.jpg", "holiday.png"])
    textures = frost.load_textures(tmp_path)
    assert len(textures) == 5 and frost.has_published(tmp_path) and frost.has_published(str(tmp_path))
    np.testing.assert_array_equal(textures[1], pictures[1])  # frost2.png


def test_own_pictures_are_taken_in_order_of_their_names(tmp_path):
    pictures = save(tmp_path, ["b.PNG", "a.png"])
    (tmp_path / "notes.txt").write_text("none")
    textures = frost.load_textures(tmp_path)
    np.testing.assert_array_equal(textures, pictures[::-1])
    assert not frost.has_published(tmp_path) and not frost.has_published(None)


@pytest.mark.parametrize("height, width", [(40, 50), (41, 52), (43, 54), (2, 1)])
def test_for_small_images_every_fifth_pixel_is_kept(tmp_path, height, width):
    """OpenCV's linear scaling by 0.2 reads at 5 n + 2, which is a pixel."""
    (picture,) = save(tmp_path, ["a.png"], height, width)
    (texture,) = frost.load_textures(tmp_path, step=5)
    rows, columns = (list(range(2, side, 5)) or [0] for side in (height, width))
    np.testing.assert_array_equal(texture, picture[np.ix_(rows, columns)])
    if height >= 5:
        assert texture.shape[:2] == (round(height * 0.2), round(width * 0.2))


@pytest.mark.parametrize("name", ["empty", "missing", "file"])
def test_a_folder_without_pictures_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=rf"'.*{name}', but that is no folder with pictures in it. Put frost1.png,"):
        frost.load_textures(tmp_path / name)


def test_a_picture_that_is_none_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"broken.png' cannot be read as a picture: .*Replace it, or take it out"):
        frost.load_textures(tmp_path)


def test_the_generated_texture_has_ice_and_clear_glass():
    textures = np.stack([frost.generated(128, 96, np.random.default_rng(seed)) for seed in range(4)]).astype(float)
    assert textures.shape == (4, 128, 96, 3)
    assert 50 < textures.mean() < 140 and textures.min() < 60 and textures.max() > 200
    assert (textures[..., 2] >= textures[..., 0]).all()  # Bluish.
    assert np.abs(textures[0] - textures[1]).mean() > 20
