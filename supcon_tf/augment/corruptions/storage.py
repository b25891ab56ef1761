"""What is lost when an image is stored: in few pixels, or in few bytes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def pixelate(image: np.ndarray, draws: np.random.Generator, share: float) -> np.ndarray:
    """Shrunk and enlarged again, both by box filters.

    Args:
        image: uint8 [H, W, ch].
        draws: not used; nothing is random here.
        share: of the sides that is kept, rounded down to whole pixels, but at least one.

    Returns:
        uint8 [H, W, ch].

    Example:
        >>> image = np.array([[0, 100], [100, 200]], np.uint8)[..., None]
        >>> pixelate(image, None, 0.5).ravel().tolist()
        [100, 100, 100, 100]
    """
    height, width = image.shape[:2]
    small = [max(int(width * share), 1), max(int(height * share), 1)]
    shrunk = _picture(image).resize(small, Image.Resampling.BOX)
    return _array(shrunk.resize([width, height], Image.Resampling.BOX), image.shape)


def jpeg_compression(image: np.ndarray, draws: np.random.Generator, quality: int) -> np.ndarray:
    """Written as JPEG and read again. A grey image is written as one.

    The bytes are those of Pillow's libjpeg, with its own sampling of colours: another version may give another image.

    Args:
        image: uint8 [H, W, ch].
        draws: not used; nothing is random here.
        quality: of the JPEG, 1 to 95.

    Returns:
        uint8 [H, W, ch].

    Example:
        >>> np.unique(jpeg_compression(np.full([8, 8, 3], 128, np.uint8), None, 25)).tolist()
        [128]
    """
    stored = io.BytesIO()
    _picture(image).save(stored, "JPEG", quality=quality)
    with Image.open(stored) as read:
        return _array(read, image.shape)


def _picture(image: np.ndarray) -> Image.Image:
    """uint8 [H, W, ch] -> an RGB or a grey picture."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def _array(picture: Image.Image, shape: tuple) -> np.ndarray:
    """A picture -> uint8 [H, W, ch], an array of its own."""
    return np.array(picture).reshape(shape)
