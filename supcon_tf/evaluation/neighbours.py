"""Accuracy of the vote of nearest neighbours from features that are there as arrays (`knn.py` embeds batch by batch).

Protocol: the k training rows nearest by cosine vote for their classes with weight exp(s / T). Two settings are usual:
k = 20, T = 0.07 (DINO: Caron et al., 2021, arXiv:2104.14294) and k = 200, T = 0.1 (InstDisc: Wu et al., 2018,
arXiv:1805.01978). Views of the images: a centre crop, no augmentation. Of equal sums the class with the lower number
comes first; a class without a vote ranks last, so that top-5 is no gift where fewer than five classes have votes.
"""

from __future__ import annotations

from typing import Optional

import numpy as np
from numpy.typing import ArrayLike

from supcon_tf.evaluation import knn
from supcon_tf.evaluation.arrays import labelled_rows
from supcon_tf.evaluation.classification import ranks
from supcon_tf.evaluation.nearest import nearest

SETTINGS = {"dino": {"neighbours": 20, "temperature": 0.07}, "instdisc": {"neighbours": 200, "temperature": 0.1}}


def neighbour_accuracy(
    train: tuple[ArrayLike, ArrayLike],
    test: tuple[ArrayLike, ArrayLike],
    *,
    classes: int,
    neighbours: int,
    temperature: float,
) -> dict[str, Optional[float]]:
    """Top-1 and top-5 accuracy of the vote (Wu et al., 2018, arXiv:1805.01978).

    `**SETTINGS["dino"]` gives k and T of DINO (Caron et al., 2021), `**SETTINGS["instdisc"]` those of Wu et al.

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
    tiles = []
    for start, similarity, found in nearest(queries, rows, neighbours=neighbours):
        answers = row_labels[found]  # [q, k]
        sums = knn.votes(similarity, answers, classes=classes, temperature=temperature).numpy()  # [q, C]
        own = labels[start : start + len(sums)]  # [q]
        voted = (answers == own[:, None]).any(1)
        tiles.append(np.where(voted, ranks(sums, own), classes - 1))
    rank = np.concatenate(tiles)  # [m]
    return {"top1": float(np.mean(rank < 1)), "top5": float(np.mean(rank < 5)) if classes >= 5 else None}
