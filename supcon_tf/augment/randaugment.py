"""RandAugment (Cubuk et al., 2020): a few operations drawn at random, all at one magnitude."""

from __future__ import annotations

import functools

import tensorflow as tf

from supcon_tf.augment.operations import MAX_LEVEL, OPERATIONS, in_turn, operate


def rand_augment(image: tf.Tensor, seed: tf.Tensor, *, layers: int = 2, magnitude: float = 10.0) -> tf.Tensor:
    """`layers` operations in turn, each drawn from the 16 and the identity with equal chances, as in the authors' code.

    Args:
        image: uint8 in [0, 255] or float in [0, 1], [S, S, ch], ch = 1 or 3.
        seed: int32 or int64 [2].
        layers: operations, at least 0.
        magnitude: level of all operations, 0 to 10. Levels of Posterize and Solarize count the other way: at 10
            Solarize changes nothing.

    Returns:
        [S, S, ch], uint8 as given, or float32 in [0, 1] on whole grey levels.

    Raises:
        ValueError: `layers` or `magnitude` is out of range.
    """
    check_layers(layers, magnitude)
    if layers == 0:
        return image
    program = functools.partial(_operations, layers=layers, magnitude=float(magnitude))
    draws = tf.random.stateless_uniform([4 * layers], seed)  # an operation, a side and a place for each layer
    return operate(image, draws, program)


def check_layers(layers: int, magnitude: float) -> None:
    """Raises ValueError where `rand_augment` refuses its arguments."""
    if layers < 0:
        raise ValueError(f"RandAugment needs 0 or more layers; got {layers}.")
    if not 0 <= magnitude <= MAX_LEVEL:
        raise ValueError(f"RandAugment's magnitude must be between 0 and {MAX_LEVEL:g}; got {magnitude}.")


@tf.function(jit_compile=True, autograph=False)
def _operations(planes: tf.Tensor, draws: tf.Tensor, layers: int, magnitude: float) -> tf.Tensor:
    numbers = tf.cast(draws[:layers] * len(OPERATIONS), tf.int32)
    return in_turn(planes, numbers, tf.fill([layers], tf.constant(magnitude, tf.float32)), draws[layers:])
