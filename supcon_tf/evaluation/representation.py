"""What a representation looks like, whatever is built on it: how close classes are, how spread out the rows.

Arrays of features [n, F] of a whole split and their labels [n], in float64 block by block: memory is the features and
a few blocks, never n x n. The pairs of `uniformity` are in the features' own type, so that n^2 F is fast; their sum is
in float64. `training.diagnostics` says the same of a sample of one batch's projections while it trains.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from supcon_tf.evaluation.arrays import labelled_rows, rows_of

BLOCK = 2**21  # numbers of a block in float64: 16 MB


def alignment(features: ArrayLike, labels: ArrayLike) -> float:
    """Mean of ||z_i - z_p||^2 over pairs of images of one class, of rows at unit length (Wang & Isola, 2020, Eq. 2).

    0 is best: each class in one place; 2 is a class without any direction. The sum over the pairs of a class of m rows
    is m sum ||z||^2 - ||sum z||^2, so that no pair is formed.

    Args:
        features: float [n, F], of any length of rows but 0.
        labels: int [n].

    Raises:
        ValueError: shapes that do not belong together, a negative label, NaN, a row of zeros, no class with two images.

    Example:
        >>> alignment([[1.0, 0.0], [0.0, 2.0], [0.0, 1.0]], [0, 0, 1])
        2.0
    """
    rows, labels = labelled_rows(features, labels)
    _, place, count = np.unique(labels, return_inverse=True, return_counts=True)
    pairs = np.sum(count * (count - 1) / 2)
    if not pairs:
        raise ValueError(f"no class has two images; got {len(rows)} images of {len(count)} classes. Give more of each.")
    sums = _class_sums(rows, place, len(count), unit=True)  # [K, F]
    return float(max(np.sum(count.astype(np.float64) ** 2) - np.sum(sums**2), 0) / pairs)  # rounding may leave less


def uniformity(features: ArrayLike) -> float:
    """log of the mean of exp(-2 ||z_i - z_j||^2) over pairs of rows at unit length (Wang & Isola, 2020, Eq. 3).

    0 when all rows are equal; about -4 where they are spread evenly over a sphere of many dimensions. Time n^2 F / 2.

    Args:
        features: float [n, F], n at least 2, of any length of rows but 0.

    Raises:
        ValueError: not [n, F], NaN, a row of zeros, fewer than two rows.

    Example:
        >>> uniformity([[1.0, 0.0], [-3.0, 0.0]])
        -8.0
    """
    rows = rows_of(features)
    n = len(rows)
    if n < 2:
        raise ValueError(f"features must have two rows or more to make a pair; got {n}.")
    rows, total = _unit(rows), 0.0
    size = max(BLOCK // n, 1)
    for start in range(0, n, size):
        part = rows[start : start + size]  # [b, F]
        near = np.exp(4 * (part @ rows[start:].T) - 4)  # [b, n - start]: itself and those after it
        total += np.sum(np.triu(near, 1), dtype=np.float64)
    return float(np.log(total / (n * (n - 1) / 2)))


def effective_rank(features: ArrayLike) -> float:
    """exp of the entropy of the normalised eigenvalues of the second moment of the rows (Roy & Vetterli, 2007).

    About 0, not about the mean, as in `training.diagnostics`.

    Args:
        features: float [n, F], as they come.

    Returns:
        From 1 to min(n, F): directions that the rows use.

    Raises:
        ValueError: not [n, F], NaN, or nothing but zeros.

    Example:
        >>> round(effective_rank([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), 6)
        2.0
    """
    rows = rows_of(features)
    if not rows.any():
        raise ValueError(f"features must not be all 0: they have no direction; got {list(rows.shape)} of them.")
    if len(rows) < rows.shape[1]:
        part = rows.astype(np.float64)  # [n, F]: the smaller side squared
        moment: Any = part @ part.T
    else:
        moment = sum(part.T @ part for _, part in _blocks(rows))  # [F, F]
    values = np.maximum(np.linalg.eigvalsh(moment), 0)
    share = values[values > 0] / values.sum()
    return float(np.exp(-np.sum(share * np.log(share))))


def class_distances(features: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """How far images are from the mean of their class, and class means from each other.

    Args:
        features: float [n, F], as they come.
        labels: int [n], of two classes or more.

    Returns:
        "within": mean over images of the squared distance to the mean of their class. "between": mean over pairs of
        classes that occur of the squared distance of their means. "ratio": within / between, 0 for collapsed classes;
        infinity where all means are equal.

    Raises:
        ValueError: shapes that do not belong together, a negative label, NaN, fewer than two classes.

    Example:
        >>> class_distances([[0.0], [2.0], [10.0], [12.0]], [0, 0, 1, 1])
        {'within': 1.0, 'between': 100.0, 'ratio': 0.01}
    """
    rows, place, means = _with_means(features, labels)
    within = sum(np.sum((part - means[place[block]]) ** 2) for block, part in _blocks(rows)) / len(rows)
    spread = np.sum((means - means.mean(0)) ** 2)
    between = 2 * spread / (len(means) - 1)  # over pairs: K spread of K (K - 1) / 2
    ratio = within / between if between else float("inf")
    return {"within": float(within), "between": float(between), "ratio": float(ratio)}


def neural_collapse(features: ArrayLike, labels: ArrayLike) -> float:
    """NC1 = tr(S_W S_B^+) / K (Papyan, Han & Donoho, 2020, arXiv:2008.08186): 0 where classes have become points.

    S_W is the mean over images of the squared deviation from the mean of their class, S_B that over classes of its
    mean from the mean of the means; S_B^+ is the pseudo-inverse. No F x F matrix is made: with the singular vectors v
    and values s of the class means, tr(S_W S_B^+) is K / n times the sum over images of ((h - mean) . v / s)^2.

    Args:
        features: float [n, F], as they come: any invertible linear map of features leaves NC1 as it is where K > F.
        labels: int [n], of K classes, two or more.

    Raises:
        ValueError: shapes that do not belong together, a negative label, NaN, fewer than two classes, equal means.

    Example:
        >>> round(neural_collapse([[0.0], [2.0], [10.0], [12.0]], [0, 0, 1, 1]), 6)
        0.02
    """
    rows, place, means = _with_means(features, labels)
    _, values, vectors = np.linalg.svd(means - means.mean(0), full_matrices=False)  # [k], [k, F]
    kept = values > values[0] * max(means.shape) * np.finfo(np.float64).eps
    if not values[0]:
        raise ValueError("class means must differ for a distance between classes; all are equal.")
    directions = (vectors[kept] / values[kept, None]).T  # [F, rank of S_B]
    total = sum(np.sum(((part - means[place[block]]) @ directions) ** 2) for block, part in _blocks(rows))
    return float(total / len(rows))  # K / n, and 1 / K


def _with_means(features: ArrayLike, labels: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.float64]]:
    """(rows [n, F], which mean is whose [n], means of the K classes that occur [K, F])."""
    rows, labels = labelled_rows(features, labels)
    _, place, count = np.unique(labels, return_inverse=True, return_counts=True)
    if len(count) < 2:
        raise ValueError(
            f"labels must be of two classes or more; got {len(count)}. There is nothing between one class."
        )
    return rows, place, _class_sums(rows, place, len(count)) / count[:, None]


def _class_sums(rows: NDArray[Any], place: NDArray[Any], classes: int, *, unit: bool = False) -> NDArray[Any]:
    """Sums of the rows of each class, at unit length if asked to: float64 [K, F]."""
    sums = np.zeros([classes, rows.shape[1]])
    for block, part in _blocks(rows):
        np.add.at(sums, place[block], _unit(part) if unit else part)
    return sums


def _blocks(rows: NDArray[Any]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """(slice, its rows in float64 [b, F]), in order."""
    size = max(BLOCK // rows.shape[1], 1)
    for start in range(0, len(rows), size):
        block = slice(start, start + size)
        yield block, rows[block].astype(np.float64)


def _unit(rows: NDArray[Any]) -> NDArray[Any]:
    """Rows at unit length, of the type they have."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    if not length.all():
        raise ValueError(f"features must have a direction; {np.sum(length == 0)} rows are 0. Leave them out.")
    unit: NDArray[Any] = rows / length
    return unit
