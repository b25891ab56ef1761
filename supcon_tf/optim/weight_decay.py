"""Which variables decay, and coupled weight decay: an L2 penalty, which the loss adds.

Kernels, biases and batch norm are told apart by the type of their layer. Names do not decide, so that renaming a layer
changes no training run.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from supcon_tf.keras_generations import inner_layers
from supcon_tf.names import DECAYED, one_of

_LAYERS = tf.keras.layers
_LINEAR = (_LAYERS.Conv1D, _LAYERS.Conv2D, _LAYERS.Conv3D, _LAYERS.DepthwiseConv2D, _LAYERS.SeparableConv2D,
           _LAYERS.Dense, _LAYERS.EinsumDense)  # fmt: skip
_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")  # whichever of these a linear layer has
_NORM = tf.keras.layers.BatchNormalization


def decayed_variables(model: tf.keras.layers.Layer, *, kinds: Sequence[str] = ("kernels",)) -> list:
    """The variables of some kinds in `model`, at any depth, each once.

    Args:
        model: a built layer or model. Layers whose `trainable` is False are passed over.
        kinds: of `DECAYED`: "kernels" and "biases" of convolutions, depthwise and separable ones too, and dense layers;
            "batch_norm" its gamma and beta.
            The authors' code decays kernels and biases.

    Returns:
        List of variables, in the order of the layers.

    Raises:
        ValueError: a layer has no weights yet, or an unknown kind.
    """
    for kind in kinds:
        one_of("kinds", kind, DECAYED)
    found = {}
    for layer in inner_layers(model):
        if not isinstance(layer, (*_LINEAR, _NORM)) or not layer.trainable:
            continue
        if not layer.built:
            raise ValueError(f"layer '{layer.name}' has no weights yet: build '{model.name}' or call it once before.")
        found.update({id(variable): variable for kind, variable in _by_kind(layer) if kind in kinds})
    return list(found.values())


def _by_kind(layer) -> list[tuple[str, object]]:
    """(kind, variable) of a layer; nothing for what it does without."""
    if isinstance(layer, _NORM):
        pairs = [("batch_norm", layer.gamma), ("batch_norm", layer.beta)]
    else:
        pairs = [*(("kernels", getattr(layer, name, None)) for name in _KERNELS), ("biases", layer.bias)]
    return [(kind, variable) for kind, variable in pairs if variable is not None]


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
