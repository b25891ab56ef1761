"""Intervals against SciPy, plain sums, resampling by hand, and how often they hold what they should."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from supcon_tf.evaluation.intervals import mcnemar, paired_bootstrap, share_interval, t_interval


def answers(count=300, seed=1):
    """Two runs that are mostly right on the same images, the first a little more often."""
    random = np.random.default_rng(seed)
    hard = random.uniform(size=count)
    return hard < 0.8 + 0.1 * random.normal(size=count), hard < 0.75 + 0.1 * random.normal(size=count)


def test_the_t_interval_is_scipys():
    values = [0.812, 0.801, 0.825, 0.807]
    found = t_interval(values, level=0.9)
    low, high = stats.t.interval(0.9, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((np.mean(values), low, high), rel=1e-12)
    assert found.n == 4 and found.factor * np.std(values, ddof=1) == pytest.approx((high - low) / 2)


def test_three_seeds_are_two_and_a_half_deviations_wide():
    """Closed form: t of two degrees of freedom is 4.303, over the root of 3."""
    found = t_interval([0.0, 1.0, 2.0])  # deviation 1
    assert found.factor == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert found.high - found.value == pytest.approx(found.factor) and 2.4 < found.factor < 2.5


def test_it_holds_the_mean_as_often_as_it_says():
    samples = np.random.default_rng(0).normal(size=[600, 3])
    held = [t_interval(sample).low < 0 < t_interval(sample).high for sample in samples]
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(
    "values, message",
    [
        ([0.7], r"one seed says nothing of its spread; got \[0.7\]"),
        ([0.7, np.nan], "finite"),
        ([[0.7, 0.8]], r"values must be \[n\]"),
    ],
)
def test_values_that_have_no_interval_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        t_interval(values)


def test_the_bootstrap_is_that_of_images_drawn_again():
    """Plain loops: images with repeats, both runs on the same ones."""
    first, second = answers()
    random = np.random.default_rng(2)
    differences = []
    for _ in range(5000):
        drawn = random.integers(0, len(first), len(first))
        differences.append(first[drawn].mean() - second[drawn].mean())
    found = paired_bootstrap(first, second, resamples=5000)
    assert found.value == pytest.approx(first.mean() - second.mean(), rel=1e-12) and found.n == 300
    assert (found.low, found.high) == pytest.approx(np.quantile(differences, [0.025, 0.975]), abs=2 / 300)


def test_the_bootstrap_has_the_deviation_of_a_mean():
    """Closed form for many images: 1.96 / sqrt(n) of the deviation of the differences."""
    first, second = answers(20_000)
    found = paired_bootstrap(first, second, resamples=20_000)
    assert found.factor == pytest.approx(1.96 / math.sqrt(20_000), rel=0.03)


def test_laws_of_the_bootstrap():
    first, second = answers()
    found, order = paired_bootstrap(first, second), np.random.default_rng(0).permutation(300)
    assert paired_bootstrap(first[order], second[order]) == found
    assert paired_bootstrap(first.astype(int), second) == found
    few = [paired_bootstrap(*answers(20_000), resamples=50, seed=seed) for seed in (0, 0, 1)]
    assert few[0] == few[1] != few[2]
    swapped = paired_bootstrap(second, first)
    assert (swapped.low, swapped.high) == pytest.approx((-found.high, -found.low), abs=2 / 300)
    assert paired_bootstrap(first, first)[:3] == (0, 0, 0)
    unpaired = paired_bootstrap(first, second[order])  # control: pairs are what makes it narrow
    assert unpaired.high - unpaired.low > 1.3 * (found.high - found.low)


def test_mcnemar_is_the_sum_of_binomial_terms():
    first, second = answers()
    found = mcnemar(first, second)
    only_first = sum(a and not b for a, b in zip(first, second))
    only_second = sum(b and not a for a, b in zip(first, second))
    assert found[1:] == (only_first, only_second) and only_first != only_second
    differ, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(differ, k) for k in range(fewer + 1)) / 2**differ
    assert found.p == pytest.approx(2 * tail, rel=1e-9)


def test_mcnemar_is_the_permutation_test_that_swaps_answers():
    first, second = answers(60, seed=3)
    difference = first.astype(int) - second
    signs = np.random.default_rng(0).choice([-1, 1], size=[100_000, 60]).astype(np.int8)
    as_far = np.abs(signs @ difference) >= abs(difference.sum())
    assert mcnemar(first, second).p == pytest.approx(as_far.mean(), abs=0.005)


def test_laws_of_mcnemar():
    first, second = answers()
    order = np.random.default_rng(0).permutation(300)
    assert mcnemar(first[order], second[order]) == mcnemar(first, second)
    assert mcnemar(second, first).p == mcnemar(first, second).p
    both = np.ones(50, bool)  # images that both have right say nothing of which is better
    assert mcnemar(np.append(first, both), np.append(second, both)) == mcnemar(first, second)
    assert mcnemar(first, first) == (1.0, 0, 0)
    assert mcnemar([True] * 5, [False] * 5).p == pytest.approx(2 / 2**5)


@pytest.mark.parametrize("test", [paired_bootstrap, mcnemar])
def test_answers_to_other_images_are_refused(test):
    with pytest.raises(ValueError, match=r"must answer the same images; got 2 and 3. Evaluate both"):
        test([True, False], [True, False, True])
    with pytest.raises(ValueError, match=r"second must be \[n\] of True"):
        test([True, False], [0.3, 0.7])


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_is_between_0_and_1(level):
    with pytest.raises(ValueError, match=f"level must be between 0 and 1 .0.95 is usual.; got {level}"):
        t_interval([0.1, 0.2], level=level)
    with pytest.raises(ValueError, match="level must be between"):
        paired_bootstrap([True], [False], level=level)


def test_the_interval_of_a_share_is_wilsons():
    """Its ends are the p at which the share is z standard deviations of p away (closed form), and are mirrored."""
    share, n, z = 0.83, 539, 1.959963984540054
    found = share_interval(share, n)
    share = round(share * n) / n
    for end in (found.low, found.high):
        assert abs(share - end) == pytest.approx(z * (end * (1 - end) / n) ** 0.5, rel=1e-9)
    mirrored = share_interval(1 - share, n)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high), abs=1e-12)
    assert share_interval(1.0, 50).high == 1 and share_interval(1.0, 50).low < 1
    assert share_interval(share, 4 * n).high < found.high
    with pytest.raises(ValueError, match=r"got 1\.2 of 5"):
        share_interval(1.2, 5)
