"""Where the pixels come from: random crops, flips and resizing."""

from __future__ import annotations

import math

import tensorflow as tf

from supcon_tf.tracing import as_written

# Multiplied by, never divided: graphs turn the division into this product, and eager results would differ by a bit.
UINT8_SCALE = 1 / 255
_ROUNDED = 0.01  # What interpolation and rounding may leave beyond either end.
OUTSIDE = (
    "Float images must be in [0, 1]; these go from {} to {}. Divide by 255 what is in [0, 255], take x / 2 + 0.5 of "
    "what is in [-1, 1], or hand them over as uint8."
)


def unit_range(image: tf.Tensor) -> tf.Tensor:
    """The image as float32 in [0, 1]: uint8 is scaled by 1/255, floats are taken to be in [0, 1] already.

    Args:
        image: uint8 in [0, 255] or float in [0, 1], any shape.

    Returns:
        float32, the same shape.

    Raises:
        ValueError: the image is neither uint8 nor float.
    """
    if image.dtype == tf.uint8:
        return tf.cast(image, tf.float32) * UINT8_SCALE
    if image.dtype.is_floating:
        return tf.cast(image, tf.float32)
    raise ValueError(f"Images are uint8 in [0, 255] or float in [0, 1]; got {image.dtype.name}. Cast or rescale first.")


def require_unit_range(image: tf.Tensor) -> tf.Tensor:
    """The image, once it is sure that floats are in [0, 1]: in [0, 255] all that follows would be white, in [-1, 1]
    half of it black.

    Asked once, where an image comes in. A uint8 image costs nothing.

    Raises:
        ValueError: the image is neither uint8 nor float, or a float that is clearly outside. In a graph the latter is
            a tf.errors.InvalidArgumentError, when it runs; compiled by XLA, which cannot raise, all pixels are NaN.
    """
    unit_range(image[:0])  # its type
    if image.dtype == tf.uint8:
        return image
    if tf.executing_eagerly():
        _refuse_outside(image)
        return image
    least, most = (tf.cast(end(image), tf.float32) for end in (tf.reduce_min, tf.reduce_max))
    inside = (least >= -_ROUNDED) & (most <= 1 + _ROUNDED)
    with tf.control_dependencies([tf.debugging.Assert(inside, [OUTSIDE.format("this", "this:"), least, most])]):
        return tf.where(inside, image, tf.cast(math.nan, image.dtype))  # XLA leaves the assertion out


@as_written  # AutoGraph would make parts of a graph of these conditions
def _refuse_outside(image: tf.Tensor) -> None:
    if not tf.size(image):
        return
    least, most = float(tf.reduce_min(image)), float(tf.reduce_max(image))
    if least < -_ROUNDED or most > 1 + _ROUNDED:
        raise ValueError(OUTSIDE.format(f"{least:.4g}", f"{most:.4g}"))


def resize(image: tf.Tensor, *, size: int) -> tf.Tensor:
    """Bilinear resize to a square, the sides scaled independently; identity where the image has that size already.

    No low-pass filter when shrinking, as in the authors' TensorFlow code.

    Args:
        image: uint8 or float [height, width, ch].
        size: side of the result in pixels, S.

    Returns:
        float32 [S, S, ch] in [0, 1].
    """
    resized = tf.image.resize(image, [size, size])  # [S, S, ch], float32 in the image's own range
    return resized * UINT8_SCALE if image.dtype == tf.uint8 else unit_range(resized)


def central_square(image: tf.Tensor) -> tf.Tensor:
    """The largest centred square of an image.

    Args:
        image: [height, width, ch], any dtype.

    Returns:
        [side, side, ch], side = min(height, width); the input itself where it is known to be square.
    """
    if image.shape[0] is not None and image.shape[0] == image.shape[1]:
        return image
    height, width = tf.unstack(tf.shape(image)[:2])
    side = tf.minimum(height, width)
    return tf.image.crop_to_bounding_box(image, (height - side) // 2, (width - side) // 2, side, side)


def random_resized_crop(
    image: tf.Tensor,
    seed: tf.Tensor,
    *,
    size: int,
    area_range: tuple[float, float],
    aspect_range: tuple[float, float] = (3 / 4, 4 / 3),
) -> tf.Tensor:
    """A random box of the image, resized to a square (Sec. 4 of the paper; Inception's crop).

    The box is drawn by TensorFlow's own sampler, as in the authors' code: first the aspect ratio, then the height
    among those the area range allows; after 100 boxes that do not fit, the whole image.

    Args:
        image: uint8 or float [height, width, ch].
        seed: int32 or int64 [2].
        size: side of the result in pixels, S.
        area_range: smallest and largest share of the image's area, 0 < min <= max <= 1.
        aspect_range: smallest and largest width / height of the box.

    Returns:
        float32 [S, S, ch] in [0, 1].

    Raises:
        ValueError: `area_range` is not within (0, 1].
    """
    if not 0 < area_range[0] <= area_range[1] <= 1:
        raise ValueError(f"The crop area must be (min, max) with 0 < min <= max <= 1; got {tuple(area_range)}.")
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image),
        bounding_boxes=tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        seed=seed,
        min_object_covered=0.0,  # The authors' 0.1 would silently raise an area minimum of 0.08 to 0.1.
        aspect_ratio_range=aspect_range,
        area_range=area_range,
        max_attempts=100,
    )
    box = tf.ensure_shape(tf.slice(image, begin, extent), [None, None, image.shape[-1]])
    return resize(box, size=size)


def random_flip(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Left becomes right for every second image, by chance.

    Args:
        image: [height, width, ch], any dtype.
        seed: int32 or int64 [2].

    Returns:
        The image or its mirror image.
    """
    flip = tf.random.stateless_uniform([], seed) < 0.5
    return tf.cond(flip, lambda: tf.reverse(image, axis=[1]), lambda: image)
