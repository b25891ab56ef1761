"""Coupled weight decay: an L2 penalty on kernels, which the loss adds.

Kernels are found by the type of their layer. Names do not decide, so that renaming a layer changes no training run,
and batch norm is never decayed.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

_DECAYED_LAYERS = (tf.keras.layers.Conv2D, tf.keras.layers.Dense)


def decayed_variables(model: tf.keras.layers.Layer, *, biases: bool = False) -> list:
    """The kernels of all convolutions and dense layers in `model`, at any depth, each once.

    Args:
        model: a built layer or model. Layers whose `trainable` is False are passed over.
        biases: the biases of those layers too, as the authors' code has it.

    Returns:
        List of variables, in the order of the layers.

    Raises:
        ValueError: a layer has no weights yet.
    """
    found = {}
    # Private, but the one walk over layers in layers, lists of them included, that both Keras generations have.
    for layer in model._flatten_layers():
        if not isinstance(layer, _DECAYED_LAYERS) or not layer.trainable:
            continue
        if not layer.built:
            raise ValueError(f"layer '{layer.name}' has no weights yet: build '{model.name}' or call it once before.")
        chosen = [layer.kernel, layer.bias] if biases and layer.use_bias else [layer.kernel]
        found.update({id(variable): variable for variable in chosen})
    return list(found.values())


def l2_penalty(variables: Sequence, *, coefficient: float) -> tf.Tensor:
    """coefficient x sum of 1/2 ||w||^2; its gradient is coefficient x w.

    It is the same on every replica: a training step whose optimizer sums over R replicas adds 1/R of it.

    Args:
        variables: float, any shapes; none gives 0.
        coefficient: the weight decay, >= 0.

    Returns:
        float32 scalar.

    Raises:
        ValueError: `coefficient` is negative.
    """
    if coefficient < 0:
        raise ValueError(f"`coefficient` must be >= 0; got {coefficient}.")
    total = tf.zeros([], tf.float32)
    for variable in variables:
        total += tf.nn.l2_loss(tf.cast(variable, tf.float32))
    return coefficient * total
