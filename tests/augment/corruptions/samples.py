"""Images that corruptions are tried on, and the same as plain loops want them."""

from __future__ import annotations

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images


def noise_image(height=9, width=11, channels=3, seed=0) -> np.ndarray:
    """uint8 [H, W, ch], every value by itself."""
    return np.random.RandomState(seed).randint(0, 256, (height, width, channels)).astype(np.uint8)


def flat_image(level=200, height=9, width=11, channels=3) -> np.ndarray:
    """uint8 [H, W, ch], all of one level."""
    return np.full([height, width, channels], level, np.uint8)


def photographs(side: int, count: int = 4) -> np.ndarray:
    """uint8 [n, S, S, 3], parts of the two photographs that scikit-learn ships."""
    stored = load_sample_images().images
    parts = [stored[n % 2][60 * (n // 2) :, 90 * (n // 2) :][:300, :300] for n in range(count)]
    return np.stack([Image.fromarray(part).resize([side, side], Image.Resampling.BICUBIC) for part in parts])


def mirrored(place: int, side: int) -> int:
    """The pixel that stands at a place beyond the border; the outermost is not repeated."""
    while side > 1 and not 0 <= place < side:
        place = -place if place < 0 else 2 * (side - 1) - place
    return place if side > 1 else 0


def reflected(place: int, side: int) -> int:
    """The pixel that stands at a place beyond the border; the outermost is repeated."""
    while not 0 <= place < side:
        place = -1 - place if place < 0 else 2 * side - 1 - place
    return place


def bilinear(values, row, column, beyond):
    """One value of float64 [H, W, ch] between four pixels; `beyond` says who stands outside. Plain."""
    top, left = int(np.floor(row)), int(np.floor(column))
    total = np.zeros(values.shape[-1])
    for down in (0, 1):
        for across in (0, 1):
            weight = (1 - abs(row - top - down)) * (1 - abs(column - left - across))
            y, x = beyond(top + down, values.shape[0]), beyond(left + across, values.shape[1])
            total += weight * values[y, x]
    return total


def rounded_down(values) -> np.ndarray:
    """float64 in levels -> uint8. What is a whole level but for rounding is that level."""
    return np.floor(np.clip(values, 0, 255) + 1e-6).astype(np.uint8)
