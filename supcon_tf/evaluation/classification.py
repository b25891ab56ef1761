"""What logits are worth against labels: accuracies, confusion matrix, negative log-likelihood and Brier score.

Every example counts once. Of equal logits the class with the lower number comes first, as in argmax: a constant
answer has the accuracy of class 0, and top-1 is what `losses.cross_entropy.correct` counts. Probabilities are the
softmax of the logits, in float64.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from supcon_tf.evaluation.arrays import labels_of, scored

BLOCK = 2**21  # logits in float64 at a time: 16 MB, whatever n and C


def classification(logits, labels) -> dict:
    """All of them at once, each a float.

    Args:
        logits: float [n, C].
        labels: int [n], from 0 to C - 1.

    Returns:
        "top1", "top5": shares of examples whose class is the first, among the first five; "top5" is None for C < 5,
        where there are no five answers to be among.
        "mean_per_class": mean over the classes that occur of the share of their examples that is right (Aircraft,
        Pets, Caltech and Flowers in Table 4 of Khosla et al., 2020).
        "nll": mean of -log p(label), in nats. "brier": mean of the sum over classes of (p - y)^2, from 0 to 2 (Brier,
        1950); the score of two classes that goes from 0 to 1 is half of it.

    Raises:
        ValueError: shapes that do not belong together, a label outside of 0 to C - 1, NaN or infinity.

    Example:
        >>> found = classification([[2.0, 0.0], [0.0, 0.0], [0.0, 2.0], [0.0, 2.0]], [0, 1, 1, 1])
        >>> found["top1"], found["top5"], round(found["mean_per_class"], 4)
        (0.75, None, 0.8333)
        >>> round(found["nll"], 4), round(found["brier"], 4)
        (0.2685, 0.1463)
    """
    logits, labels = scored(logits, labels)
    rank, nll, brier = (np.concatenate(parts) for parts in zip(*_each_block(logits, labels)))  # each [n]
    return {
        "top1": float(np.mean(rank < 1)),
        "top5": float(np.mean(rank < 5)) if logits.shape[1] >= 5 else None,
        "mean_per_class": mean_per_class(rank < 1, labels),
        "nll": float(nll.mean()),
        "brier": float(brier.mean()),
    }


def mean_per_class(right, labels) -> float:
    """Mean over the classes that occur of the share of their examples that is right.

    Args:
        right: bool [n].
        labels: int [n].

    Example:
        >>> mean_per_class(np.array([True, True, True, False]), np.array([0, 0, 0, 2]))
        0.5
    """
    _, place, count = np.unique(labels, return_inverse=True, return_counts=True)  # [n] and [classes that occur]
    return float(np.mean(np.bincount(place, np.asarray(right, np.float64)) / count))


def ranks(scores, labels) -> np.ndarray:
    """How many classes come before the right one, int64 [n]: 0 is right, less than k is right among the first k.

    Args:
        scores: [n, C]; of equal ones the class with the lower number comes first.
        labels: int [n].

    Example:
        >>> ranks(np.array([[0.5, 0.5, 0.9], [0.5, 0.5, 0.9]]), np.array([0, 1])).tolist()
        [1, 2]
    """
    own = np.take_along_axis(scores, labels[:, None], 1)  # [n, 1]
    earlier = np.arange(scores.shape[1]) < labels[:, None]  # [n, C]
    return np.sum((scores > own) | ((scores == own) & earlier), axis=1)


def confusion_matrix(answers, labels, *, classes: int) -> np.ndarray:
    """How often which class is taken for which, int64 [C, C]: row the label, column the answer; n is the sum.

    Args:
        answers: int [n], `logits.argmax(1)`.
        labels: int [n].
        classes: C.

    Raises:
        ValueError: answers and labels of different numbers, or outside of 0 to C - 1.

    Example:
        >>> confusion_matrix([0, 1, 1], [0, 0, 1], classes=2).tolist()
        [[1, 1], [0, 1]]
    """
    labels = labels_of(labels, count=np.size(labels), classes=classes)
    answers = labels_of(answers, count=len(labels), classes=classes)
    return np.bincount(labels * classes + answers, minlength=classes**2).reshape(classes, classes)


def log_probabilities(logits) -> np.ndarray:
    """log of the softmax over the last axis, float64 [n, C].

    Example:
        >>> np.exp(log_probabilities(np.array([[1000.0, 1000.0]]))).round(6).tolist()
        [[0.5, 0.5]]
    """
    logits = np.asarray(logits, np.float64)
    logits = logits - logits.max(1, keepdims=True)  # the largest is 0: no exponential overflows
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def blocks(logits: np.ndarray) -> Iterator[slice]:
    """Slices of rows of logits [n, C] that fit into memory as float64, in order.

    Example:
        >>> [(block.start, block.stop) for block in blocks(np.zeros([2, 2**20 + 1]))]
        [(0, 1), (1, 2)]
    """
    rows = max(BLOCK // logits.shape[1], 1)
    return (slice(start, min(start + rows, len(logits))) for start in range(0, len(logits), rows))


def _each_block(logits: np.ndarray, labels: np.ndarray) -> Iterator[tuple]:
    """(rank, negative log-likelihood, Brier score) of the examples of a block of rows, each [b]."""
    for block in blocks(logits):
        logarithm, own = log_probabilities(logits[block]), labels[block, None]  # [b, C], [b, 1]
        probability = np.exp(logarithm)
        right = np.take_along_axis(probability, own, 1)[:, 0]  # [b]
        brier = np.sum(probability**2, 1) - right**2 + (1 - right) ** 2
        yield ranks(logits[block], labels[block]), -np.take_along_axis(logarithm, own, 1)[:, 0], brier
