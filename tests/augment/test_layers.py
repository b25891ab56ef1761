"""Augmentation on the device: the batch that comes out is the one that the host makes image by image."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.augment import blur, color
from supcon_tf.augment.layers import ColorJitter, GaussianBlur

SEEDS = tf.constant([[3, number] for number in range(24)])


def images(channels=3, side=12):
    return tf.constant(np.random.RandomState(0).randint(0, 256, (len(SEEDS), side, side, channels), dtype=np.uint8))


@pytest.mark.parametrize("channels, variant, strength", [(3, "pytorch", 0.5), (3, "simclr", 1.0), (1, "pytorch", 1.0)])
def test_jitter_is_that_of_the_host(channels, variant, strength):
    batch = images(channels)
    expected = [color.jitter(x, seed, strength=strength, variant=variant) for x, seed in zip(batch, SEEDS)]
    got = ColorJitter(strength=strength, variant=variant)(batch, SEEDS)
    np.testing.assert_allclose(got, tf.stack(expected), atol=1e-5)
    assert len({bytes(view.numpy()) for view in got - tf.stack(got[:1])}) == len(SEEDS)


def test_blur_is_that_of_the_host():
    batch = images(side=30)
    expected = [blur.random_blur(x, seed, taps=3) for x, seed in zip(batch, SEEDS)]
    np.testing.assert_allclose(GaussianBlur()(batch, SEEDS), tf.stack(expected), atol=1e-6)
    expected = [blur.random_blur(x, seed, taps=9, probability=1.0) for x, seed in zip(batch, SEEDS)]
    got = GaussianBlur(taps=9, probability=1.0)(batch, SEEDS)
    np.testing.assert_allclose(got, tf.stack(expected), atol=1e-6)


def test_strength_and_probability_zero_are_the_identity():
    batch = images()
    np.testing.assert_array_equal(ColorJitter(strength=0.0)(batch, SEEDS), color.unit_range(batch))
    np.testing.assert_array_equal(ColorJitter(strength=1.0, probability=0.0)(batch, SEEDS), color.unit_range(batch))
    np.testing.assert_array_equal(GaussianBlur(probability=0.0)(batch, SEEDS), color.unit_range(batch))


def test_layers_are_made_again_from_their_config():
    for layer in (ColorJitter(strength=0.7, probability=0.1, variant="simclr"), GaussianBlur(probability=0.3, taps=5)):
        again = type(layer).from_config(layer.get_config())
        np.testing.assert_array_equal(again(images(), SEEDS), layer(images(), SEEDS))


def test_what_is_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"between 0 and 2.5; got 3"):
        ColorJitter(strength=3.0)
    with pytest.raises(ValueError, match="`jitter` must be one of pytorch, simclr; got 'torch'"):
        ColorJitter(strength=1.0, variant="torch")
    with pytest.raises(ValueError, match=r"odd number of taps.*got 4"):
        GaussianBlur(taps=4)
