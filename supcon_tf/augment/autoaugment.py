"""AutoAugment (Cubuk et al., 2019): one of 25 learnt pairs of operations, drawn anew for every image."""

from __future__ import annotations

import functools

import tensorflow as tf

from supcon_tf import names
from supcon_tf.augment.operations import NUMBERS, in_turn, operate

# Rows of (operation, probability, level) twice. "imagenet" is policy v0 of the module that the authors' code imports.
SUB_POLICIES = {
    "imagenet": (
        (("Equalize", 0.8, 1), ("ShearY", 0.8, 4)),
        (("Color", 0.4, 9), ("Equalize", 0.6, 3)),
        (("Color", 0.4, 1), ("Rotate", 0.6, 8)),
        (("Solarize", 0.8, 3), ("Equalize", 0.4, 7)),
        (("Solarize", 0.4, 2), ("Solarize", 0.6, 2)),
        (("Color", 0.2, 0), ("Equalize", 0.8, 8)),
        (("Equalize", 0.4, 8), ("SolarizeAdd", 0.8, 3)),
        (("ShearX", 0.2, 9), ("Rotate", 0.6, 8)),
        (("Color", 0.6, 1), ("Equalize", 1.0, 2)),
        (("Invert", 0.4, 9), ("Rotate", 0.6, 0)),
        (("Equalize", 1.0, 9), ("ShearY", 0.6, 3)),
        (("Color", 0.4, 7), ("Equalize", 0.6, 0)),
        (("Posterize", 0.4, 6), ("AutoContrast", 0.4, 7)),
        (("Solarize", 0.6, 8), ("Color", 0.6, 9)),
        (("Solarize", 0.2, 4), ("Rotate", 0.8, 9)),
        (("Rotate", 1.0, 7), ("TranslateY", 0.8, 9)),
        (("ShearX", 0.0, 0), ("Solarize", 0.8, 4)),
        (("ShearY", 0.8, 0), ("Color", 0.6, 4)),
        (("Color", 1.0, 0), ("Rotate", 0.6, 2)),
        (("Equalize", 0.8, 4), ("Equalize", 0.0, 8)),
        (("Equalize", 1.0, 4), ("AutoContrast", 0.6, 2)),
        (("ShearY", 0.4, 7), ("SolarizeAdd", 0.6, 7)),
        (("Posterize", 0.8, 2), ("Solarize", 0.6, 10)),
        (("Solarize", 0.6, 8), ("Equalize", 0.6, 1)),
        (("Color", 0.8, 6), ("Rotate", 0.4, 5)),
    ),
    # Table 7 of the AutoAugment paper. There Solarize and Posterize grow stronger with the level, opposite to the
    # scale used here: their levels are written as those of the same effect, 10 - level and 2 bits (5 for 7).
    "cifar10": (
        (("Invert", 0.1, 7), ("Contrast", 0.2, 6)),
        (("Rotate", 0.7, 2), ("TranslateX", 0.3, 9)),
        (("Sharpness", 0.8, 1), ("Sharpness", 0.9, 3)),
        (("ShearY", 0.5, 8), ("TranslateY", 0.7, 9)),
        (("AutoContrast", 0.5, 8), ("Equalize", 0.9, 2)),
        (("ShearY", 0.2, 7), ("Posterize", 0.3, 5)),
        (("Color", 0.4, 3), ("Brightness", 0.6, 7)),
        (("Sharpness", 0.3, 9), ("Brightness", 0.7, 9)),
        (("Equalize", 0.6, 5), ("Equalize", 0.5, 1)),
        (("Contrast", 0.6, 7), ("Sharpness", 0.6, 5)),
        (("Color", 0.7, 7), ("TranslateX", 0.5, 8)),
        (("Equalize", 0.3, 7), ("AutoContrast", 0.4, 8)),
        (("TranslateY", 0.4, 3), ("Sharpness", 0.2, 6)),
        (("Brightness", 0.9, 6), ("Color", 0.2, 8)),
        (("Solarize", 0.5, 8), ("Invert", 0.0, 3)),
        (("Equalize", 0.2, 0), ("AutoContrast", 0.6, 0)),
        (("Equalize", 0.2, 8), ("Equalize", 0.6, 4)),
        (("Color", 0.9, 9), ("Equalize", 0.6, 6)),
        (("AutoContrast", 0.8, 4), ("Solarize", 0.2, 2)),
        (("Brightness", 0.1, 3), ("Color", 0.7, 0)),
        (("Solarize", 0.4, 5), ("AutoContrast", 0.9, 3)),
        (("TranslateY", 0.9, 9), ("TranslateY", 0.7, 9)),
        (("AutoContrast", 0.9, 2), ("Solarize", 0.8, 7)),
        (("Equalize", 0.8, 8), ("Invert", 0.1, 3)),
        (("TranslateY", 0.7, 9), ("AutoContrast", 0.9, 1)),
    ),
}


def auto_augment(image: tf.Tensor, seed: tf.Tensor, *, policy: str = "imagenet") -> tf.Tensor:
    """A random pair of operations of the policy, each with its own probability and level.

    Args:
        image: uint8 in [0, 255] or float in [0, 1], [S, S, ch], ch = 1 or 3.
        seed: int32 or int64 [2].
        policy: "imagenet" or "cifar10".

    Returns:
        [S, S, ch], uint8 as given, or float32 in [0, 1] on whole grey levels.

    Raises:
        ValueError: there is no such policy.
    """
    names.one_of("auto_policy", policy, names.AUTO_POLICIES)
    draws = tf.random.stateless_uniform([9], seed)  # 3 for the pair, 3 for each of its operations
    return operate(image, draws, functools.partial(_operations, policy=policy))


@tf.function(jit_compile=True, autograph=False)
def _operations(planes: tf.Tensor, draws: tf.Tensor, policy: str) -> tf.Tensor:
    return in_turn(planes, *_drawn_pair(draws[:3], policy), draws[3:])


def _drawn_pair(draws: tf.Tensor, policy: str) -> tuple[tf.Tensor, tf.Tensor]:
    """The two operations of an image, int32 [2], the identity where one does not act, and their levels, float32 [2].

    Args:
        draws: float32 [3] in [0, 1): of the pair, and of whether each of its operations acts.
        policy: "imagenet" or "cifar10".
    """
    rows = SUB_POLICIES[policy]
    numbers = tf.constant([[NUMBERS[name] for name, _, _ in row] for row in rows])  # [25, 2]
    probabilities = tf.constant([[probability for _, probability, _ in row] for row in rows], tf.float32)
    levels = tf.constant([[level for _, _, level in row] for row in rows], tf.float32)
    row = tf.cast(draws[0] * len(rows), tf.int32)
    # By gather: an index of a slice would have to be known to the compiler, which would compile each row anew.
    numbers, probabilities, levels = (tf.gather(table, row) for table in (numbers, probabilities, levels))
    return tf.where(draws[1:] < probabilities, numbers, NUMBERS["Identity"]), levels
