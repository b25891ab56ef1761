"""A `fit` of one layer in plain Keras, for callbacks to look at."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from supcon_tf.losses.supcon import SupConLoss

FEATURES = np.random.default_rng(0).normal(size=[24, 6]).astype("float32") + np.repeat(np.eye(6)[:3] * 4, 8, 0)
LABELS = np.repeat([0, 1, 2], 8)
SPLIT = (FEATURES.astype("float32"), LABELS)


def encoder_and_model(rate: float = 0.1, start="glorot_uniform"):
    """An encoder [B, 6] to [B, 4], and a model of views [B, 2, 6] around it, compiled."""
    encoder = tf.keras.Sequential(
        [tf.keras.Input([6]), tf.keras.layers.Dense(4, use_bias=False, kernel_initializer=start)]
    )
    views = tf.keras.Input([2, 6])
    model = tf.keras.Model(views, tf.keras.layers.TimeDistributed(encoder)(views))
    model.compile(tf.keras.optimizers.SGD(rate), SupConLoss(0.1))
    return encoder, model


def fit(model, *callbacks, epochs: int = 2, **how):
    """What `fit` shows."""
    views = np.stack([SPLIT[0], SPLIT[0] + 0.01], 1)
    return model.fit(views, LABELS, batch_size=12, epochs=epochs, verbose=0, callbacks=list(callbacks), **how).history
