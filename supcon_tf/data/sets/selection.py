"""Which training images a run sees, and with which labels: subsets and label noise, fixed by the seed."""

from __future__ import annotations

import numpy as np

_SUBSET, _NOISE = 0, 1  # Second word of the seed: what the randomness is for.


def stratified(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """The same share of every class, drawn at random; of each class at least one image.

    A larger fraction of the same seed holds the images of a smaller one.

    Args:
        labels: int [n].
        fraction: share, in (0, 1].
        seed: of the run.

    Returns:
        int64 [k], ascending numbers of the chosen images.
    """
    places = _generator(seed, _SUBSET).permutation(len(labels))  # One draw for all: fractions of a seed are nested.
    kept = []
    for label in np.unique(labels):
        members = places[labels[places] == label]
        kept.append(members[: max(1, round(fraction * len(members)))])
    return np.sort(np.concatenate(kept)).astype(np.int64)


def noise(count: int, classes: int, probability: float, seed: int) -> np.ndarray:
    """Which labels are replaced, and by what: a class drawn uniformly, which may be the true one (authors' code).

    Args:
        count: training images.
        classes: C.
        probability: of each label to be replaced.
        seed: of the run; the images replaced with a lower probability are among those with a higher one.

    Returns:
        int64 [count], the class instead of the label; -1 where the label stays.
    """
    generator = _generator(seed, _NOISE)
    chance, drawn = generator.random_sample(count), generator.randint(classes, size=count)
    return np.where(chance < probability, drawn, -1).astype(np.int64)


def _generator(seed: int, purpose: int) -> np.random.RandomState:
    return np.random.RandomState([seed, purpose])  # Frozen by NumPy's policy, unlike default_rng.
