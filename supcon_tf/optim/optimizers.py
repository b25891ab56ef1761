"""Optimizers by name, with the constants of the paper's runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Union

import tensorflow as tf

from supcon_tf.names import OPTIMIZERS, OWN_DECAY, one_of
from supcon_tf.optim.lars import LARS


def build_optimizer(
    name: str,
    *,
    learning_rate: Union[float, tf.keras.optimizers.schedules.LearningRateSchedule],
    weight_decay: float = 0.0,
    undecayed: Sequence[tf.Variable] = (),
    rmsprop_epsilon: float = 1e-3,
) -> tf.keras.optimizers.Optimizer:
    """The optimizer called `name`; make it, and `build` it, inside `strategy.scope()`.

    "lars" is that of `lars.py` (You et al., 2017), with momentum 0.9; "momentum" and "nesterov" are SGD with momentum
    0.9; "rmsprop" has decay 0.9 and momentum 0.9 (its mean square starts at 0, as Keras does it, where TensorFlow 1
    started at 1); "adam" and "adamw" have the defaults of Keras.

    Args:
        name: one of `names.OPTIMIZERS`.
        learning_rate: number or schedule.
        weight_decay: decay of the optimizers in `names.OWN_DECAY`: "adamw" decouples it from the gradient (w -= rate
            weight_decay w), "lars" adds it to the gradient (g += weight_decay w). The others take the penalty of
            `weight_decay.py` into the loss.
        undecayed: variables that the optimizer's decay, and the adaptation of "lars", leave alone, such as those of
            batch norm.
        rmsprop_epsilon: what "rmsprop" adds to its mean square; the authors' linear stage has 1e-3, their default for
            the first stage is 1.

    Raises:
        ValueError: unknown name, or a decay for an optimizer that has none.

    Example:
        >>> build_optimizer("nesterov", learning_rate=0.1).get_config()["nesterov"]
        True
    """
    one_of("optimizer", name, OPTIMIZERS)
    if weight_decay and name not in OWN_DECAY:
        raise ValueError(
            f"optimizer '{name}' has no decay of its own; got weight_decay={weight_decay}. Add "
            f"`l2_penalty(decayed_variables(model), coefficient={weight_decay})` to the loss instead."
        )
    if name == "lars":
        return LARS(learning_rate, weight_decay=weight_decay, undecayed=undecayed)
    if name == "momentum":
        return tf.keras.optimizers.SGD(learning_rate, momentum=0.9)
    if name == "nesterov":
        return tf.keras.optimizers.SGD(learning_rate, momentum=0.9, nesterov=True)
    if name == "rmsprop":
        return tf.keras.optimizers.RMSprop(learning_rate, rho=0.9, momentum=0.9, epsilon=rmsprop_epsilon)
    if name == "adam":
        return tf.keras.optimizers.Adam(learning_rate)
    optimizer = tf.keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay(var_list=list(undecayed))
    return optimizer


def known_to_all(gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """This replica's gradients, the first of them NaN where any replica has one that is not finite.

    The loss scaling of Keras 3 asks the first replica alone, before gradients are summed, whether to leave an update
    out. That of Keras 2 asks for the sum.
    """
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
    context = tf.distribute.get_replica_context()
    broken = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(~finite, tf.float32))
    first, *others = gradients
    return [first + tf.cast(tf.where(broken > 0, math.nan, 0.0), first.dtype), *others]
