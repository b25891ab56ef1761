"""What images find, place by place: the curve of precision at k, and some queries with what they found, to look at.

As in `retrieval.py` every image is a query, and the references are all other images, ranked by cosine.

    precision at k  share of the nearest k that is of the class of the query; the mean over queries

It begins with precision@1 and, where a class has fewer than k other images, cannot stay at one.
"""

from __future__ import annotations

import numpy as np

from supcon_tf.evaluation.arrays import labelled_rows
from supcon_tf.evaluation.nearest import nearest


def nearest_others(features, *, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest other rows of every row, by cosine in float32.

    Memory: n k numbers beside the features, and tiles of a fixed size.

    Args:
        features: float [n, F], n at least 2, finite.
        most: k, cut to n - 1.

    Returns:
        int64 [n, k] numbers of the rows, the nearest first, and float32 [n, k] their cosines. Of equal ones the row
        with the lower number comes first.

    Raises:
        ValueError: as `retrieval_curve`.

    Example:
        >>> nearest_others(np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.3]]), most=2)[0].tolist()
        [[1, 2], [0, 2], [1, 0]]
    """
    k = min(most, len(features) - 1)
    if k < 1:
        raise ValueError(f"a row needs another to be near to, and most >= 1; got {len(features)} rows, most={most}.")
    numbers, cosines = np.empty([len(features), k], np.int64), np.empty([len(features), k], np.float32)
    for start, cosine, found in nearest(features, features, neighbours=k + 1):  # [q, k + 1]
        own = np.arange(start, start + len(found))  # [q]
        itself = found == own[:, None]
        itself[~itself.any(1), -1] = True  # k + 1 others are as near as the row itself: the last is one too many
        numbers[own] = found[~itself].reshape(-1, k)
        cosines[own] = cosine[~itself].reshape(-1, k)
    return numbers, cosines


def retrieval_curve(features, labels, *, most: int = 100, shown: int = 5, each: int = 4) -> dict:
    """Precision at 1 to k, and a few queries with their nearest images.

    The queries, a stated choice and no sample: of those whose nearest image is of another class the `each` most
    similar to it (of two that find each other, one); of those whose nearest is of their class the first of each class,
    `each` of them.

    Args:
        features: float [n, F], of any length of rows; compared in float32.
        labels: int [n], one class an image. A query that has no mate is left out; it stays a reference.
        most: largest k, cut to n - 1.
        shown: nearest images of each of the few queries, cut to n - 1.
        each: queries of each kind.

    Returns:
        "k", 1 to at most `most`; "precision", as many floats; "images", the number of a query and of its nearest, wrong
        ones first; "classes", theirs. All are lists.

    Raises:
        ValueError: shapes that do not belong together, a negative label, NaN, no class with two images, or `most` < 1.

    Example:
        >>> line = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.3], [1.0, 0.7]])
        >>> found = retrieval_curve(line, [0, 0, 1, 1], most=2, shown=2, each=1)
        >>> found["k"], found["precision"]
        ([1, 2], [0.75, 0.375])
        >>> found["images"]
        [[2, 1, 0], [0, 1, 2]]
    """
    features, labels = labelled_rows(features, labels)
    queries = np.flatnonzero(np.bincount(labels)[labels] > 1)
    if not len(queries):
        raise ValueError(f"no class has two images, so that no query has anything to find; got {len(labels)} images.")
    numbers, cosines = nearest_others(features, most=max(most, shown))
    right = labels[numbers] == labels[:, None]  # [n, k]
    k = np.arange(1, min(most, right.shape[1]) + 1)
    precision = np.cumsum(right[queries].mean(0))[: len(k)] / k
    chosen = _wrong(queries, right, numbers, cosines, each) + _right(queries, right, labels, each)
    images = [[query, *numbers[query, :shown].tolist()] for query in chosen]
    return {
        "k": k.tolist(),
        "precision": precision.tolist(),
        "images": images,
        "classes": [labels[row].tolist() for row in images],
    }


def _wrong(queries: np.ndarray, right: np.ndarray, numbers: np.ndarray, cosines: np.ndarray, each: int) -> list[int]:
    """The most similar to an image of another class; of two that are each other's nearest, the first."""
    wrong = queries[~right[queries, 0]]
    chosen: list[int] = []
    for query in wrong[np.argsort(-cosines[wrong, 0], kind="stable")].tolist():
        mirrored = int(numbers[query, 0]) in chosen and numbers[numbers[query, 0], 0] == query
        if not mirrored and len(chosen) < each:
            chosen.append(query)
    return chosen


def _right(queries: np.ndarray, right: np.ndarray, labels: np.ndarray, each: int) -> list[int]:
    """The first of each class whose nearest is of it, in the order of the data."""
    found = queries[right[queries, 0]]
    first = np.unique(labels[found], return_index=True)[1]
    return sorted(found[first].tolist())[:each]
