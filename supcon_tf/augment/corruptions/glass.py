"""Blur of frosted glass: pixels are replaced by others nearby, between two Gaussian blurs."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from supcon_tf.augment.corruptions.levels import level_below, unit


def glass_blur(image: np.ndarray, draws: np.random.Generator, deviation: float, reach: int, rounds: int) -> np.ndarray:
    """A Gaussian blur, `rounds` times `scattered`, and the same blur again.

    Args:
        image: uint8 [H, W, ch].
        draws: from where each pixel is taken.
        deviation: of the Gaussian, in pixels.
        reach: how far a pixel is taken from at most, in pixels.
        rounds: how often.

    Returns:
        uint8 [H, W, ch]. The rows and columns of the border are only blurred.

    Example:
        >>> flat = np.full([8, 8, 3], 200, np.uint8)
        >>> np.unique(glass_blur(flat, np.random.default_rng(0), 0.7, 1, 2)).tolist()
        [200]
    """
    image = _smooth(image, deviation)
    for _ in range(rounds):
        image = scattered(image, draws, reach)
    return _smooth(image, deviation)


def scattered(image: np.ndarray, draws: np.random.Generator, reach: int) -> np.ndarray:
    """Every pixel inside, from the last row and column to the first, takes the value of a pixel nearby.

    The authors meant to swap the two. But their statement, `x[h, w], x[i, j] = x[i, j], x[h, w]`, copies: NumPy hands
    out views of `x`, and the second assignment reads what the first has written. The published images have copies, so
    these have. A pixel may take what another has taken before it; such chains are followed to their end, all at once.

    Args:
        image: [H, W, ch], any dtype.
        draws: offsets, whole numbers from -reach to reach - 1 down and across.
        reach: in pixels, at least 1.

    Returns:
        [H, W, ch], the same dtype. Rows and columns from reach + 1 to the side less reach have changed.

    Example:
        >>> numbers = np.arange(25, dtype=np.uint8).reshape(5, 5, 1)
        >>> scattered(numbers, np.random.default_rng(0), 1)[..., 0].tolist()[0]
        [0, 1, 2, 3, 4]
    """
    height, width, channels = image.shape
    rows, columns = np.arange(reach + 1, height - reach + 1), np.arange(reach + 1, width - reach + 1)
    if not len(rows) or not len(columns):
        return image
    places = (rows[::-1, None] * width + columns[::-1]).ravel()  # [n], in the order in which they take
    offsets = draws.integers(-reach, reach, size=(len(places), 2))
    taken = places + offsets[:, 0] * width + offsets[:, 1]  # [n]

    inside = np.zeros(height * width, bool)
    inside[places] = True
    earlier = inside[taken] & (taken > places)  # What is taken was itself taken before.
    follows = np.arange(height * width)  # Whose value a pixel has in the end.
    follows[places] = np.where(earlier, taken, places)
    origin = np.arange(height * width)  # Where a pixel that follows nobody has its value from.
    origin[places] = taken
    return image.reshape(-1, channels)[origin[_ends(follows)]].reshape(image.shape)


def _ends(follows: np.ndarray) -> np.ndarray:
    """Where each chain ends: int [n] -> int [n]. Each turn doubles the length of what has been followed."""
    while True:
        further = follows[follows]
        if np.array_equal(further, follows):
            return follows
        follows = further


def _smooth(image: np.ndarray, deviation: float) -> np.ndarray:
    """Gaussian blur, cut at 4 deviations; the outermost pixel goes on beyond the border. uint8 to uint8."""
    return level_below(ndimage.gaussian_filter(unit(image), (deviation, deviation, 0), mode="nearest", truncate=4.0))
