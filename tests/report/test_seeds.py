"""Numbers over seeds: SciPy's t-interval, and nothing averaged that was measured otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from supcon_tf.evaluation.intervals import t_interval
from supcon_tf.report import seeds

NUMBER = {"name": "top1", "unit": "share", "protocol": "first answer", "n": 9, "interval": [0.1, 0.9], "value": 0.5}


def triple(seed, value, *, made=None, **changes):
    return seed, {"made": made or {}}, {**NUMBER, "value": value, **changes}


@pytest.mark.parametrize("values", [[0.7, 0.9], [0.7, 0.71, 0.75], np.random.default_rng(0).normal(size=7).tolist()])
def test_the_interval_is_scipys_and_that_of_the_evaluation(values):
    (found,) = seeds.pooled(triple(seed, value) for seed, value in enumerate(values))
    low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    assert found.mean["value"] == pytest.approx(np.mean(values))
    assert found.mean["interval"] == pytest.approx([low, high])
    ours = t_interval(values)
    assert found.mean["interval"] == pytest.approx([ours.low, ours.high]) and found.seeds == tuple(range(len(values)))


def test_one_seed_keeps_its_own_interval():
    (found,) = seeds.pooled([triple(3, 0.5)])
    assert found.mean == NUMBER and found.seeds == (3,)


@pytest.mark.parametrize("other", [
    {"protocol": "another"}, {"n": 8}, {"unit": "points"}, {"name": "top5"}, {"made": {"checkpoint": "linear/step-1"}},
    {"made": {"fingerprint": "other"}},
])  # fmt: skip
def test_what_was_measured_otherwise_is_not_averaged(other):
    found = seeds.pooled([triple(0, 0.5), triple(1, 0.7), triple(2, 0.9, **other)])
    assert [each.values for each in found] == [(0.5, 0.7), (0.9,)]


def test_a_seed_counts_once():
    (found,) = seeds.pooled([triple(0, 0.5), triple(1, 0.7), triple(0, 0.5)])
    assert found.values == (0.5, 0.7)


def test_the_width_is_said():
    three = seeds.pooled(triple(seed, 0.5 + seed / 10) for seed in range(3))
    assert "over 3 seeds it is 2.5 standard deviations wide each way; few seeds" in seeds.about(three)
    five = seeds.pooled(triple(seed, 0.5 + seed / 10) for seed in range(5))
    assert "over 5 seeds it is 1.2 standard deviations wide each way." in seeds.about(five)
