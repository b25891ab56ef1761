"""Features and images that evaluation is measured on."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_sample_images

SEPARATION = 0.3  # length of what classes differ by, over that of what images do; neither trivial nor hopeless


def features(rows: int, classes: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Features as after a ReLU, float32 [n, F], and labels int64 [n] of classes of equal size, in random order."""
    random = np.random.default_rng(0)
    labels = random.permutation(np.arange(rows) % classes)
    means = SEPARATION * random.standard_normal([classes, width], dtype=np.float32)
    return np.maximum(random.standard_normal([rows, width], dtype=np.float32) + means[labels], 0), labels


def unit_features(rows: int, classes: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The same of unit length."""
    found, labels = features(rows, classes, width)
    return found / np.linalg.norm(found, axis=1, keepdims=True), labels


def images(side: int, count: int = 8) -> np.ndarray:
    """uint8 [n, S, S, 3], cut from the two photographs that scikit-learn ships."""
    photographs = load_sample_images().images
    return np.stack([photographs[n % 2][9 * n : 9 * n + side, 17 * n : 17 * n + side] for n in range(count)])
