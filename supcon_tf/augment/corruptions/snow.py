"""Snow: flakes that fall in one direction and, turned by half a circle, in the other; the scene turns paler."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from supcon_tf.augment.corruptions.levels import grey, level_below, level_in_png, unit
from supcon_tf.augment.corruptions.motion import smeared
from supcon_tf.augment.corruptions.zoom import magnified

ANGLES = (-135.0, -45.0)  # Degrees, uniform: 45 on both sides of the vertical; in the authors' code.


class Flakes(NamedTuple):
    """How snow looks.

    Attributes:
        mean, deviation: of the normal numbers that flakes are made from, on the [0, 1] scale.
        magnification: of these numbers; the larger, the larger the flakes.
        threshold: what is below is no flake.
        radius, fall: radius and deviation of the blur along their way, in pixels.
        image_share: of the image; the rest is its paler version.
    """

    mean: float
    deviation: float
    magnification: float
    threshold: float
    radius: int
    fall: float
    image_share: float


def snow(image: np.ndarray, draws: np.random.Generator, *look: float) -> np.ndarray:
    """Snow over the paler image: max(x, 1.5 grey(x) + 0.5) is blended with it, then flakes are added twice.

    Args:
        image: uint8 [H, W, ch].
        draws: the flakes and the direction in which they fall.
        look: the fields of `Flakes`.

    Returns:
        uint8 [H, W, ch].

    Example:
        >>> black = np.zeros([32, 32, 3], np.uint8)
        >>> snowy = snow(black, np.random.default_rng(0), 0.1, 0.3, 3, 0.5, 10, 4, 0.8)
        >>> snowy.shape, int(snowy.min())
        ((32, 32, 3), 25)
    """
    flakes, values = Flakes(*look), unit(image)
    layer = _layer(values.shape[:2], draws, flakes)  # [H, W, 1]
    paler = np.maximum(values, grey(values) * 1.5 + 0.5)
    scene = flakes.image_share * values + (1 - flakes.image_share) * paler
    return level_below(scene + layer + layer[::-1, ::-1])


def _layer(sides: tuple, draws: np.random.Generator, flakes: Flakes) -> np.ndarray:
    """The flakes on black, float64 [H, W, 1] in [0, 1], at whole levels as in a picture of 8 bits."""
    numbers = flakes.mean + flakes.deviation * draws.standard_normal([*sides, 1])
    large = magnified(numbers, flakes.magnification)
    still = unit(level_below(np.where(large < flakes.threshold, 0.0, large)))
    return unit(level_in_png(smeared(still, flakes.radius, flakes.fall, draws.uniform(*ANGLES))))
