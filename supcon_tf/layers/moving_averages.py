"""Moving averages of batch norm: how fast they follow the moments of batches, and whether a `fit` is long enough."""

from __future__ import annotations

import warnings
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from supcon_tf.keras_generations import inner_layers

USUAL = 0.9  # momentum of the authors' code, and what is advised
STALE = 0.05  # share of their start in averages, up to which they are taken for what the training has made of them


def set_batch_norm_momentum(network: tf.keras.layers.Layer, momentum: float) -> None:
    """Says what share of themselves the moving averages of every batch norm in a network keep at a step.

    Batch norm (Ioffe & Szegedy, 2015, arXiv:1502.03167) has them for inference. The authors' code keeps 0.9. Many
    networks of `tf.keras.applications` keep 0.99 or 0.999: after s steps momentum^s of the averages is still what they
    began with, and features are worth nothing.

    Args:
        network: a layer or model; steps that are traced before do not see the change.
        momentum: from 0 to 1.

    Raises:
        ValueError: another momentum.

    Example:
        >>> network = tf.keras.Sequential([tf.keras.Input([2]), tf.keras.layers.BatchNormalization()])
        >>> set_batch_norm_momentum(network, 0.5)
        >>> _ = network(tf.constant([[4.0, 2.0], [4.0, 2.0]]), training=True)
        >>> network.layers[-1].moving_mean.numpy().tolist()
        [2.0, 1.0]
    """
    if not 0 <= momentum <= 1:
        raise ValueError(f"`momentum` must be from 0 to 1; got {momentum}.")
    for layer in batch_norms(network):
        layer.momentum = momentum


def batch_norms(network: tf.keras.layers.Layer) -> list[tf.keras.layers.BatchNormalization]:
    """Those inside a network, however deep."""
    return [layer for layer in inner_layers(network) if isinstance(layer, tf.keras.layers.BatchNormalization)]


def too_slow(network: tf.keras.layers.Layer, steps: int) -> str:
    """One sentence where averages that no batch has moved yet will not have caught up after so many steps; else "".

    Args:
        network: that is to be trained.
        steps: of the training.

    Example:
        >>> norm = tf.keras.layers.BatchNormalization(momentum=0.999)
        >>> network = tf.keras.Sequential([tf.keras.Input([2]), norm])
        >>> too_slow(network, 100)[:59]
        'of the moving averages of 1 batch norm 90 % will still be w'
        >>> set_batch_norm_momentum(network, 0.9)
        >>> too_slow(network, 100)
        ''
    """
    slow = [norm for norm in batch_norms(network) if norm.trainable and norm.momentum > USUAL and _is_at_start(norm)]
    slow = [norm for norm in slow if norm.momentum**steps > STALE]
    if not slow:
        return ""
    momentum, many = max(norm.momentum for norm in slow), "s" if len(slow) > 1 else ""
    return (
        f"of the moving averages of {len(slow)} batch norm{many} {100 * momentum**steps:.0f} % will still be what they "
        f"began with after the {steps} steps of this `fit`, since they keep {momentum:g} of themselves at a step. "
        "Inference computes with them, so features will be worth little, however well the loss falls. Before `fit`: "
        f"sc.layers.set_batch_norm_momentum(encoder, {USUAL})."
    )


def _is_at_start(norm: tf.keras.layers.BatchNormalization) -> bool:
    """Whether its averages are those of a new layer, and no checkpoint's."""
    if not norm.built or norm.moving_mean is None:
        return True
    return not np.any(norm.moving_mean.numpy()) and bool(np.all(norm.moving_variance.numpy() == 1))


class SlowAverages(tf.keras.callbacks.Callback):
    """Warns, as `fit` begins, of moving averages that will not have caught up when it ends.

    Args:
        network: whose; None: the model that is trained.

    Example:
        >>> layers = [tf.keras.Input([2]), tf.keras.layers.BatchNormalization(momentum=0.999), tf.keras.layers.Dense(1)]
        >>> model = tf.keras.Sequential(layers)
        >>> model.compile("sgd", "mse")
        >>> with warnings.catch_warnings(record=True) as heard:
        ...     warnings.simplefilter("always")
        ...     history = model.fit(tf.ones([4, 2]), tf.ones([4]), callbacks=[SlowAverages()], verbose=0)
        >>> sum("100 % will still be" in str(one.message) for one in heard)
        1
    """

    def __init__(self, network: Optional[tf.keras.layers.Layer] = None):
        super().__init__()
        self.network = network

    def on_train_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Warns where the number of steps is known and too small."""
        steps, epochs = self.params.get("steps"), self.params.get("epochs") or 1
        told = too_slow(self.network or self.model, steps * epochs) if steps else ""
        if told:
            warnings.warn(told, stacklevel=2)
