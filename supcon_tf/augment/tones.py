"""What AutoAugment and RandAugment do to the values of pixels, on uint8 images as Pillow does it.

Every function takes an image uint8 [height, width, ch], ch = 1 or 3, and returns one of the same shape and type. Tables
and blends are Pillow's to the grey level: `ImageOps` and `ImageEnhance` are the definition of these operations.
"""

from __future__ import annotations

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
    low = tf.cast(tf.reduce_min(image, [0, 1]), tf.float64)[:, None]  # [ch, 1]
    high = tf.cast(tf.reduce_max(image, [0, 1]), tf.float64)[:, None]
    levels = tf.range(256, dtype=tf.float64)[None]  # [1, 256]
    scale = tf.math.divide_no_nan(tf.constant(255.0, tf.float64), high - low)
    stretched = tf.clip_by_value(levels * scale - low * scale, 0.0, 255.0)  # [ch, 256]
    return _look_up(image, tf.cast(tf.where(high > low, stretched, levels + 0.0 * high), tf.int32))


def equalize(image: tf.Tensor) -> tf.Tensor:
    """Spreads the values of each channel so that every grey level is about equally frequent."""
    channels = image.shape[-1]
    places = tf.cast(tf.reshape(image, [-1, channels]), tf.int32) + 256 * tf.range(channels)  # [pixels, ch]
    counts = tf.reshape(tf.math.bincount(tf.reshape(places, [-1]), minlength=256 * channels), [channels, 256])
    filled = tf.where(counts > 0, tf.range(256), 0)
    brightest = tf.gather(counts, tf.reduce_max(filled, 1), axis=1, batch_dims=1)[:, None]  # [ch, 1]
    step = (tf.reduce_sum(counts, 1, keepdims=True) - brightest) // 255
    darker = tf.cumsum(counts, axis=1, exclusive=True)  # pixels below each level, [ch, 256]
    table = tf.minimum((darker + step // 2) // tf.maximum(step, 1), 255)
    return _look_up(image, tf.where(step > 0, table, tf.range(256)))


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
    values = tf.cast(image, tf.float32)
    rows = values[:-2] + values[1:-1] + values[2:]  # [height - 2, width, ch]
    around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] + 4.0 * values[1:-1, 1:-1]
    inner = tf.floor(around / 13.0 + 0.5)
    top = tf.concat([values[1:-1, :1], inner, values[1:-1, -1:]], 1)
    return _blend(tf.concat([values[:1], top, values[-1:]], 0), image, factor)


def _luma(image: tf.Tensor) -> tf.Tensor:
    """Grey level by ITU-R BT.601 in Pillow's fixed point: int32 [height, width, 1]."""
    if image.shape[-1] == 1:
        return tf.cast(image, tf.int32)
    weighted = tf.cast(image, tf.int32) * tf.constant([19595, 38470, 7471])
    return tf.bitwise.right_shift(tf.reduce_sum(weighted, -1, keepdims=True) + 0x8000, 16)


def _blend(other: tf.Tensor, image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """other + factor (image - other), clipped and rounded down as Pillow does."""
    values = tf.cast(image, tf.float32)
    return tf.cast(tf.clip_by_value(other + factor * (values - other), 0.0, 255.0), tf.uint8)


def _look_up(image: tf.Tensor, tables: tf.Tensor) -> tf.Tensor:
    """Each channel's values replaced by its table, int32 [ch, 256]."""
    channels = image.shape[-1]
    places = tf.cast(image, tf.int32) + 256 * tf.range(channels)
    return tf.gather(tf.cast(tf.reshape(tables, [-1]), tf.uint8), places)
