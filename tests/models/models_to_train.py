"""Models of a few weights, and images for them."""

from __future__ import annotations

import contextlib

import numpy as np
import tensorflow as tf

from supcon_tf.layers.heads import ProjectionHead
from supcon_tf.layers.normalization import batch_norm
from supcon_tf.models.supcon_model import SupConModel

VIEWS = np.random.default_rng(0).uniform(size=[22, 2, 6, 6, 1]).astype("float32")
LABELS = np.arange(22) % 3


def small(*, norm: bool = True, penalty: float = 0.0, **arguments) -> SupConModel:
    """One convolution, and a head of two layers, with or without batch norm; the same weights at every call."""
    tf.keras.utils.set_random_seed(0)
    regularizer = tf.keras.regularizers.L2(penalty) if penalty else None
    layers = [
        tf.keras.Input([6, 6, 1]),
        tf.keras.layers.Conv2D(6, 3, strides=2, use_bias=False, kernel_regularizer=regularizer),
        *([batch_norm(cross_replica=True)] if norm else []),
        tf.keras.layers.ReLU(),
        tf.keras.layers.GlobalAveragePooling2D(),
    ]
    head = ProjectionHead((8, 4), last_batch_norm=norm, name="projection")
    return SupConModel(tf.keras.Sequential(layers), **{"projection": head, **arguments})


def fitted(strategy=None, *, images: int = 16, **arguments) -> tuple[list, dict]:
    """All weights, and what was shown, after an epoch in batches of 8."""
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = small(**arguments)
        model.compile(tf.keras.optimizers.SGD(0.2))
    data = tf.data.Dataset.from_tensor_slices((VIEWS[:images], LABELS[:images]))
    data = data.batch(8, drop_remainder=model.microbatches > 1)
    history = model.fit(data, epochs=1, verbose=0).history
    return model.get_weights(), {name: values[0] for name, values in history.items()}
