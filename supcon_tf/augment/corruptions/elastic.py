"""Elastic deformation: a random affine map, then random displacements that change smoothly over the image."""

from __future__ import annotations

import functools

import numpy as np
from scipy import ndimage

from supcon_tf.augment.corruptions.levels import level_below, unit

_FINE, _COARSE = 1024, 32  # Parts of a pixel in which OpenCV adds places, and at which it reads.


def elastic_transform(
    image: np.ndarray, draws: np.random.Generator, size: float, deviation: float, affine: float
) -> np.ndarray:
    """Linear between pixels in both steps.

    The affine map reads at whole 32nds of a pixel, as that of OpenCV up to version 4, which the authors had.

    Args:
        image: uint8 [H, W, ch].
        draws: affine map and displacements.
        size: of the displacements before they are smoothed, in pixels.
        deviation: of the Gaussian that smooths them, in pixels.
        affine: how far each of three points is moved at most, in pixels, down and across.

    Returns:
        uint8 [H, W, ch].

    Example:
        >>> np.unique(elastic_transform(np.full([9, 7, 3], 200, np.uint8), np.random.default_rng(0), 2, 1, 1)).tolist()
        [200]
    """
    height, width = image.shape[:2]
    before = three_points(height, width)
    back = inverse_affine(before, before + draws.uniform(-affine, affine, before.shape))
    moved = _read(unit(image), fixed_places(back, height, width), "mirror")
    grid = np.mgrid[:height, :width]  # [2, H, W]: row and column of each pixel
    displacements = np.stack([size * smooth_noise(height, width, deviation, draws) for _ in range(2)])  # [2, H, W]
    return level_below(_read(moved, grid + displacements, "reflect"))


def three_points(height: int, width: int) -> np.ndarray:
    """Three corners of a square around the image's centre, of 2/3 the shorter side: float64 [3, 2], row and column.

    Example:
        >>> three_points(32, 32).tolist()
        [[26.0, 26.0], [6.0, 26.0], [6.0, 6.0]]
    """
    reach = max(min(height, width) // 3, 1)
    return np.array([height // 2, width // 2]) + reach * np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]])


def inverse_affine(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where a pixel comes from under the affine map that takes three points to three others.

    Args:
        before: float64 [3, 2], the points, row and column; not on a line.
        after: float64 [3, 2], where the map takes them. On a line nothing can be inverted: every pixel then comes from
            the first point.

    Returns:
        float64 [2, 3]: times (row, column, 1) it is the row and column from where.

    Example:
        >>> inverse_affine(three_points(9, 9), three_points(9, 9) + 2).round().astype(int).tolist()
        [[1, 0, -2], [0, 1, -2]]
    """
    sides_before, sides_after = (before[1:] - before[0]).T, (after[1:] - after[0]).T  # [2, 2], sides are columns
    (a, b), (c, d) = sides_after
    determinant = a * d - b * c
    inverse = np.array([[d, -b], [-c, a]]) / determinant if determinant else np.zeros([2, 2])
    back = sides_before @ inverse  # [2, 2]
    return np.column_stack([back, before[0] - back @ after[0]])


def fixed_places(back: np.ndarray, height: int, width: int) -> np.ndarray:
    """Where each pixel comes from, in whole 32nds of a pixel, as OpenCV computes it.

    What the column adds, and what the row adds with the constant, are rounded to 1024ths each; their sum to 32nds.

    Args:
        back: float64 [2, 3], as `inverse_affine` has it.
        height, width: H, W.

    Returns:
        float64 [2, H, W], rows and columns.

    Example:
        >>> fixed_places(np.array([[1, 0, -0.51], [0, 1.02, 0]]), 1, 3)[:, 0].tolist()
        [[-0.5, -0.5, -0.5], [0.0, 1.03125, 2.03125]]
    """
    down, across, start = back.T[:, :, None, None]  # [2, 1, 1] each
    by_row = np.rint((down * np.arange(height)[:, None] + start) * _FINE)  # [2, H, 1]
    by_column = np.rint(across * np.arange(width) * _FINE)  # [2, 1, W]
    return np.floor((by_row + by_column) * (_COARSE / _FINE) + 0.5) / _COARSE


def smooth_noise(height: int, width: int, deviation: float, draws: np.random.Generator) -> np.ndarray:
    """Uniform noise in [-1, 1] under a Gaussian, cut at 3 deviations; borders are mirrored, the outermost pixel twice.

    Args:
        height, width: H, W.
        deviation: of the Gaussian in pixels, at least 0.
        draws: the noise.

    Returns:
        float64 [H, W].

    Example:
        >>> smooth_noise(4, 5, 2.0, np.random.default_rng(0)).shape
        (4, 5)
    """
    noise = draws.uniform(-1.0, 1.0, [height, width])
    return _smoothing(height, float(deviation)) @ noise @ _smoothing(width, float(deviation)).T


@functools.lru_cache(maxsize=8)
def _smoothing(side: int, deviation: float) -> np.ndarray:
    """The Gaussian blur of a line of S pixels as a matrix, float64 [S, S].

    For a deviation of 171 pixels the product takes a hundredth of the time of a sum over 1025 taps.
    """
    if deviation == 0:
        return np.eye(side)
    return ndimage.gaussian_filter1d(np.eye(side), deviation, axis=0, mode="reflect", truncate=3.0)


def _read(values: np.ndarray, places: np.ndarray, mode: str) -> np.ndarray:
    """float64 [H, W, ch] at the places [2, H, W], linear between pixels: float64 [H, W, ch]."""
    channels = [ndimage.map_coordinates(channel, places, order=1, mode=mode) for channel in np.moveaxis(values, -1, 0)]
    return np.stack(channels, -1)
