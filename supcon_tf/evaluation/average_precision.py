"""Average precision of a class, which measures its scores and needs no threshold: the measure of VOC 2007."""

from __future__ import annotations

import numpy as np

POINTS = 11  # recalls 0, 0.1, ..., 1


def average_precisions(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """11-point average precision of each class (Everingham et al., IJCV 2010, Sec. 4.2).

    Precision over recall as the threshold falls through the scores; of it, at the recalls 0, 0.1, ..., 1, the highest
    precision at that recall or more; of these the mean.

    Args:
        scores: float [n, C], higher for yes.
        labels: [n, C], 1 for a label of the image, 0 for none, -1 for an image that does not count for the class.

    Returns:
        float64 [C]; NaN for a class that no image has.

    Raises:
        ValueError: shapes differ, or a score is NaN.
    """
    if scores.shape != labels.shape or scores.ndim != 2:
        raise ValueError(f"scores and labels must both be [n, C]; got {scores.shape} and {labels.shape}.")
    if np.isnan(scores).any():
        raise ValueError("scores must be numbers to be ranked; some are NaN.")
    return np.array([_of_class(*column) for column in zip(scores.T, labels.T)])


def mean_average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean of `average_precisions` over the classes that any image has; NaN where there is none."""
    each = average_precisions(scores, labels)
    return float(each[~np.isnan(each)].mean()) if not np.isnan(each).all() else float("nan")


def _of_class(scores: np.ndarray, labels: np.ndarray) -> float:
    counted = labels >= 0
    scores, right = scores[counted], labels[counted] > 0
    if not right.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], right[order]
    taken = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) + 1  # equal scores pass the threshold together
    found = np.cumsum(right)[taken - 1]
    precision = found / taken
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    steps = POINTS - 1
    first = np.searchsorted(found * steps, np.arange(POINTS) * found[-1])  # whole numbers: 0.3 is 3 of 10
    return float(best_from_here[first].mean())
