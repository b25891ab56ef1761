"""Rotation, shear, translation and cutout of uint8 images, nearest pixel, as in AutoAugment and RandAugment.

Every function takes an image as channels uint8 [ch, height, width] and returns one of the same shape and type. A pixel
of the result is the pixel of the image in which its centre falls, as in Pillow; what comes from outside is grey.
"""

from __future__ import annotations

import math

import tensorflow as tf

FILL = 128  # The grey of the authors' module.


def rotate(image: tf.Tensor, degrees: tf.Tensor) -> tf.Tensor:
    """Turns the image about its centre, anticlockwise; degrees float32 []."""
    radians = degrees * (math.pi / 180.0)
    cosine, sine = tf.cos(radians), tf.sin(radians)
    x, y, width, height = _centres(image)
    x, y = x - width / 2, y - height / 2
    return _sample(image, cosine * x - sine * y + width / 2, sine * x + cosine * y + height / 2)


def shear_x(image: tf.Tensor, slope: tf.Tensor) -> tf.Tensor:
    """Row y takes its pixels from slope * y to the right, slope float32 []."""
    x, y, _, _ = _centres(image)
    return _sample(image, x + slope * y, y + 0.0 * x)


def shear_y(image: tf.Tensor, slope: tf.Tensor) -> tf.Tensor:
    """Column x takes its pixels from slope * x below, slope float32 []."""
    x, y, _, _ = _centres(image)
    return _sample(image, x + 0.0 * y, y + slope * x)


def translate_x(image: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """Takes the pixels from `pixels` to the right, int32 []; the image moves left."""
    x, y, _, _ = _centres(image)
    return _sample(image, x + tf.cast(pixels, tf.float32) + 0.0 * y, y + 0.0 * x)


def translate_y(image: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """Takes the pixels from `pixels` below, int32 []; the image moves up."""
    x, y, _, _ = _centres(image)
    return _sample(image, x + 0.0 * y, y + tf.cast(pixels, tf.float32) + 0.0 * x)


def cutout(image: tf.Tensor, half: tf.Tensor, centre: tf.Tensor) -> tf.Tensor:
    """A grey square of side 2 * half, int32 [], around a place of the image; what sticks out is cut off.

    Args:
        image: uint8 [ch, height, width].
        half: half the side in pixels, int32 [].
        centre: float32 [2] in [0, 1), row and column as shares of the image.
    """
    inside = True
    for axis in (0, 1):
        length = tf.shape(image)[1 + axis]
        middle = tf.cast(centre[axis] * tf.cast(length, tf.float32), tf.int32)
        places = tf.reshape(tf.range(length), [-1, 1] if axis == 0 else [1, -1])
        inside = inside & (places >= middle - half) & (places < middle + half)
    return tf.where(inside, tf.constant(FILL, tf.uint8), image)


def _centres(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """x [1, width] and y [height, 1] of the pixels' centres, width [] and height [], all float32."""
    height, width = tf.unstack(tf.cast(tf.shape(image)[1:], tf.float32))
    return tf.range(width)[None, :] + 0.5, tf.range(height)[:, None] + 0.5, width, height


def _sample(image: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """The pixels at x, y, float32 [height, width]; grey outside."""
    height, width = tf.unstack(tf.shape(image)[1:])
    column, row = tf.cast(tf.floor(x), tf.int32), tf.cast(tf.floor(y), tf.int32)  # [height, width]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    pixels = tf.reshape(image, [image.shape[0], -1])
    moved = tf.gather(pixels, tf.where(inside, row * width + column, 0), axis=1)  # [ch, height, width]
    return tf.ensure_shape(tf.where(inside, moved, tf.constant(FILL, tf.uint8)), image.shape)
