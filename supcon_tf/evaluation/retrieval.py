"""How well images find images of their class: precision@1, R-precision and MAP@R.

Protocol: every image is a query; the references are all other images, ranked by cosine of the features. R is how many
of them have the class of the query; a query without any is left out (Musgrave et al., 2020, arXiv:2003.08505).

    precision@1  whether the nearest is of the class
    R-precision  share of the nearest R that is of the class
    MAP@R        1/R sum over i <= R of P(i) where the i-th is of the class, else 0; P(i): share of it in the nearest i

Each is the mean over queries. Unlike R-precision, MAP@R sees the order within the nearest R.
"""

from __future__ import annotations

import numpy as np

from supcon_tf.evaluation.arrays import labelled_rows
from supcon_tf.evaluation.nearest import nearest


def retrieval(features, labels) -> dict:
    """The three measures of a set of images, and how many queries they are means over.

    Memory: the features, and tiles of a fixed size (the nearest R of some queries): linear in n, never n x n. Time:
    n^2 F for similarities, and the nearest R of n for each query, where R is that of the largest class.

    Args:
        features: float [n, F], of any length of rows; compared in float32.
        labels: int [n], one class an image.

    Returns:
        "precision_at_1", "r_precision", "map_at_r", floats from 0 to 1; "queries", an int. Of equal similarities the
        reference with the lower number comes first, so that images that are equal bit by bit depend on their order.

    Raises:
        ValueError: shapes that do not belong together, a negative label, NaN, or no class with two images.

    Example:
        >>> line = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.3], [1.0, 0.7]])
        >>> retrieval(line, [0, 0, 1, 1])
        {'precision_at_1': 0.75, 'r_precision': 0.75, 'map_at_r': 0.75, 'queries': 4}
    """
    features, labels = labelled_rows(features, labels)
    _, place, count = np.unique(labels, return_inverse=True, return_counts=True)
    mates = count[place] - 1  # R of each image, [n]
    queries = np.flatnonzero(mates > 0)
    if not len(queries):
        raise ValueError(
            f"no class has two images, so that no query has anything to find; got {len(labels)} images of "
            f"{len(count)} classes. Give more images of each class."
        )
    most = int(mates.max())
    sums = np.zeros(3)
    for start, _, found in nearest(features[queries], features, neighbours=most + 1):
        own = queries[start : start + len(found)]  # [q]
        same = labels[_without(found, own)] == labels[own, None]  # [q, R]
        sums += _sums(same, mates[own])
    names = ("precision_at_1", "r_precision", "map_at_r")
    return {**dict(zip(names, (sums / len(queries)).tolist())), "queries": len(queries)}


def _without(found: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The nearest images [q, R + 1] without the query itself [q]: [q, R].

    It is not among them where R + 1 others are as near as it is; then the last is left out.
    """
    itself = found == own[:, None]  # [q, R + 1]
    place = np.where(itself.any(1), itself.argmax(1), found.shape[1])  # [q]
    rest = np.arange(found.shape[1] - 1)  # [R]
    return np.take_along_axis(found, rest + (rest >= place[:, None]), 1)


def _sums(same: np.ndarray, mates: np.ndarray) -> np.ndarray:
    """Sums over queries of the three measures, [3].

    Args:
        same: bool [q, R], whether the i-th nearest is of the class, R that of the largest class.
        mates: int [q], R of each query.
    """
    order = np.arange(1, same.shape[1] + 1)  # [R], from 1
    counted = same & (order <= mates[:, None])  # [q, R]
    precision = np.cumsum(counted, 1) / order  # [q, R]
    average = np.sum(np.where(counted, precision, 0), 1) / mates  # [q]
    return np.array([same[:, 0].sum(), (counted.sum(1) / mates).sum(), average.sum()])
