"""Colour: each change against Pillow and the standard library's colorsys, the jitter against a float64 loop."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image as pillow
from PIL import ImageEnhance as enhance

from supcon_tf.augment import color
from supcon_tf.augment.geometry import unit_range

FACTORS = [0.0, 0.3, 1.0, 1.7]


def random_image(size=12, channels=3, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (size, size, channels), dtype=np.uint8)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(
    "ours, theirs",
    [
        (color.multiply_brightness, "Brightness"),
        (color.grey_contrast, "Contrast"),
        (color.grey_saturation, "Color"),
    ],
)
def test_changes_equal_pillow(ours, theirs, factor):
    image = random_image()
    expected = np.asarray(getattr(enhance, theirs)(pillow.fromarray(image)).enhance(factor)) / 255
    got = np.stack(ours(tf.unstack(tf.constant(image / 255, tf.float32), axis=-1), factor), -1)
    np.testing.assert_allclose(got, expected, atol=1.8 / 255)  # Pillow rounds the grey and the result to whole levels.


def turn_hue(image, delta):
    result = np.empty_like(image)
    for place in np.ndindex(image.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*image[place])
        result[place] = colorsys.hsv_to_rgb((hue + delta) % 1.0, saturation, value)
    return result


def turn_saturation(image, factor):
    result = np.empty_like(image)
    for place in np.ndindex(image.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*image[place])
        result[place] = colorsys.hsv_to_rgb(hue, min(saturation * factor, 1.0), value)
    return result


def jitter_oracle(image, seed, strength, variant):
    """The jitter in float64 from the same nine draws."""
    draws = tf.random.stateless_uniform([9], seed).numpy().astype(np.float64)
    if draws[8] >= 0.8:
        return image
    low, high = max(0.0, 1 - 0.8 * strength), 1 + 0.8 * strength
    brightness, contrast, saturation = low + (high - low) * draws[:3]
    added = (2 * draws[0] - 1) * 0.8 * strength
    weights = np.array([0.299, 0.587, 0.114]) if image.shape[-1] == 3 else np.ones(1)
    torch = variant == "pytorch"
    for change in np.argsort(draws[4 : 4 + (4 if image.shape[-1] == 3 else 2)]):
        grey = (image @ weights)[..., None]
        if change == 0:
            image = brightness * image if torch else image + added
        elif change == 1:
            mean = grey.mean() if torch else image.mean((0, 1))
            image = contrast * image + (1 - contrast) * mean
        elif change == 2:
            image = saturation * image + (1 - saturation) * grey if torch else turn_saturation(image, saturation)
        else:
            image = turn_hue(image, 0.2 * strength * (2 * draws[3] - 1))
        image = np.clip(image, 0, 1)
    return image


@pytest.mark.parametrize("variant", color.JITTERS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strength", [0.5, 1.25])
def test_jitter_equals_the_loop(channels, strength, variant):
    image = random_image(8, channels)
    for number in range(25):
        seed = tf.constant([5, number])
        got = color.jitter(tf.constant(image), seed, strength=strength, variant=variant)
        np.testing.assert_allclose(got, jitter_oracle(image / 255, seed, strength, variant), atol=2e-5)


def test_an_unknown_jitter_is_refused():
    with pytest.raises(ValueError, match="`jitter` must be one of pytorch, simclr; got 'torch'"):
        color.jitter(tf.zeros([4, 4, 3]), tf.constant([0, 0]), strength=1.0, variant="torch")


def test_jitter_acts_in_every_order_and_four_times_of_five():
    image = tf.constant(random_image(4))
    jitter = tf.function(lambda number: color.jitter(image, tf.stack([1, number]), strength=0.5))
    untouched = sum(np.array_equal(jitter(tf.constant(n)), unit_range(image)) for n in range(300))
    assert 40 < untouched < 80
    orders = {tuple(np.argsort(tf.random.stateless_uniform([9], [1, n])[4:8])) for n in range(300)}
    assert len(orders) == 24


@pytest.mark.parametrize("channels", [1, 3])
def test_strength_zero_is_the_identity(channels):
    image = random_image(channels=channels)
    for number in range(5):
        got = color.jitter(tf.constant(image), tf.constant([0, number]), strength=0)
        np.testing.assert_array_equal(got, unit_range(tf.constant(image)))


def test_range_is_kept_at_the_highest_strength():
    image = tf.constant(random_image())
    for number in range(30):
        view = color.jitter(image, tf.constant([2, number]), strength=color.MAX_STRENGTH, probability=1.0)
        assert tf.reduce_min(view) >= 0 and tf.reduce_max(view) <= 1


@pytest.mark.parametrize("strength", [-0.1, 2.6])
def test_strength_out_of_range_is_refused(strength):
    with pytest.raises(ValueError, match=rf"strength must be between 0 and 2.5; got {strength}"):
        color.jitter(tf.zeros([4, 4, 3]), tf.constant([0, 0]), strength=strength)


def test_four_channels_are_refused():
    with pytest.raises(ValueError, match=r"1 or 3 channels; got shape \(4, 4, 4\)"):
        color.jitter(tf.zeros([4, 4, 4]), tf.constant([0, 0]), strength=1.0)


def test_grayscale_acts_in_one_of_five_and_leaves_grey_images_alone():
    image = tf.constant(random_image(4))
    grey = (image.numpy() / 255) @ [0.299, 0.587, 0.114]
    change = tf.function(lambda number: color.random_grayscale(image, tf.stack([9, number])))
    acted = 0
    for number in range(300):
        view = change(tf.constant(number)).numpy()
        if np.array_equal(view[..., 0], view[..., 1]):
            np.testing.assert_allclose(view, np.repeat(grey[..., None], 3, -1), atol=1e-6)
            acted += 1
        else:
            np.testing.assert_array_equal(view, unit_range(image))
    assert 40 < acted < 80
    single = tf.constant(random_image(channels=1))
    np.testing.assert_array_equal(
        color.random_grayscale(single, tf.constant([0, 0]), probability=1.0), unit_range(single)
    )


def test_whitening_by_its_own_moments_gives_zero_and_one():
    images = np.stack([random_image(seed=seed) for seed in range(4)])
    unit = images / 255
    white = color.whiten(tf.constant(images), mean=tuple(unit.mean((0, 1, 2))), std=tuple(unit.std((0, 1, 2)))).numpy()
    np.testing.assert_allclose(white.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(white.std((0, 1, 2)), 1, atol=1e-5)


def test_whitening_needs_a_value_a_channel():
    with pytest.raises(ValueError, match="one mean and std a channel, 3; got"):
        color.whiten(tf.zeros([2, 4, 4, 3]), mean=(0.5,), std=(0.5,))
