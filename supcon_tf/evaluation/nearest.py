"""The nearest rows of each query by cosine, a tile of similarities at a time.

Nothing is sorted but what may be among the nearest k: a sample of a query's similarities tells which value a few more
than k of them reach, one comparison finds those, and they alone are sorted. Where the sample was wrong, and fewer than
k reach that value, the k-th largest is found exactly. So the answer never depends on the sample.
"""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from supcon_tf.layers.normalization import unit_rows

TILE = 2**23  # similarities at a time: 32 MB
KEYS = 2**16  # rows that queries meet at a time
SAMPLE = 16  # of so many similarities one is looked at first
THREADS = 2  # that sort; products are TensorFlow's and take all cores
NOBODY = np.iinfo(np.int64).max  # a key that comes after all others
_SIGN, _PLACE = np.int32(2**31 - 1), np.int64(2**32 - 1)


def nearest(queries, rows, *, neighbours: int):
    """The nearest rows of each query, a tile of queries at a time.

    Memory: the rows twice in float32, and tiles of 32 MB with what is sorted of them.

    Args:
        queries: float [m, F], of any length.
        rows: float [n, F], n at least k.
        neighbours: k.

    Yields:
        (number of the tile's first query, similarities float32 [q, k], descending; numbers of the rows int64 [q, k]).
        Of equal similarities the row with the lower number comes first.

    Example:
        >>> for start, similarity, found in nearest(np.eye(3), np.eye(3), neighbours=2):
        ...     print(start, similarity.tolist(), found.tolist())
        0 [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]] [[0, 1], [1, 0], [2, 0]]
    """
    columns = tf.transpose(unit_rows(tf.cast(rows, tf.float32)))  # [F, n]
    parts = [(first, columns[:, first : first + KEYS]) for first in range(0, len(rows), KEYS)]
    size = max(TILE // (min(KEYS, len(rows)) + 4 * neighbours), 1)
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(queries), size):
            tile = unit_rows(tf.cast(queries[start : start + size], tf.float32))  # [q, F]
            best = np.empty([len(tile), 0], np.int64)
            for first, part in parts:
                similarity = np.asarray(tf.matmul(tile, part))  # [q, b]
                shares = zip(*(np.array_split(array, min(THREADS, len(tile))) for array in (similarity, best)))
                best = np.concatenate(list(pool.map(lambda share, at=first: _merged(*share, at, neighbours), shares)))
            yield start, _similarities(best), best & _PLACE


def _merged(similarity: np.ndarray, best: np.ndarray, first: int, neighbours: int) -> np.ndarray:
    """The keys of the k best among those so far and further rows; of all where they are fewer.

    A key is one number for similarity and place: the smaller, the nearer.

    Args:
        similarity: float32 [q, b], to rows first, first + 1, ...
        best: int64 [q, a], keys so far, ascending; a at most k.
        first: number of the first row.
        neighbours: k.

    Returns:
        int64 [q, min(a + b, k)], ascending.
    """
    floor = _floor(similarity, min(neighbours, similarity.shape[1]))
    if best.shape[1] == neighbours:
        floor = np.maximum(floor, _similarities(best[:, -1]))
    reached = similarity >= floor[:, None]  # [q, b]
    count = np.count_nonzero(reached, 1)  # [q]
    flat, most = np.flatnonzero(reached), count.max(initial=0)
    found = np.full([len(best), most], NOBODY)
    found[np.arange(most) < count[:, None]] = _keys(similarity.ravel()[flat], first + flat % similarity.shape[1])
    keys = np.concatenate([best, found], 1)
    keys.sort(1)
    return keys[:, :neighbours]


def _floor(similarity: np.ndarray, neighbours: int) -> np.ndarray:
    """A value that at least k similarities of each query reach, seldom many more: [q, b] -> [q]."""
    count = similarity.shape[1]
    columns = _sample(count)
    expected = neighbours / SAMPLE
    place = len(columns) - int(expected + 3 * expected**0.5 + 3)
    if place < 0:
        return _exact_floor(similarity, neighbours)
    floor = np.partition(similarity[:, columns], place, 1)[:, place]
    short = np.count_nonzero(similarity >= floor[:, None], 1) < neighbours
    floor[short] = _exact_floor(similarity[short], neighbours)
    return floor


@functools.lru_cache(maxsize=4)
def _sample(count: int) -> np.ndarray:
    """Which of so many rows are looked at first: at random, since rows may lie in any order, class by class too."""
    return np.sort(np.random.default_rng(0).choice(count, -(-count // SAMPLE), replace=False))


def _exact_floor(similarity: np.ndarray, neighbours: int) -> np.ndarray:
    place = similarity.shape[1] - neighbours
    return np.partition(similarity, place, 1)[:, place]


def _keys(similarity: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Whole numbers in the order of descending similarity, then ascending place: float32 [n], int64 [n] -> int64 [n].

    The bits of a float, read as a whole number, have its order but for those below zero, which are turned around.
    """
    bits = (similarity + np.float32(0)).view(np.int32)  # minus zero is zero
    bits = np.where(bits < 0, bits ^ _SIGN, bits)
    return (~bits.astype(np.int64) << 32) | place


def _similarities(keys: np.ndarray) -> np.ndarray:
    """What `_keys` was given: int64 [...] -> float32 [...]."""
    bits = ~(keys >> 32).astype(np.int32)
    return np.where(bits < 0, bits ^ _SIGN, bits).view(np.float32)
