"""Blur of a moving camera, as ImageMagick has it: a half Gaussian along a line, from each pixel onwards."""

from __future__ import annotations

import math

import numpy as np

from supcon_tf.augment.corruptions.levels import level_in_png, unit

ANGLES = (-45.0, 45.0)  # Degrees from the horizontal, uniform; in the authors' code.


def motion_blur(image: np.ndarray, draws: np.random.Generator, radius: int, deviation: float) -> np.ndarray:
    """The image, smeared in a random direction.

    Args:
        image: uint8 [H, W, ch].
        draws: the direction.
        radius: the line has 2 * radius + 1 points, a pixel apart.
        deviation: of the half Gaussian, in pixels.

    Returns:
        uint8 [H, W, ch].

    Example:
        >>> flat = np.full([8, 8, 3], 200, np.uint8)
        >>> np.unique(motion_blur(flat, np.random.default_rng(0), 10, 3)).tolist()
        [200]
    """
    return level_in_png(smeared(unit(image), radius, deviation, draws.uniform(*ANGLES)))


def smeared(values: np.ndarray, radius: int, deviation: float, angle: float) -> np.ndarray:
    """Weighted sum of the pixels on a line that begins at each pixel; the outermost pixels go on beyond the border.

    Args:
        values: float64 [H, W, ch].
        radius, deviation: as in `line`.
        angle: degrees, clockwise from the right.

    Returns:
        float64 [H, W, ch].

    Example:
        >>> point = np.zeros([1, 5, 1])
        >>> point[0, 4] = 1
        >>> smeared(point, 1, 1.0, 0.0)[0, :, 0].round(2).tolist()
        [0.0, 0.0, 0.08, 0.43, 1.0]
    """
    weights, down, across = line(radius, deviation, angle)
    height, width = values.shape[:2]
    top, left = max(-down.min(), 0), max(-across.min(), 0)
    margins = [(top, max(down.max(), 0)), (left, max(across.max(), 0)), (0, 0)]
    padded = np.pad(values, margins, mode="edge")
    total = np.zeros_like(values)
    for weight, y, x in zip(weights, down + top, across + left):
        total += weight * padded[y : y + height, x : x + width]
    return total


def line(radius: int, deviation: float, angle: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights and places of the points on the line.

    Args:
        radius: n = 2 * radius + 1 points.
        deviation: of the half Gaussian, > 0.
        angle: degrees, clockwise from the right.

    Returns:
        weights float64 [n], of sum 1; rows down int [n] and columns across int [n], the nearest whole ones, halves
        towards minus infinity.

    Example:
        >>> weights, down, across = line(1, 1.0, 45.0)
        >>> weights.round(2).tolist(), down.tolist(), across.tolist()
        ([0.57, 0.35, 0.08], [0, 1, 1], [0, 1, 1])
    """
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2.0 * deviation**2))
    turn = math.radians(angle)
    down, across = (np.ceil(steps * part - 0.5).astype(int) for part in (math.sin(turn), math.cos(turn)))
    return weights / weights.sum(), down, across
