"""Moving averages that a `fit` is too short for: foreseen by their closed form, told, and mended by what is told."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import tensorflow as tf

import supcon_tf as sc
from supcon_tf.layers.moving_averages import STALE, batch_norms, too_slow

IMAGES = np.random.default_rng(0).uniform(size=[24, 6, 6, 3]).astype("float32")
LABELS = np.arange(24) % 3


def encoder_of(momentum):
    """A batch norm inside a model inside a model."""
    inner = tf.keras.Sequential(
        [tf.keras.Input([6, 6, 3]), tf.keras.layers.Conv2D(4, 3), tf.keras.layers.BatchNormalization(momentum=momentum)]
    )
    return tf.keras.Sequential([tf.keras.Input([6, 6, 3]), inner, tf.keras.layers.GlobalAveragePooling2D()])


def heard_in(function):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        function()
    return [str(one.message) for one in heard if "moving averages" in str(one.message)]


def fitted(encoder, epochs=2, batch_size=12, **how):
    model = sc.SupConModel(encoder, projection=(4,), augment=sc.TwoViews("crop_flip", size=6))
    model.compile("sgd")
    return lambda: model.fit(IMAGES, LABELS, epochs=epochs, batch_size=batch_size, verbose=0, **how)


@pytest.mark.parametrize("momentum, steps", [(0.999, 120), (0.99, 100), (0.95, 58)])
def test_the_share_that_is_told_is_the_share_that_is_left(momentum, steps):
    """Closed form, and the layer itself on batches of constant mean 1: its average is 1 - momentum^steps then."""
    encoder = encoder_of(momentum)
    told = int(re.search(r"(\d+) % will still", too_slow(encoder, steps)).group(1))
    norm = tf.keras.layers.BatchNormalization(momentum=momentum)
    for _ in range(steps):
        norm(tf.ones([8, 2]), training=True)
    assert told == round(100 * (1 - float(norm.moving_mean[0]))) > 100 * STALE - 1


def test_nothing_is_told_of_averages_that_have_time_or_a_past_or_no_part():
    assert too_slow(encoder_of(0.95), 59) == "" and too_slow(encoder_of(0.95), 58) != ""
    assert too_slow(encoder_of(0.9), 1) == ""  # there is nothing to advise
    trained, frozen = encoder_of(0.999), encoder_of(0.999)
    trained(IMAGES, training=True)  # as those of a checkpoint, its averages are no longer those of a new layer
    frozen.trainable = False
    assert too_slow(trained, 10) == too_slow(frozen, 10) == ""
    assert too_slow(tf.keras.layers.Dense(2), 10) == ""


def test_a_momentum_is_set_however_deep_the_layer():
    encoder = encoder_of(0.999)
    sc.layers.set_batch_norm_momentum(encoder, 0.8)
    assert [norm.momentum for norm in batch_norms(encoder)] == [0.8]
    with pytest.raises(ValueError, match="from 0 to 1; got 9"):
        sc.layers.set_batch_norm_momentum(encoder, 9)


def test_a_fit_tells_as_it_begins_and_not_where_the_advice_was_taken():
    encoder = encoder_of(0.999)
    (told,) = heard_in(fitted(encoder))
    assert "100 % will still be what they began with after the 4 steps" in told
    advised = encoder_of(0.999)
    sc.layers.set_batch_norm_momentum(advised, 0.9)
    assert heard_in(fitted(advised)) == []


@pytest.mark.slow
def test_callbacks_of_the_user_are_called_too():
    seen = []
    watch = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted(encoder_of(0.9), callbacks=[watch])()
        fitted(encoder_of(0.9), callbacks=watch)()
    assert seen == [0, 1, 0, 1]


def test_features_that_are_all_equal_are_told_where_they_are_measured():
    encoder = tf.keras.Sequential([tf.keras.Input([6, 6, 3]), tf.keras.layers.Flatten(), tf.keras.layers.Dense(4)])
    encoder.layers[-1].kernel.assign(tf.zeros_like(encoder.layers[-1].kernel))
    encoder.layers[-1].bias.assign(tf.ones([4]))
    split = (IMAGES, LABELS)
    for measure in (sc.evaluation.linear, lambda *of: sc.evaluation.nearest_neighbours(*of, neighbours=3)):
        told = heard_in(lambda measure=measure: measure(encoder, split, split))
        assert "features of all 24 images of `train` are equal" in told[0] and "set_batch_norm_momentum" in told[0]
    assert heard_in(lambda: sc.evaluation.linear(tf.keras.layers.Flatten(), split, split)) == []
