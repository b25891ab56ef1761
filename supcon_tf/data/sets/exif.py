"""Which way up a picture is: many cameras store the pixels as they come, and a note of how to turn them."""

from __future__ import annotations

import io

import PIL.Image
import tensorflow as tf

AS_STORED = 1
ON_THEIR_SIDE = range(5, 9)  # orientations whose height is the width of what is stored
_TAG = 0x0112
# One of these is in every JPEG or PNG that has such a note, as Exif or as XMP. Long ones are found faster.
_MARKS = (b"Exif\0\0", b"http://ns.adobe.com/xap/"), (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
_MIRRORED = (2, 3, 6, 7)  # left and right change places, after the transposition
_UPSIDE_DOWN = (3, 4, 7, 8)


def orientation(content: bytes) -> int:
    """How the pixels of a PNG or JPEG must be turned, as `PIL.ImageOps.exif_transpose` understands it.

    Args:
        content: of the file.

    Returns:
        1 for an image that stands as it is stored, or 2 to 8 (Exif 2.3, tag 0x0112).

    Raises:
        PIL.Image.DecompressionBombError: it has a note, and more pixels than Pillow touches.
    """
    marks = _MARKS[content.startswith(b"\x89PNG")]
    if not any(mark in content for mark in marks):
        return AS_STORED
    try:
        with PIL.Image.open(io.BytesIO(content)) as image:
            number = image.getexif().get(_TAG, AS_STORED)
    except PIL.Image.DecompressionBombError:
        raise
    except Exception:  # whatever a damaged note makes Pillow raise: the pixels are none the worse for it
        return AS_STORED
    return number if number in range(2, 9) else AS_STORED


def turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """The image as it is to be seen.

    Args:
        image: [height, width, ch], any dtype.
        orientation: int [], 1 to 8.

    Returns:
        [height, width, ch], or [width, height, ch] from 5 on.
    """

    def reversed_if(image: tf.Tensor, numbers: tuple[int, ...], axis: int) -> tf.Tensor:
        wanted = tf.reduce_any(orientation == tf.constant(numbers, orientation.dtype))
        return tf.cond(wanted, lambda: tf.reverse(image, [axis]), lambda: image)

    def turn() -> tf.Tensor:
        upright = tf.cond(orientation >= ON_THEIR_SIDE.start, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
        return reversed_if(reversed_if(upright, _MIRRORED, 1), _UPSIDE_DOWN, 0)

    return tf.cond(orientation == AS_STORED, lambda: image, turn)
