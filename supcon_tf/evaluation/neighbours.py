"""Accuracy of the vote of nearest neighbours from features that are there as arrays (`knn.py` embeds batch by batch).

Protocol: the k training rows nearest by cosine vote for their classes with weight exp(s / T). Two settings are usual:
k = 20, T = 0.07 (DINO: Caron et al., 2021, arXiv:2104.14294) and k = 200, T = 0.1 (InstDisc: Wu et al., 2018,
arXiv:1805.01978). Views of the images: a centre crop, no augmentation. Of equal sums the class with the lower number
comes first; a class without a vote ranks last, so that top-5 is no gift where fewer than five classes have votes.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from supcon_tf.evaluation import knn
from supcon_tf.evaluation.arrays import labelled_rows
from supcon_tf.evaluation.classification import ranks
from supcon_tf.layers.normalization import unit_rows

SETTINGS = {"dino": {"neighbours": 20, "temperature": 0.07}, "instdisc": {"neighbours": 200, "temperature": 0.1}}
TILE = 2**23  # similarities at a time: 32 MB
KEYS = 8192  # rows that queries meet at a time; where many neighbours are sought 16 times as many, which sorts less


def neighbour_accuracy(train: tuple, test: tuple, *, classes: int, neighbours: int, temperature: float) -> dict:
    """Top-1 and top-5 accuracy of the vote; `**SETTINGS["dino"]` gives k and T of DINO.

    Memory: both sets of features, tiles of 32 MB, and votes [q, C] of a tile of q queries.

    Args:
        train: (features float [n, F], labels int [n] from 0 to C - 1), of any length of rows.
        test: likewise [m, F] and [m].
        classes: C.
        neighbours: k, at most n.
        temperature: T > 0; infinity counts every neighbour as one vote.

    Returns:
        "top1" and "top5", floats; "top5" is None for C < 5.

    Raises:
        ValueError: shapes that do not belong together, labels outside of 0 to C - 1, NaN, k or T out of range.

    Example:
        >>> train = ([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], [0, 0, 1])
        >>> neighbour_accuracy(train, ([[2.0, 0.1], [0.1, 3.0]], [0, 1]), classes=2, neighbours=1, temperature=0.1)
        {'top1': 1.0, 'top5': None}
    """
    rows, row_labels = labelled_rows(*train, classes=classes)
    queries, labels = labelled_rows(*test, classes=classes, width=rows.shape[1])
    if not 1 <= neighbours <= len(rows) or not temperature > 0:
        raise ValueError(
            f"neighbours must be from 1 to {len(rows)}, the number of training rows, and temperature > 0; "
            f"got {neighbours} and {temperature}."
        )
    rank = []
    for start, best in nearest(queries, rows, row_labels, neighbours=neighbours):
        sums = knn.votes(*best, classes=classes, temperature=temperature).numpy()  # [q, C]
        own = labels[start : start + len(sums)]  # [q]
        voted = (best[1].numpy() == own[:, None]).any(1)
        rank.append(np.where(voted, ranks(sums, own), classes - 1))
    rank = np.concatenate(rank)  # [m]
    return {"top1": float(np.mean(rank < 1)), "top5": float(np.mean(rank < 5)) if classes >= 5 else None}


def nearest(queries, rows, labels, *, neighbours: int):
    """The nearest rows of each query by cosine, a tile of queries at a time.

    Args:
        queries: float [m, F].
        rows: float [n, F], n at least k.
        labels: int64 [n], what is known of each row: its class, or its number.
        neighbours: k.

    Yields:
        (number of the tile's first query, (similarities float32 [q, k], descending; their labels int64 [q, k])). Of
        equal similarities the row with the lower number comes first.

    Example:
        >>> places = np.arange(3)
        >>> for start, (similarity, found) in nearest(np.eye(3), np.eye(3), places, neighbours=2):
        ...     print(start, found.numpy().tolist())
        0 [[0, 1], [1, 0], [2, 0]]
    """
    keys = min(max(KEYS, 16 * neighbours), len(rows))  # b, k or more
    rows = unit_rows(tf.cast(rows, tf.float32))  # [n, F]
    columns = (rows, tf.constant(labels, tf.int64), tf.ones([len(rows)]))
    parts = [tuple(column[first : first + keys] for column in columns) for first in range(0, len(rows), keys)]
    size = max(TILE // keys, 1)
    for start in range(0, len(queries), size):
        tile = unit_rows(tf.cast(queries[start : start + size], tf.float32))  # [q, F]
        best = knn.nearest(tile, *parts[0], neighbours=neighbours)
        for part in parts[1:]:
            best = knn.merged(tile, best, *part)
        yield start, best
