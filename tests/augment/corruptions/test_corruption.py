"""The door: every corruption at every severity on any image, the same for the same seed, stronger when more severe."""

from __future__ import annotations

import functools
import pickle
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_digits

from supcon_tf.augment.corruptions.corruption import corrupted, corruption, is_published, label
from supcon_tf.augment.corruptions.frost import PUBLISHED
from supcon_tf.names import CORRUPTION_SCALES, CORRUPTIONS, SEVERITIES
from tests.augment.corruptions.samples import noise_image, photographs

RANDOM = {"gaussian_noise", "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "snow", "frost", "fog",
          "elastic_transform"}  # fmt: skip
SIDES = {"large": 224, "small": 32}


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("scale", CORRUPTION_SCALES)
@pytest.mark.parametrize("shape", [(32, 32, 3), (17, 40, 3), (1, 1, 3), (1, 1, 1), (2, 3, 3), (28, 28, 1)], ids=str)
def test_any_image_gives_one_of_its_shape(shape, scale, name):
    image = noise_image(*shape)
    before = image.copy()
    for severity in SEVERITIES:
        got = corruption(name, severity, scale=scale)(image, 3)
        assert got.shape == shape and got.dtype == np.uint8
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("scale", CORRUPTION_SCALES)
def test_images_of_imagenet_give_images_of_imagenet(scale, name):
    image = noise_image(224, 224)
    for severity in SEVERITIES:
        got = corruption(name, severity, scale=scale)(image, 3)
        assert got.shape == (224, 224, 3) and got.dtype == np.uint8 and (got != image).any()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_seed_decides_everything(name):
    image, corrupt = noise_image(32, 32), corruption(name, 3)
    first = corrupt(image, (1, 2))
    np.testing.assert_array_equal(corrupt(image, (1, 2)), first)
    np.testing.assert_array_equal(corrupt(np.asfortranarray(image), np.array([1, 2])), first)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(corrupt))(image, (1, 2)), first)
    for other in (1, (1, 3), (2, 2)):
        assert np.array_equal(corrupt(image, other), first) != (name in RANDOM)


# Of the 10 images of each name: both scales, severities 1 to 5. Every supported NumPy and SciPy gives these bits. JPEG
# is missing: its bits are those of the libjpeg in Pillow.
CHECKSUMS = {
    "gaussian_noise": 1391296275,
    "shot_noise": 1035055696,
    "impulse_noise": 2208010716,
    "defocus_blur": 2922750007,
    "glass_blur": 3212617656,
    "motion_blur": 2985164129,
    "zoom_blur": 2654287623,
    "snow": 2741627514,
    "frost": 110606672,
    "fog": 2003434237,
    "brightness": 550457573,
    "contrast": 3227203709,
    "elastic_transform": 3274318698,
    "pixelate": 1793467673,
}


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name != "jpeg_compression"])
def test_the_bits_are_the_same_everywhere(name):
    y, x, ch = np.mgrid[:40, :33, :3]
    image = ((y * 5 + x * 3 + 40 * ch + (x * y * (ch + 1)) // 7) % 256).astype(np.uint8)
    every = [corruption(name, s, scale=scale)(image, (4, 2)) for scale in CORRUPTION_SCALES for s in SEVERITIES]
    assert zlib.crc32(np.stack(every).tobytes()) == CHECKSUMS[name]


@functools.cache
def distances(name, scale):
    """Mean distance in levels from photographs, at each severity: [5]."""
    images = photographs(SIDES[scale], count=8 if scale == "small" else 2)
    every = [corrupted(images, name, severity, scale=scale) for severity in SEVERITIES]
    return np.array([np.abs(got.astype(float) - images).mean() for got in every])


# The published constants of the elastic deformation do not grow: "large" moves the three points of its affine map by up
# to 24 and 49 pixels at severities 1 and 2, by up to 5 at 3 to 5; "small" by 2.6 pixels at 1 and by ever less, to 1.0
# at 5. What grows is how rough the displacements are. At these severities the mean distance of photographs may fall.
FALLS = {
    ("elastic_transform", "large"): {3, 4, 5},
    ("elastic_transform", "small"): {2, 3, 4, 5},
}
# One image has another texture, cloud or direction at another severity: such a mean may fall by chance.
BY_CHANCE = {"frost": 0.25, "fog": 0.3, "snow": 0.1, "motion_blur": 0.1, "glass_blur": 0.1}


@pytest.mark.parametrize("scale", CORRUPTION_SCALES)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_distance_grows_with_the_severity(name, scale):
    far = distances(name, scale)
    for severity in SEVERITIES[1:]:
        if severity not in FALLS.get((name, scale), ()):
            assert far[severity - 1] > far[severity - 2] * (1 - BY_CHANCE.get(name, 0)), far
    if (name, scale) not in FALLS:
        assert far[4] > far[0]


def test_digits_become_harder_for_their_nearest_neighbour():
    """What it is all for: accuracy on corrupted images is below that on clean ones, and lowest where most severe."""
    digits = load_digits()
    pictures = [Image.fromarray((im * 15.9).astype(np.uint8)).resize((24, 24)) for im in digits.images[:600]]
    images = np.stack([np.asarray(picture)[..., None] for picture in pictures])
    train, test = images[:450].reshape(450, -1).astype(float), images[450:]

    def accuracy(tested):
        tested = tested.reshape(len(tested), -1).astype(float)
        nearest = ((tested[:, None] - train) ** 2).sum(-1).argmin(1)
        return (digits.target[:450][nearest] == digits.target[450:600]).mean()

    rates = [accuracy(corrupted(test, "gaussian_noise", s, scale="large")) for s in (1, 5)]
    blurred = accuracy(corrupted(test, "defocus_blur", 5, scale="large"))
    assert accuracy(test) > 0.9 and accuracy(test) + 0.02 > rates[0] > rates[1] and blurred < 0.5


def test_an_array_is_corrupted_image_by_image():
    images = np.stack([noise_image(12, 10, seed=n) for n in range(4)])
    got = corrupted(images, "impulse_noise", 4, scale="small", seed=9)
    for number, image in enumerate(images):
        np.testing.assert_array_equal(got[number], corruption("impulse_noise", 4, scale="small")(image, (9, number)))
    assert not np.array_equal(got, corrupted(images, "impulse_noise", 4, scale="small", seed=8))


def test_the_order_of_a_batch_is_irrelevant():
    images, order = np.stack([noise_image(12, 10, seed=n) for n in range(5)]), [3, 0, 4]
    whole = corrupted(images, "snow", 1)
    np.testing.assert_array_equal(corrupted(images[order], "snow", 1, numbers=order), whole[order])
    assert corrupted(images[:0], "snow", 1).shape == (0, 12, 10, 3)


def test_a_pipeline_gives_what_an_array_gives():
    images = np.stack([noise_image(12, 10, seed=n) for n in range(6)])
    corrupt = corruption("glass_blur", 2, scale="small")
    data = tf.data.Dataset.from_tensor_slices(images).enumerate()
    data = data.map(
        lambda number, x: tf.numpy_function(corrupt, [x, tf.stack([tf.constant(0, tf.int64), number])], tf.uint8),
        num_parallel_calls=3,
    )
    np.testing.assert_array_equal(
        np.stack(list(data.as_numpy_iterator())), corrupted(images, "glass_blur", 2, scale="small")
    )


def test_frost_is_published_with_the_textures_of_the_authors_only(tmp_path):
    assert all(is_published(name) and label(name) == name for name in CORRUPTIONS if name != "frost")
    assert not is_published("frost") and label("frost") == "frost (generated)"
    Image.new("RGB", (300, 300), (10, 20, 30)).save(tmp_path / "own.png")
    assert not is_published("frost", tmp_path) and label("frost", tmp_path) == "frost (own textures)"
    for name in PUBLISHED:
        Image.new("RGB", (300, 300), (10, 20, 30)).save(tmp_path / name)
    assert is_published("frost", tmp_path) and label("frost", tmp_path) == "frost"


@pytest.mark.parametrize("scale", CORRUPTION_SCALES)
def test_frost_takes_its_textures_from_the_folder(tmp_path, scale):
    Image.new("RGB", (300, 300), (100, 20, 200)).save(tmp_path / "own.png")
    image = np.zeros([24, 30, 3], np.uint8)
    got = corruption("frost", 1, scale=scale, frost_dir=tmp_path)(image, 0)
    share = {"large": 0.4, "small": 0.2}[scale]
    np.testing.assert_array_equal(got, image + np.array([100 * share, 20 * share, 200 * share], np.uint8))
    np.testing.assert_array_equal(
        corruption("fog", 1, frost_dir=tmp_path / "none")(image, 0), corruption("fog", 1)(image, 0)
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("gausian_noise", 1), r"`corruption` must be one of gaussian_noise, .*Did you mean 'gaussian_noise'\?"),
        (("jpeg", 1), "got 'jpeg'"),
        (("fog", 0), "`severity` must be a whole number from 1 to 5; got 0"),
        (("fog", 6), "from 1 to 5; got 6"),
        (("fog", 2.5), "from 1 to 5; got 2.5"),
        (("fog", "3"), "from 1 to 5; got '3'"),
        (("fog", [1]), r"from 1 to 5; got \[1\]"),
    ],
)
def test_what_there_is_not_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        corruption(*arguments)


def test_a_wrong_scale_array_or_numbering_is_refused(tmp_path):
    images = np.zeros([2, 4, 4, 3], np.uint8)
    with pytest.raises(ValueError, match=r"`scale` must be one of large, small; got 'smal'\. Did you mean 'small'"):
        corruption("fog", 1, scale="smal")
    with pytest.raises(
        ValueError, match=r"takes uint8 images \[n, height, width, ch\].*shape \(4, 4, 3\).*images\[None\]"
    ):
        corrupted(images[0], "fog", 1)
    with pytest.raises(ValueError, match=r"one integer an image, shape \(2,\); got shape \(3,\)"):
        corrupted(images, "fog", 1, numbers=[1, 2, 3])
    with pytest.raises(ValueError, match="take uint8 images"):
        corrupted(images / 255, "fog", 1)
    with pytest.raises(ValueError, match="no folder with pictures"):
        corrupted(images, "frost", 1, frost_dir=tmp_path)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_seed_that_is_none_is_refused_even_where_nothing_is_drawn(name):
    with pytest.raises(ValueError, match="The seed of a corruption is an integer"):
        corruption(name, 3)(noise_image(8, 8), "1")
