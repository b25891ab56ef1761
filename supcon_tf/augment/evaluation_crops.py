"""The square of an image that evaluation sees, by name: no randomness (paper's code, `EvalCropMethod`).

`padding` is how many pixels lie around the square when the image is as large as the square needs: the kept share is
size / (size + padding). ImageNet's usual 224 of 256 is a padding of 32.
"""

from __future__ import annotations

import functools
from typing import Callable

import tensorflow as tf

from supcon_tf.augment.geometry import central_square, require_unit_range, resize, unit_range
from supcon_tf.names import EVALUATION_CROPS, one_of

Crop = Callable[[tf.Tensor], tf.Tensor]  # image [height, width, ch] -> [S, S, ch]


def evaluation_crop(name: str = "crop_then_resize", *, size: int, padding: int = 0) -> Crop:
    """A function from an image to what evaluation shows the encoder of it.

    Args:
        name: one of `EVALUATION_CROPS`: "resize_then_crop" brings the short side to size + padding and cuts the centre,
            "crop_then_resize" cuts the centre first, "crop_then_distort" keeps the same share of both sides and
            squashes it, "identity" takes images that have the size already.
        size: side of the result in pixels, S.
        padding: pixels around the square, at least 0.

    Returns:
        A function of uint8 in [0, 255] or float in [0, 1] [height, width, ch] to float32 [S, S, ch] in [0, 1].
        "identity" raises ValueError for images of another size.

    Raises:
        ValueError: no such crop, or `padding` < 0.

    Example:
        >>> crop = evaluation_crop("resize_then_crop", size=224, padding=32)
        >>> crop(tf.zeros([300, 400, 3], tf.uint8)).shape
        TensorShape([224, 224, 3])
    """
    one_of("crop", name, EVALUATION_CROPS)
    if padding < 0:
        raise ValueError(f"The padding of an evaluation crop must be at least 0; got {padding}.")
    return functools.partial(_cut, cut=CROPS[name], size=size, padding=padding)


def _cut(image: tf.Tensor, *, cut: Callable, size: int, padding: int) -> tf.Tensor:
    return tf.ensure_shape(cut(require_unit_range(image), size, padding), [size, size, image.shape[-1]])


def _resize_then_crop(image: tf.Tensor, size: int, padding: int) -> tf.Tensor:
    sides = tf.shape(image)[:2]
    scale = (size + padding) / tf.reduce_min(sides)  # float64 []
    scaled = tf.maximum(tf.cast(tf.round(tf.cast(sides, tf.float64) * scale), tf.int32), size + padding)
    return _window_of_resized(image, scaled, size)


def _window_of_resized(image: tf.Tensor, scaled: tf.Tensor, size: int) -> tf.Tensor:
    """The central square [S, S, ch] of the image resized to `scaled`, int32 [2], without what lies around it.

    The pixels are those of `tf.image.resize` (bilinear, half-pixel centres): a narrow image, brought to its short side
    as a whole, would take gigabytes.
    """
    (top, bottom, down), (left, right, across) = (_neighbours(tf.shape(image)[a], scaled[a], size) for a in (0, 1))
    kept = tf.range(tf.reduce_min(top), tf.reduce_max(bottom) + 1)
    image, top, bottom = tf.gather(image, kept), top - kept[0], bottom - kept[0]  # [rows, width, ch]
    before, after = (unit_range(tf.gather(image, side, axis=1)) for side in (left, right))  # [rows, S, ch]
    mixed = before + (after - before) * across[:, None]  # [rows, S, ch]
    upper, lower = tf.gather(mixed, top), tf.gather(mixed, bottom)  # [S, S, ch]
    return upper + (lower - upper) * down[:, None, None]


def _neighbours(side: tf.Tensor, scaled: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """For each of the central `size` of `scaled` places: the pixel before, the one after, and the share of the latter.

    Returns:
        int32 [S], int32 [S], float32 [S].
    """
    places = tf.cast((scaled - size) // 2 + tf.range(size), tf.float32)
    at = (places + 0.5) * (tf.cast(side, tf.float32) / tf.cast(scaled, tf.float32)) - 0.5
    before = tf.floor(at)
    low = tf.maximum(tf.cast(before, tf.int32), 0)
    high = tf.minimum(tf.cast(tf.math.ceil(at), tf.int32), side - 1)
    return low, high, at - before


def _crop_then_resize(image: tf.Tensor, size: int, padding: int) -> tf.Tensor:
    square = central_square(image)
    if padding:
        square = _central(square, size / (size + padding))
    return resize(square, size=size)


def _crop_then_distort(image: tf.Tensor, size: int, padding: int) -> tf.Tensor:
    return resize(_central(image, size / (size + padding)), size=size)


def _identity(image: tf.Tensor, size: int, padding: int) -> tf.Tensor:
    if image.shape[:2] != [size, size]:
        raise ValueError(
            f"The evaluation crop 'identity' needs images of {size} x {size} pixels; got shape {image.shape}. Take "
            "'crop_then_resize'."
        )
    return unit_range(image)


def _central(image: tf.Tensor, share: float) -> tf.Tensor:
    """The middle `share` of both sides, at least one pixel."""
    sides = tf.shape(image)[:2]
    kept = tf.maximum(tf.cast(tf.round(tf.cast(sides, tf.float64) * share), tf.int32), 1)
    begin = (sides - kept) // 2
    return tf.image.crop_to_bounding_box(image, begin[0], begin[1], kept[0], kept[1])


CROPS = {
    "resize_then_crop": _resize_then_crop,
    "crop_then_resize": _crop_then_resize,
    "crop_then_distort": _crop_then_distort,
    "identity": _identity,
}
