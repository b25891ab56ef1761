"""Blur of a camera that moves towards the scene: the mean of magnified images."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import sparse

from supcon_tf.augment.corruptions.levels import level_below, unit

_MOST_PIXELS = 1 << 17  # Up to 362 x 362 the blur is one sparse matrix; beyond, that would take too much memory.


def zoom_blur(image: np.ndarray, draws: np.random.Generator, stop: float, step: float) -> np.ndarray:
    """The mean of the image and of its middle, magnified by 1, 1 + step, ... below `stop`.

    Args:
        image: uint8 [H, W, ch].
        draws: not used; nothing is random here.
        stop, step: of the magnifications, as `np.arange` has them: rounding errors add 1.11 to those below 1.11.

    Returns:
        uint8 [H, W, ch].

    Example:
        >>> np.unique(zoom_blur(np.full([8, 6, 3], 200, np.uint8), None, 1.11, 0.01)).tolist()
        [200]
    """
    (height, width, channels), values = image.shape, unit(image)
    if height * width <= _MOST_PIXELS:
        blur = _mean_of_magnified(height, width, float(stop), float(step))
        return level_below((blur @ values.reshape(-1, channels)).reshape(image.shape))
    total, factors = values.copy(), np.arange(1, stop, step)
    for factor in factors:
        total += magnified(values, factor)
    return level_below(total / (len(factors) + 1))


def magnified(values: np.ndarray, factor: float) -> np.ndarray:
    """The middle of an image, magnified to the image's size, linear between pixels.

    The middle is ceil(side / factor) pixels wide; its outermost pixels become the outermost of round(that * factor),
    of which again the middle is kept.

    Args:
        values: float64 [H, W, ch].
        factor: at least 1.

    Returns:
        float64 [H, W, ch].

    Example:
        >>> magnified(np.arange(4.0).reshape(4, 1, 1), 2)[:, 0, 0].round(2).tolist()
        [1.0, 1.33, 1.67, 2.0]
    """
    for axis in (0, 1):
        before, after, share = _neighbours(values.shape[axis], float(factor))
        share = share.reshape([-1, 1, 1] if axis == 0 else [1, -1, 1])
        low = values.take(before, axis)
        values = low + (values.take(after, axis) - low) * share  # [H, W, ch]
    return values


def _neighbours(side: int, factor: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each place of one axis: the pixel before, the one after, and the share of the latter; int, int, float [S]."""
    kept = math.ceil(side / factor)
    made = round(kept * factor)
    at = ((made - side) // 2 + np.arange(side)) * ((kept - 1) / max(made - 1, 1))
    before = np.minimum(at.astype(int), kept - 1)
    after = np.minimum(before + 1, kept - 1)
    start = (side - kept) // 2
    return start + before, start + after, at - before


@functools.lru_cache(maxsize=8)  # All severities of one size; 15 to 25 MB each at 224 x 224.
def _mean_of_magnified(height: int, width: int, stop: float, step: float) -> sparse.csr_array:
    """The whole blur as one sparse matrix, [H W, H W]: its product takes a tenth of the time of the magnifications."""
    factors = np.arange(1, stop, step)
    total = sparse.csr_array(sparse.identity(height * width))
    for factor in factors.tolist():
        total = total + sparse.kron(_matrix(height, factor), _matrix(width, factor), format="csr")
    return total / (len(factors) + 1)


def _matrix(side: int, factor: float) -> sparse.csr_array:
    """`magnified` along one axis, [S, S]."""
    before, after, share = _neighbours(side, factor)
    row = np.arange(side)
    entries = np.concatenate([1 - share, share]), (np.concatenate([row, row]), np.concatenate([before, after]))
    return sparse.csr_array(entries, shape=(side, side))
