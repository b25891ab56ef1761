"""Levels of grey: an image comes as uint8, is changed in float64 on the [0, 1] scale, and goes as uint8.

The published images were rounded down, as NumPy does when it casts. A value that is a whole level but for its rounding
error counts as that level here: a pixel that nothing has changed keeps its level, and the last bits of a sine or of a
sum, which differ from machine to machine, do not decide.
"""

from __future__ import annotations

import numpy as np

_HAIR = 2.0**-20  # Of a level; rounding errors of float64 are a million times smaller.
GREY_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in OpenCV and Pillow.


def require_image(image: np.ndarray) -> np.ndarray:
    """The image as an array, once it is sure that it is one.

    Args:
        image: uint8 [H, W, ch], ch = 1 or 3, at least one pixel.

    Returns:
        The same as np.ndarray.

    Raises:
        ValueError: it has another type or another shape.

    Example:
        >>> require_image(np.zeros([4, 5, 3], np.uint8)).shape
        (4, 5, 3)
    """
    image = np.asarray(image)
    if image.dtype != np.uint8:
        raise ValueError(
            f"Corruptions take uint8 images in [0, 255]; got {image.dtype}. Multiply floats in [0, 1] by 255, round "
            "and cast them first; whiten after the corruption."
        )
    if image.ndim != 3 or image.shape[-1] not in (1, 3) or image.size == 0:
        raise ValueError(
            "Corruptions take one image [height, width, ch] with 1 or 3 channels and at least one pixel; got shape "
            f"{image.shape}. `corrupted` takes several."
        )
    return image


def unit(image: np.ndarray) -> np.ndarray:
    """uint8 [...] -> float64 [...] in [0, 1].

    Example:
        >>> unit(np.array([0, 51, 255], np.uint8)).tolist()
        [0.0, 0.2, 1.0]
    """
    return image / 255.0


def level_below(values: np.ndarray) -> np.ndarray:
    """float64 [...], clipped to [0, 1] -> uint8 [...], rounded down.

    Example:
        >>> level_below(np.array([-0.1, 51.9 / 255, 0.2, 7.0])).tolist()
        [0, 51, 51, 255]
    """
    return (np.clip(values, 0.0, 1.0) * 255.0 + _HAIR).astype(np.uint8)


def level_in_png(values: np.ndarray) -> np.ndarray:
    """float64 [...], clipped to [0, 1] -> uint8 [...], as ImageMagick writes them: the nearest 65535th, rounded down.

    The authors took blurred images out of ImageMagick as PNG of 8 bits, and it computes in 16. Measured with 6.9.11.

    Example:
        >>> level_in_png(np.array([0.2, 51.9 / 255, 51.999 / 255])).tolist()
        [51, 51, 52]
    """
    return (np.rint(np.clip(values, 0.0, 1.0) * 65535.0).astype(np.int64) // 257).astype(np.uint8)


def grey(values: np.ndarray) -> np.ndarray:
    """Luma of float64 [H, W, ch] -> [H, W, 1]; a grey image is its own.

    Example:
        >>> grey(np.ones([1, 2, 3])).round(9).tolist()
        [[[1.0], [1.0]]]
    """
    if values.shape[-1] == 1:
        return values
    return sum(weight * values[..., place, None] for place, weight in enumerate(GREY_WEIGHTS))
