"""Blur of a lens out of focus: every point becomes a disc."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from supcon_tf.augment.corruptions.levels import level_below, unit

_SMALL_RADIUS = 8  # Up to it the disc lies in a window of 17 x 17 and is softened by 3 taps; beyond, by 5 taps.


def defocus_blur(image: np.ndarray, draws: np.random.Generator, radius: float, softness: float) -> np.ndarray:
    """The image under a disc.

    Args:
        image: uint8 [H, W, ch].
        draws: not used; nothing is random here.
        radius: of the disc, in pixels.
        softness: deviation of the Gaussian that softens its rim, in pixels.

    Returns:
        uint8 [H, W, ch].

    Example:
        >>> point = np.zeros([9, 9, 1], np.uint8)
        >>> point[4, 4] = 255
        >>> blurred = defocus_blur(point, None, 1, 0.1)
        >>> blurred[4, 2:7, 0].tolist(), int(blurred[3, 3, 0])
        ([0, 51, 51, 51, 0], 0)
    """
    return level_below(convolved(unit(image), disc(radius, softness)))


def disc(radius: float, softness: float) -> np.ndarray:
    """The kernel: a disc of weight 1, its rim softened by a Gaussian of a few taps that is mirrored at the window.

    Where the disc touches its window (radius 8 and 10), the mirror makes the weights sum to 1.013 and 1.011:
    the published images are brighter by as much.

    Args:
        radius: in pixels. A pixel belongs to the disc if its centre is no further away.
        softness: deviation of the Gaussian, > 0.

    Returns:
        float64 [k, k], k odd and at least 17.

    Example:
        >>> disc(3, 0.1).shape, round(float(disc(3, 0.1).sum()), 6), round(float(disc(8, 0.5).sum()), 3)
        ((17, 17), 1.0, 1.013)
    """
    reach = max(int(radius), _SMALL_RADIUS)
    offsets = np.arange(-reach, reach + 1)
    inside = offsets[:, None] ** 2 + offsets**2 <= radius**2  # [k, k]
    taps = np.arange(-1, 2) if radius <= _SMALL_RADIUS else np.arange(-2, 3)
    weights = np.exp(-(taps**2) / (2.0 * softness**2))
    kernel = inside / np.count_nonzero(inside)
    for axis in (0, 1):
        kernel = ndimage.correlate1d(kernel, weights / weights.sum(), axis, mode="mirror")
    return kernel


def convolved(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolution with a symmetric kernel, by Fourier transforms; borders are mirrored, the outermost pixel once.

    Args:
        values: float64 [H, W, ch].
        kernel: float64 [k, k], k odd.

    Returns:
        float64 [H, W, ch].

    Example:
        >>> convolved(np.ones([2, 3, 1]), np.full([5, 5], 0.04)).round(9).ravel().tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    (height, width), reach = values.shape[:2], len(kernel) // 2
    planes = np.moveaxis(values, -1, 0)  # [ch, H, W]
    padded = np.pad(planes, [(0, 0), (reach, reach), (reach, reach)], mode="reflect")
    sides = [fft.next_fast_len(side, real=True) for side in padded.shape[1:]]
    product = fft.rfft2(padded, sides) * fft.rfft2(kernel, sides)
    whole = fft.irfft2(product, sides)[:, 2 * reach : 2 * reach + height, 2 * reach : 2 * reach + width]  # [ch, H, W]
    return np.moveaxis(whole, 0, -1)  # [H, W, ch]
