"""How far a number may be off: over seeds, and over test images between two runs.

Seeds: the t-interval of the mean, which three seeds make wide: about 2.5 standard deviations each way; it is printed,
not hidden as +- one deviation. Test images: two runs answer the same images, so their difference is judged by pairs, by
the paired bootstrap and by McNemar's exact test, which is the permutation test that swaps the answers of the two runs
to an image (SimCLR, arXiv:2002.05709, App. B.8.1) with all swaps instead of a sample of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from supcon_tf.evaluation.arrays import correctness


class Interval(NamedTuple):
    """A value and where it lies.

    Attributes:
        value: the mean, or the difference.
        low, high: ends of the interval.
        n: seeds or images that it is from.
        factor: half of its width in standard deviations of one of the n.

    Example:
        >>> Interval(0.5, 0.4, 0.6, n=3, factor=2.5).high
        0.6
    """

    value: float
    low: float
    high: float
    n: int
    factor: float


class McNemar(NamedTuple):
    """The exact test of whether two runs are right equally often.

    Attributes:
        p: probability, were they equal, of answers at least as one-sided; both sides.
        only_first: images that the first run alone has right.
        only_second: images that the second run alone has right.

    Example:
        >>> McNemar(p=1.0, only_first=2, only_second=2).p
        1.0
    """

    p: float
    only_first: int
    only_second: int


def t_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    """Student's interval of the mean of independent values, one a seed; its factor is t / sqrt(n).

    Args:
        values: float [n], n at least 2.
        level: how often such an interval holds the mean, where values are normal.

    Raises:
        ValueError: fewer than two values, NaN, a level outside of 0 to 1.

    Example:
        >>> found = t_interval([0.70, 0.71, 0.72])
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4), found.n, round(found.factor, 3)
        (0.71, 0.6852, 0.7348, 3, 2.484)
    """
    from scipy import stats  # here: it takes half a second, which whoever imports TensorFlow would wait

    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(
            f"values must be [n], finite, n at least 2: one seed says nothing of its spread; got {values.tolist()}. "
            "Train more seeds."
        )
    n = len(values)
    factor = float(stats.t.ppf((1 + _level(level)) / 2, n - 1) / np.sqrt(n))
    mean, half = float(values.mean()), float(factor * values.std(ddof=1))
    return Interval(mean, mean - half, mean + half, n, factor)


def share_interval(share: float, n: int, *, level: float = 0.95) -> Interval:
    """Where the share of all such images lies of which `share` of n are right (Wilson, 1927): noise of the test set.

    Args:
        share: of the n, from 0 to 1.
        n: images.
        level: how often such an interval holds it.

    Raises:
        ValueError: a share or level out of range, or no image.

    Example:
        >>> found = share_interval(0.9, 100)
        >>> round(found.low, 3), round(found.high, 3)
        (0.826, 0.945)
    """
    from scipy import stats

    if not 0 <= share <= 1 or n < 1:
        raise ValueError(f"a share of n images is from 0 to 1, and n at least 1; got {share} of {n}.")
    ends = stats.binomtest(round(share * n), n).proportion_ci(_level(level), method="wilson")
    deviation = (share * (1 - share)) ** 0.5
    factor = (ends.high - ends.low) / 2 / deviation if deviation else float("nan")
    return Interval(float(share), float(ends.low), float(ends.high), n, factor)


def paired_bootstrap(
    first: ArrayLike, second: ArrayLike, *, resamples: int = 10_000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Interval of accuracy(first) - accuracy(second) over test images drawn again, the same for both (Efron, 1979).

    The difference at an image is 1, 0 or -1, and a sample of images with repeats counts how often each is drawn: three
    numbers of a multinomial distribution. They are drawn directly, so that a sample costs nothing, whatever n.

    Args:
        first: bool [n], which answers of a run are right.
        second: bool [n], likewise of another run to the same images in the same order.
        resamples: samples; the ends are percentiles of their differences.
        level: share of the samples between the ends.
        seed: of the samples.

    Raises:
        ValueError: not [n] of True and False, different numbers, a level outside of 0 to 1.

    Example:
        >>> first, second = np.array([1] * 90 + [0] * 10), np.array([1] * 80 + [0] * 20)
        >>> found = paired_bootstrap(first, second)
        >>> round(found.value, 3), round(found.low, 2), round(found.high, 2), found.n
        (0.1, 0.05, 0.16, 100)
    """
    first, second = _pair(first, second)
    n = len(first)
    difference = first.astype(np.int64) - second  # [n]
    shares = np.array([np.mean(difference == sign) for sign in (1, 0, -1)])
    drawn = np.random.default_rng(seed).multinomial(n, shares, size=resamples)  # [resamples, 3]
    tail = (1 - _level(level)) / 2
    low, high = np.quantile((drawn[:, 0] - drawn[:, 2]) / n, [tail, 1 - tail])
    value, deviation = float(difference.mean()), float(difference.std())
    factor = float((high - low) / 2 / deviation) if deviation else 0.0
    return Interval(value, float(low), float(high), n, factor)


def mcnemar(first: ArrayLike, second: ArrayLike) -> McNemar:
    """Exact McNemar (1947): were both equally good, an image that one alone has right would be either's with 1/2.

    Args:
        first: bool [n], which answers of a run are right.
        second: bool [n], likewise of another run to the same images in the same order.

    Raises:
        ValueError: not [n] of True and False, or different numbers.

    Example:
        >>> mcnemar([True] * 6 + [False], [False] * 6 + [True])
        McNemar(p=0.125, only_first=6, only_second=1)
    """
    from scipy import stats

    first, second = _pair(first, second)
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    differ = only_first + only_second
    p = float(stats.binomtest(only_first, differ, 0.5).pvalue) if differ else 1.0
    return McNemar(p, only_first, only_second)


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1 (0.95 is usual); got {level}.")
    return level


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    first, second = correctness(first, name="first"), correctness(second, name="second")
    if len(first) != len(second):
        raise ValueError(
            f"first and second must answer the same images; got {len(first)} and {len(second)}. "
            "Evaluate both runs on one split, in one order."
        )
    return first, second
