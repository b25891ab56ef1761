"""Whether a classifier knows how often it is right: expected calibration error and the reliability diagram.

Protocol: the confidence of an answer is the largest probability of the softmax. Confidences fall into 15 bins of equal
width; bin b holds b/15 <= p < (b + 1)/15, and the last one holds 1 as well. Per bin |accuracy - mean confidence|, of
these the mean with the weights n_b/n; empty bins are skipped (Guo et al., 2017, arXiv:1706.04599, Eq. 3, with their M =
15). Bins of equal numbers of examples give another number, which is not this one. The paper (Khosla et al., 2020,
Table 6) does not say how many bins it took; there the ECE of a severity is the mean over corruptions of their ECEs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from supcon_tf.evaluation.arrays import correctness, scored
from supcon_tf.evaluation.classification import blocks, log_probabilities

BINS = 15


class ReliabilityDiagram(NamedTuple):
    """What the bars of a reliability diagram are drawn from.

    Attributes:
        edges: float64 [B + 1], from 0 to 1.
        counts: int64 [B], examples in the bin.
        confidence: float64 [B], their mean confidence; NaN in an empty bin.
        accuracy: float64 [B], share of them that is right; NaN in an empty bin.

    Example:
        >>> ReliabilityDiagram(np.array([0.0, 1.0]), np.array([4]), np.array([0.9]), np.array([0.75])).counts.tolist()
        [4]
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def expected_calibration_error(logits: ArrayLike, labels: ArrayLike, *, bins: int = BINS) -> float:
    """ECE, from 0 to 1 (Guo et al., 2017, arXiv:1706.04599, Eq. 3).

    Args:
        logits: float [n, C].
        labels: int [n], from 0 to C - 1.
        bins: B.

    Raises:
        ValueError: shapes that do not belong together, a label outside of 0 to C - 1, NaN or infinity, no bin.

    Example:
        >>> sure = np.array([[50.0, 0.0]] * 4)  # certain of class 0
        >>> expected_calibration_error(sure, [0, 0, 0, 1])
        0.25
    """
    return error_of(reliability_diagram(*confidences(logits, labels), bins=bins))


def error_of(diagram: ReliabilityDiagram) -> float:
    """The ECE of a reliability diagram.

    Example:
        >>> error_of(reliability_diagram([0.75, 0.75, 0.5, 0.5], [1, 1, 1, 0]))
        0.125
    """
    gap = np.abs(diagram.accuracy - diagram.confidence)  # [B]
    return float(np.nansum(gap * diagram.counts) / diagram.counts.sum())


def confidences(logits: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(largest probability float64 [n], whether the answer is right bool [n]) of each example.

    Of equal logits the class with the lower number is the answer.

    Example:
        >>> confidence, right = confidences([[0.0, 0.0], [0.0, 0.0]], [0, 1])
        >>> confidence.round(6).tolist(), right.tolist()
        ([0.5, 0.5], [True, False])
    """
    logits, labels = scored(logits, labels)
    largest = [np.exp(log_probabilities(logits[block]).max(1)) for block in blocks(logits)]
    return np.concatenate(largest), logits.argmax(1) == labels


def reliability_diagram(confidence: ArrayLike, right: ArrayLike, *, bins: int = BINS) -> ReliabilityDiagram:
    """The examples in bins of confidence.

    Args:
        confidence: float [n], from 0 to 1.
        right: bool [n].
        bins: B.

    Raises:
        ValueError: different numbers of both, a confidence outside of 0 to 1 or NaN, no bin.

    Example:
        >>> diagram = reliability_diagram([0.1, 0.6, 0.8, 1.0], [False, True, False, True], bins=2)
        >>> diagram.counts.tolist(), diagram.accuracy.round(3).tolist(), diagram.confidence.round(3).tolist()
        ([1, 3], [0.0, 0.667], [0.1, 0.8])
    """
    confidence, right = np.asarray(confidence, np.float64), correctness(right)
    if bins < 1:
        raise ValueError(f"bins must be 1 or more ({BINS} are usual); got {bins}.")
    if confidence.shape != right.shape or not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError(
            f"confidence must be [{len(right)}], numbers from 0 to 1, one for each answer; got "
            f"{list(confidence.shape)} from {confidence.min()} to {confidence.max()}. Take the softmax of logits."
        )
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)  # [n]
    counts = np.bincount(place, minlength=bins)  # [B]
    some = np.where(counts > 0, counts, np.nan)
    sums = (np.bincount(place, weights, minlength=bins) for weights in (confidence, right.astype(np.float64)))
    return ReliabilityDiagram(np.arange(bins + 1) / bins, counts, *(total / some for total in sums))
