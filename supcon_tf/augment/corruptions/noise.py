"""Noise: normal, of photons, and of dead pixels. Every value of every channel has its own."""

from __future__ import annotations

import numpy as np

from supcon_tf.augment.corruptions.levels import level_below, unit


def gaussian_noise(image: np.ndarray, draws: np.random.Generator, deviation: float) -> np.ndarray:
    """Normal noise is added: low light.

    Args:
        image: uint8 [H, W, ch].
        draws: where the noise comes from.
        deviation: its standard deviation on the [0, 1] scale.

    Returns:
        uint8 [H, W, ch].

    Example:
        >>> grey = np.full([64, 64, 1], 128, np.uint8)
        >>> noisy = gaussian_noise(grey, np.random.default_rng(0), 0.1)
        >>> round(float(noisy.std()) / 255, 2)
        0.1
    """
    return level_below(unit(image) + deviation * draws.standard_normal(image.shape))


def shot_noise(image: np.ndarray, draws: np.random.Generator, photons: float) -> np.ndarray:
    """Each value is a count of photons, drawn from Poisson's distribution.

    Args:
        image: uint8 [H, W, ch].
        draws: where the counts come from.
        photons: mean count of a white pixel; the fewer, the noisier.

    Returns:
        uint8 [H, W, ch]. Black stays black.

    Example:
        >>> grey = np.full([64, 64, 1], 51, np.uint8)
        >>> bool(abs(shot_noise(grey, np.random.default_rng(0), 60).mean() - 51) < 1)
        True
    """
    return level_below(draws.poisson(unit(image) * photons) / photons)


def impulse_noise(image: np.ndarray, draws: np.random.Generator, share: float) -> np.ndarray:
    """Salt and pepper: a share of the values turns white or black, both equally often.

    Args:
        image: uint8 [H, W, ch].
        draws: which values, and which way.
        share: of the values, 0 to 1.

    Returns:
        uint8 [H, W, ch].

    Example:
        >>> grey = np.full([64, 64, 1], 128, np.uint8)
        >>> np.unique(impulse_noise(grey, np.random.default_rng(0), 0.1)).tolist()
        [0, 128, 255]
    """
    hit = draws.random(image.shape) < share
    salt = draws.random(image.shape) < 0.5
    return np.where(hit, np.where(salt, np.uint8(255), np.uint8(0)), image)
