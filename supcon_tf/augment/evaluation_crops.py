"""The square of an image that evaluation sees, by name: no randomness (paper's code, `EvalCropMethod`).

`padding` is how many pixels lie around the square when the image is as large as the square needs: the kept share is
size / (size + padding). ImageNet's usual 224 of 256 is a padding of 32.
"""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.augment.geometry import central_square, resize, unit_range
from supcon_tf.names import EVALUATION_CROPS, one_of


def evaluation_crop(image: tf.Tensor, *, size: int, crop: str = "crop_then_resize", padding: int = 0) -> tf.Tensor:
    """The image as evaluation shows it to the encoder.

    Args:
        image: uint8 or float [height, width, ch].
        size: side of the result in pixels, S.
        crop: one of `EVALUATION_CROPS`: "resize_then_crop" brings the short side to size + padding and cuts the centre,
            "crop_then_resize" cuts the centre first, "crop_then_distort" keeps the same share of both sides and
            squashes it, "identity" takes images that have the size already.
        padding: pixels around the square, at least 0.

    Returns:
        float32 [S, S, ch] in [0, 1].

    Raises:
        ValueError: no such crop, `padding` < 0, or "identity" and images of another size.
    """
    one_of("crop", crop, EVALUATION_CROPS)
    if padding < 0:
        raise ValueError(f"The padding of an evaluation crop must be at least 0; got {padding}.")
    return tf.ensure_shape(CROPS[crop](image, size, padding), [size, size, image.shape[-1]])


def _resize_then_crop(image: tf.Tensor, size: int, padding: int) -> tf.Tensor:
    sides = tf.shape(image)[:2]
    scale = (size + padding) / tf.reduce_min(sides)  # float64 []
    scaled = tf.maximum(tf.cast(tf.round(tf.cast(sides, tf.float64) * scale), tf.int32), size + padding)
    resized = unit_range(tf.image.resize(unit_range(image), scaled))
    begin = (scaled - size) // 2
    return tf.image.crop_to_bounding_box(resized, begin[0], begin[1], size, size)


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
