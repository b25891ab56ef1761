"""Rows of several classes that overlap, for classifiers on features."""

from __future__ import annotations

import numpy as np

CLASSES = 4


def clouds(count=150, width=6, seed=0):
    """Features of very different scales, and labels that they know something of."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count)
    rows = random.normal(size=[count, width]) + 1.2 * np.cos(np.outer(labels, np.arange(1, width + 1)))
    return rows * np.logspace(-1, 1, width) + 3, labels
