"""The operations of AutoAugment and RandAugment by name, on their common scale of levels from 0 to 10.

The scale is that of the TensorFlow Model Garden's module, which the authors' code imports, but for three constants that
cannot be meant as written; see `TRANSLATE`, `CUTOUT` and `_posterize`.
"""

from __future__ import annotations

import functools

import tensorflow as tf

from supcon_tf.augment import affine, tones
from supcon_tf.augment.geometry import unit_range

MAX_LEVEL = 10.0
# Shares of the side at level 10. The module counts pixels of a 224 x 224 image, whatever the image: translations of
# RandAugment go to 100 and cutouts to 40, which would blank a CIFAR image; AutoAugment's to 250, out of a 224 image.
# The AutoAugment paper has 150 of 331 pixels, the same share as 100 of 224 to a percent.
TRANSLATE = 100 / 224
CUTOUT = 40 / 224


def _enhance(change):
    """Factor 0.1 at level 0, 1.9 at level 10."""
    return lambda image, level, sign, centre: change(image, 0.18 * level + 0.1)


def _plain(change):
    """An operation without a level."""
    return lambda image, level, sign, centre: change(image)


def _signed(change, step: float):
    """`step` for each level, to either side."""
    return lambda image, level, sign, centre: change(image, sign * level * step)


def _translate(change, axis: int):
    def translate(image, level, sign, centre):
        return change(image, tf.cast(sign * _share(image, level, TRANSLATE, axis), tf.int32))

    return translate


def _posterize(image, level, sign, centre):
    """int(0.4 level) bits, at least 1: the module's 0 bits below level 2.5 would leave black images."""
    return tones.posterize(image, tf.maximum(tf.cast(0.4 * level, tf.int32), 1))


def _solarize(image, level, sign, centre):
    return tones.solarize(image, tf.cast(25.6 * level, tf.int32))


def _solarize_add(image, level, sign, centre):
    return tones.solarize_add(image, tf.cast(11.0 * level, tf.int32))


def _cutout(image, level, sign, centre):
    return affine.cutout(image, tf.cast(_share(image, level, CUTOUT, 0), tf.int32), centre)


def _share(image: tf.Tensor, level: tf.Tensor, most: float, axis: int) -> tf.Tensor:
    """Pixels along an axis at this level when level 10 is the share `most`."""
    return tf.cast(tf.shape(image)[1 + axis], tf.float32) * level * (most / MAX_LEVEL)


# Functions of (image uint8 [ch, S, S], level float32 [], sign -1 or 1 float32 [], centre float32 [2] in [0, 1)).
OPERATIONS = {
    "AutoContrast": _plain(tones.autocontrast),
    "Equalize": _plain(tones.equalize),
    "Invert": _plain(tones.invert),
    "Rotate": _signed(affine.rotate, 3.0),
    "Posterize": _posterize,
    "Solarize": _solarize,
    "Color": _enhance(tones.saturation),
    "Contrast": _enhance(tones.contrast),
    "Brightness": _enhance(tones.brightness),
    "Sharpness": _enhance(tones.sharpness),
    "ShearX": _signed(affine.shear_x, 0.03),
    "ShearY": _signed(affine.shear_y, 0.03),
    "TranslateX": _translate(affine.translate_x, 1),
    "TranslateY": _translate(affine.translate_y, 0),
    "Cutout": _cutout,
    "SolarizeAdd": _solarize_add,
    "Identity": _plain(lambda image: image),
}
NUMBERS = {name: number for number, name in enumerate(OPERATIONS)}


def operate(image: tf.Tensor, draws: tf.Tensor, program) -> tf.Tensor:
    """An image through a compiled program that ends in `in_turn`; channel by channel, its arithmetic is fast.

    Args:
        image: uint8 in [0, 255] or float in [0, 1], [S, S, ch], ch = 1 or 3. A program is compiled for each S and ch.
        draws: float32 [n] in [0, 1), all that is random.
        program: function of (channels uint8 [ch, S, S] or float32, draws), which returns such channels.

    Returns:
        [S, S, ch], uint8 as given, or float32 in [0, 1] on whole grey levels.
    """
    return tf.ensure_shape(tf.transpose(program(tf.transpose(image, [2, 0, 1]), draws), [1, 2, 0]), image.shape)


def in_turn(planes: tf.Tensor, numbers: tf.Tensor, levels: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Operations by number, one after the other, each to a random side and at a random place where it has one.

    To be compiled: it takes a fraction of the time of the operations one by one.

    Args:
        planes: uint8 in [0, 255] or float in [0, 1], [ch, S, S].
        numbers: int32 [layers], of `NUMBERS`.
        levels: float32 [layers], 0 to 10.
        draws: float32 [3 * layers] in [0, 1): a side and a place for each layer.

    Returns:
        [ch, S, S], uint8 as given, or float32 in [0, 1] on whole grey levels.
    """
    draws = tf.reshape(draws, [-1, 3])
    signs = tf.where(draws[:, 0] < 0.5, -1.0, 1.0)

    def operate_next(layer: tf.Tensor, planes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        arguments = planes, levels[layer], signs[layer], draws[layer, 1:]
        branches = [functools.partial(change, *arguments) for change in OPERATIONS.values()]
        return layer + 1, tf.switch_case(numbers[layer], branches)

    whole = planes if planes.dtype == tf.uint8 else tf.cast(unit_range(planes) * 255.0 + 0.5, tf.uint8)
    _, whole = tf.while_loop(lambda layer, _: layer < numbers.shape[0], operate_next, [0, whole])
    return whole if planes.dtype == tf.uint8 else unit_range(whole)
