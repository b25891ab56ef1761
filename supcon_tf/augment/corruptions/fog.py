"""Fog: a cloud of many scales is added, and the image darkened so that it stays within its range."""

from __future__ import annotations

import numpy as np

from supcon_tf.augment.corruptions.levels import level_below, unit

_ROUGHNESS = 100.0  # Of the largest scale. The authors' random amount is this times a uniform number up to this.


def fog(image: np.ndarray, draws: np.random.Generator, share: float, decay: float) -> np.ndarray:
    """The image and `share` times a cloud, scaled to the image's own brightest value.

    Args:
        image: uint8 [H, W, ch].
        draws: the cloud.
        share: of the cloud; its thickest place counts `share` times white.
        decay: of the cloud's roughness, see `plasma`.

    Returns:
        uint8 [H, W, ch]. A black image stays black, as in the authors' code.

    Example:
        >>> foggy = fog(np.full([32, 32, 3], 100, np.uint8), np.random.default_rng(0), 1.5, 2)
        >>> foggy.shape, int(foggy.max()) <= 100
        ((32, 32, 3), True)
    """
    values = unit(image)
    height, width = values.shape[:2]
    cloud = plasma(cloud_side(height, width), decay, draws)[:height, :width, None]  # [H, W, 1]
    brightest = values.max()
    return level_below((values + share * cloud) * (brightest / (brightest + share)))


def cloud_side(height: int, width: int) -> int:
    """The next power of two, at least 2, into which an image fits.

    Example:
        >>> cloud_side(224, 224), cloud_side(32, 32), cloud_side(17, 40), cloud_side(1, 1)
        (256, 32, 64, 2)
    """
    return max(2, 1 << (max(height, width) - 1).bit_length())


def plasma(side: int, decay: float, draws: np.random.Generator) -> np.ndarray:
    """A cloud by the diamond-square algorithm, on a torus: its borders fit together.

    Points lie on a grid of step `side`, at first one. Then, for each step that halves: the middle of each square is the
    mean of its four corners, the middle of each edge the mean of the two ends and of the middles on both sides; to
    each a uniform random amount of either sign is added, which is decay ** 2 times smaller at each step.

    Args:
        side: S, a power of two, at least 2.
        decay: of the roughness; the smaller, the finer the cloud.
        draws: the random amounts.

    Returns:
        float64 [S, S], from 0 to 1.

    Example:
        >>> cloud = plasma(8, 2, np.random.default_rng(0))
        >>> cloud.shape, float(cloud.min()), float(cloud.max())
        ((8, 8), 0.0, 1.0)
    """
    cloud, roughness = np.zeros([side, side]), _ROUGHNESS
    while side > 1:
        _halve(cloud, side, lambda size, most=roughness**2: draws.uniform(-most, most, size))
        side, roughness = side // 2, roughness / decay
    cloud -= cloud.min()
    return cloud / cloud.max()


def _halve(cloud: np.ndarray, step: int, amounts) -> None:
    """Fills the grid of half the step in [S, S]; `amounts` draws random numbers of a shape."""
    half = step // 2
    corners = cloud[::step, ::step]  # [n, n], n = S / step, and so all below
    right = corners + np.roll(corners, -1, 1)
    middles = (right + np.roll(right, -1, 0)) / 4 + amounts(corners.shape)
    below = corners + np.roll(corners, -1, 0)
    cloud[half::step, half::step] = middles
    cloud[::step, half::step] = (right + middles + np.roll(middles, 1, 0)) / 4 + amounts(corners.shape)
    cloud[half::step, ::step] = (below + middles + np.roll(middles, 1, 1)) / 4 + amounts(corners.shape)
