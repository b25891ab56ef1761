"""What AutoAugment and RandAugment do to the values of pixels, on uint8 images as Pillow does it.

Every function takes an image as channels uint8 [ch, height, width], ch = 1 or 3, and returns one of the same shape and
type; channel by channel, arithmetic runs along whole rows. Tables and blends are Pillow's to the grey level: `ImageOps`
and `ImageEnhance` are the definition of these operations.
"""

from __future__ import annotations

import math

import tensorflow as tf


def invert(image: tf.Tensor) -> tf.Tensor:
    """White becomes black."""
    return 255 - image


def posterize(image: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Keeps the `bits` highest bits of each value, int32 [], 1 to 8."""
    return tf.bitwise.bitwise_and(image, tf.cast(256 - tf.bitwise.left_shift(1, 8 - bits), tf.uint8))


def solarize(image: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Inverts the values from `threshold` up, int32 [], 0 to 256; 256 changes nothing."""
    return tf.where(tf.cast(image, tf.int32) >= threshold, 255 - image, image)


def solarize_add(image: tf.Tensor, addition: tf.Tensor) -> tf.Tensor:
    """Adds `addition`, int32 [], to the values below 128; the sum stays within 0 and 255."""
    values = tf.cast(image, tf.int32)
    return tf.cast(tf.where(values < 128, tf.clip_by_value(values + addition, 0, 255), values), tf.uint8)


def autocontrast(image: tf.Tensor) -> tf.Tensor:
    """Stretches each channel so that its darkest value is 0 and its brightest 255; a flat channel stays as it is."""
    low = tf.cast(tf.reduce_min(image, [1, 2], keepdims=True), tf.float64)  # [ch, 1, 1]
    high = tf.cast(tf.reduce_max(image, [1, 2], keepdims=True), tf.float64)
    scale = tf.math.divide_no_nan(tf.constant(255.0, tf.float64), high - low)
    stretched = _product(tf.cast(image, tf.float64), scale) - _product(low, scale)
    return tf.where(high > low, tf.cast(tf.clip_by_value(stretched, 0.0, 255.0), tf.uint8), image)


def equalize(image: tf.Tensor) -> tf.Tensor:
    """Spreads the values of each channel so that every grey level is about equally frequent."""
    channels = image.shape[0]
    places = tf.cast(image, tf.int32) + 256 * tf.range(channels)[:, None, None]
    counts = tf.reshape(_count(tf.reshape(places, [-1]), 256 * channels), [channels, 256])
    filled = tf.where(counts > 0, tf.range(256), 0)
    brightest = tf.gather(counts, tf.reduce_max(filled, 1), axis=1, batch_dims=1)[:, None]  # [ch, 1]
    step = (tf.reduce_sum(counts, 1, keepdims=True) - brightest) // 255
    darker = tf.cumsum(counts, axis=1, exclusive=True)  # pixels below each level, [ch, 256]
    # In float64, exact for whole numbers, because compilers do divisions of integers one by one.
    table = tf.cast(tf.cast(darker + step // 2, tf.float64) / tf.cast(tf.maximum(step, 1), tf.float64), tf.int32)
    table = tf.minimum(table, 255)
    table = tf.where(step > 0, table, tf.range(256))
    return tf.gather(tf.cast(tf.reshape(table, [-1]), tf.uint8), places)


def brightness(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend with black, factor float32 []: 0 is black, 1 the image, beyond 1 brighter."""
    return _blend(tf.constant(0.0), image, factor)


def contrast(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend with the image's mean grey, factor float32 [].

    The authors' module takes the number of pixels over 256 for the mean, 196 at 224 x 224; this is the mean.
    """
    mean = tf.reduce_mean(tf.cast(_luma(image), tf.float64))
    return _blend(tf.cast(tf.floor(mean + 0.5), tf.float32), image, factor)


def saturation(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend with the grey image, factor float32 []; what the policies call Color."""
    return _blend(tf.cast(_luma(image), tf.float32), image, factor)


def sharpness(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend with a smoothed image (3 x 3, the centre counts five times; the border stays), factor float32 []."""
    padded = tf.cast(tf.pad(image, [[0, 0], [1, 1], [1, 1]]), tf.int32)
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]  # [ch, height, width + 2]
    around = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * padded[:, 1:-1, 1:-1]
    smooth = tf.floor(tf.cast(2 * around + 13, tf.float32) * (1 / 26))  # around / 13 to the nearest level
    inside = [(places > 0) & (places < places[-1]) for places in map(tf.range, tf.unstack(tf.shape(image)[1:]))]
    return tf.where(inside[0][:, None] & inside[1], _blend(smooth, image, factor), image)


def _luma(image: tf.Tensor) -> tf.Tensor:
    """Grey level by ITU-R BT.601 in Pillow's fixed point: int32 [1, height, width]."""
    values = tf.cast(image, tf.int32)
    if image.shape[0] == 1:
        return values
    weighted = 19595 * values[:1] + 38470 * values[1:2] + 7471 * values[2:]
    return tf.bitwise.right_shift(weighted + 0x8000, 16)


@tf.function(jit_compile=True, autograph=False)
def _count(places: tf.Tensor, length: int) -> tf.Tensor:
    """How often each number below `length` stands in int32 [n]: int32 [length]."""
    group = math.gcd(8, places.shape[0])  # Twice as fast as one number in each turn of the loop, or one scatter of all.
    groups = tf.reshape(places, [-1, group])

    def add_group(turn: tf.Tensor, counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for place in tf.unstack(groups[turn]):
            counts = tf.tensor_scatter_nd_add(counts, place[None, None], [1])
        return turn + 1, counts

    counts = tf.zeros([length], tf.int32)
    return tf.while_loop(lambda turn, _: turn < groups.shape[0], add_group, [0, counts])[1]


def _blend(other: tf.Tensor, image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """other + factor (image - other), clipped and rounded down as Pillow does."""
    blended = other + _product(tf.cast(image, tf.float32) - other, tf.cast(factor, tf.float32))
    return tf.cast(tf.clip_by_value(blended, 0.0, 255.0), tf.uint8)


def _product(level: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """level * factor, rounded also where a compiler would round only the sum that it goes into.

    Args:
        level: whole numbers from -255 to 255, float32 or float64.
        factor: of the same type.
    """
    integer, start = {tf.float32: (tf.int32, -1 << 12), tf.float64: (tf.int64, -1 << 27)}[factor.dtype]
    start = tf.bitcast(tf.bitwise.bitwise_and(tf.bitcast(factor, integer), start), factor.dtype)
    return level * start + level * (factor - start)  # Nothing is rounded in the two halves: the sum is.
