"""Light: brighter images, and images of less contrast."""

from __future__ import annotations

import numpy as np

from supcon_tf.augment.corruptions.levels import level_below, unit


def brightness(image: np.ndarray, draws: np.random.Generator, amount: float) -> np.ndarray:
    """The value of HSV, the largest channel, grows by `amount`, at most to 1; hue and saturation stay.

    All channels of a pixel are then multiplied by the same number, so that no hue has to be computed. Black has no hue
    and becomes grey.

    Args:
        image: uint8 [H, W, ch].
        draws: not used; nothing is random here.
        amount: on the [0, 1] scale.

    Returns:
        uint8 [H, W, ch].

    Example:
        >>> brightness(np.array([[[102, 51, 0], [0, 0, 0]]], np.uint8), None, 0.4).tolist()
        [[[204, 102, 0], [102, 102, 102]]]
    """
    values = unit(image)
    value = values.max(-1, keepdims=True)  # [H, W, 1]
    brighter = np.minimum(value + amount, 1.0)
    return level_below(np.where(value > 0, values * (brighter / np.maximum(value, 1 / 255)), brighter))


def contrast(image: np.ndarray, draws: np.random.Generator, factor: float) -> np.ndarray:
    """Each channel moves towards its own mean.

    Args:
        image: uint8 [H, W, ch].
        draws: not used; nothing is random here.
        factor: what is left of the distance from the mean, 0 to 1.

    Returns:
        uint8 [H, W, ch].

    Example:
        >>> contrast(np.array([[[0], [100]]], np.uint8), None, 0.4).ravel().tolist()
        [30, 70]
    """
    values = unit(image)
    mean = values.mean((0, 1), keepdims=True)  # [1, 1, ch]
    return level_below((values - mean) * factor + mean)
