"""What an image file holds, as an RGB image: PNG and JPEG by TensorFlow, which is faster, all else by Pillow."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageOps
import tensorflow as tf

from supcon_tf.data.sets import exif
from supcon_tf.failures import first_line

SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2"),
)
BY_PILLOW = 0  # a way of reading; the others are orientations (`exif.orientation`) for what TensorFlow reads

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH = 24  # place of the bits of a channel
_SIXTEEN_BITS = ("PPM", "PNG", "JPEG2000")  # of these Pillow may read 16 bits into 32


class Image(NamedTuple):
    """What is known of an image once it was read."""

    height: int  # pixels, as the image is to be seen
    width: int
    way: int  # how `decode` reads it: `BY_PILLOW`, or the orientation of what TensorFlow reads
    peak: int  # the greatest value of an image of 16 bits a channel; 0 where they have 8


def examine(content: bytes) -> Image:
    """Reads an image, whatever its file is called.

    Args:
        content: of the file.

    Returns:
        Image.

    Raises:
        ValueError: it is none, or a damaged one; the message says why.
        MemoryError: there is not enough to read it.
    """
    if not content.startswith((_JPEG, _PNG)):
        return _examined_by_pillow(content)
    try:
        way = exif.orientation(content)
        height, width = _by_tensorflow(tf.constant(content)).shape[:2]
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError(first_line(error)) from error
    except PIL.Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error
    except (tf.errors.OpError, ValueError) as error:
        try:
            return _examined_by_pillow(content)
        except ValueError:
            raise ValueError(first_line(error)) from error
    deep = content.startswith(_PNG) and content[_PNG_DEPTH] == 16
    peak = int(tf.reduce_max(tf.io.decode_png(content, channels=3, dtype=tf.uint16))) if deep else 0
    return Image(*((width, height) if way in exif.ON_THEIR_SIDE else (height, width)), way, peak)


def way_of(encoded: tf.Tensor) -> tf.Tensor:
    """The way of a content of which nothing is known yet: bytes [] -> int64 []. Slow, for it is read to find out."""
    return tf.numpy_function(lambda content: np.int64(examine(as_bytes(content)).way), [encoded], tf.int64)


def decode(encoded: tf.Tensor, way: tf.Tensor) -> tf.Tensor:
    """The content of a file as an image; what it is called does not matter.

    Grey becomes three equal channels, a palette its colours, CMYK and YCCK are converted, of 16 bits a channel the
    upper 8 are kept, opacity and all frames but the first are dropped. It stands upright, if the file says how.

    Args:
        encoded: bytes [].
        way: int [], of `Image`.

    Returns:
        uint8 [height, width, 3].
    """

    def otherwise() -> tf.Tensor:
        return tf.cond(
            way == BY_PILLOW,
            lambda: tf.numpy_function(
                lambda content: _pixels(as_bytes(content))[0], [encoded], tf.uint8, stateful=False
            ),
            lambda: exif.turned(_by_tensorflow(encoded), way),
        )

    image = tf.cond(
        way == exif.AS_STORED, lambda: _by_tensorflow(encoded), otherwise
    )  # the usual one first: it is fast
    return tf.ensure_shape(image, [None, None, 3])


def decode_plain(encoded: tf.Tensor) -> tf.Tensor:
    """As `decode`, of images that TensorFlow reads and that stand as they are stored."""
    return tf.ensure_shape(_by_tensorflow(encoded), [None, None, 3])


def _by_tensorflow(encoded: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_image(encoded, channels=3, expand_animations=False)


def as_bytes(content) -> bytes:
    """What `tf.numpy_function` hands over: bytes in a graph, an array of them where there is none."""
    return content if isinstance(content, bytes) else content.item()


def _examined_by_pillow(content: bytes) -> Image:
    try:
        pixels, peak = _pixels(content)
    except MemoryError:
        raise
    except PIL.UnidentifiedImageError:
        raise ValueError("neither TensorFlow nor Pillow knows what it is") from None
    except Exception as error:  # Pillow's readers raise whatever their code stumbles over
        raise ValueError(str(error) or type(error).__name__) from error
    return Image(*pixels.shape[:2], BY_PILLOW, peak)


def _pixels(content: bytes) -> tuple[np.ndarray, int]:
    """uint8 [height, width, 3], and the greatest value where the file has 16 bits a channel, or 0."""
    with PIL.Image.open(io.BytesIO(content)) as opened:
        opened.load()
        image = _upright(opened)
        if image.mode.startswith("I;16") or (image.mode == "I" and opened.format in _SIXTEEN_BITS):
            values = np.asarray(image)
            return np.repeat((values >> 8).astype(np.uint8)[..., None], 3, axis=-1), int(values.max())
        if image.mode in ("I", "F"):
            raise ValueError("its values have 32 bits and no known range: store 8 or 16 bits a channel")
        if image.mode == "P" and "transparency" in image.info:
            image = image.convert("RGBA")  # Pillow warns where the next step is taken at once
        return np.asarray(image.convert("RGB")), 0


def _upright(image: PIL.Image.Image) -> PIL.Image.Image:
    try:
        return PIL.ImageOps.exif_transpose(image)
    except Exception:  # as in `exif.orientation`
        return image
