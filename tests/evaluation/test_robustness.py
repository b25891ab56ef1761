"""Corruption errors: AlexNet against itself, a table by hand, the paper's own numbers, and laws."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.evaluation import robustness
from supcon_tf.evaluation.robustness import ALEXNET, ALEXNET_CLEAN, SEVERITIES

# Khosla et al. (2020), Table 6: top-1 on ImageNet-C at severities 1 to 5, per cent; and their mCE, Fig. 3.
PAPER = {
    "cross-entropy, ResNet-50": ([65.06, 54.96, 47.64, 35.93, 25.38], 68.6),
    "cross-entropy, ResNet-200": ([72.89, 65.28, 60.55, 52.00, 43.11], 52.4),
    "SupCon, ResNet-50": ([65.39, 55.55, 48.64, 37.27, 26.92], 67.2),
    "SupCon, ResNet-200": ([73.29, 66.16, 61.80, 54.01, 45.71], 50.6),
}
HALF_A_POINT = 0.5


def flat(errors):
    """A table whose severities all have the same error."""
    return {name: [error] * SEVERITIES for name, error in errors.items()}


def some_table():
    random = np.random.default_rng(0)
    return {name: random.uniform(0.5, 0.9, SEVERITIES).tolist() for name in ALEXNET}


def test_alexnet_has_100_and_100():
    assert len(ALEXNET) == 15
    assert robustness.mean_corruption_error(flat(ALEXNET)) == pytest.approx(100)
    assert robustness.relative_corruption_error(flat(ALEXNET), clean=ALEXNET_CLEAN) == pytest.approx(100)
    assert robustness.mean_error(flat(ALEXNET)) == pytest.approx(78.9, abs=0.05)  # the mean of the published table


def test_the_formulas_in_plain_loops():
    table, clean = some_table(), 0.3
    ratios, relative, every = 0.0, 0.0, 0.0
    for name, errors in table.items():
        mean = sum(errors) / 5
        ratios += mean / ALEXNET[name]
        relative += (mean - clean) / (ALEXNET[name] - 0.4348)
        every += mean
    assert robustness.mean_corruption_error(table) == pytest.approx(100 * ratios / 15, rel=1e-12)
    assert robustness.relative_corruption_error(table, clean=clean) == pytest.approx(100 * relative / 15, rel=1e-12)
    assert robustness.mean_error(table) == pytest.approx(100 * every / 15, rel=1e-12)


def test_a_table_by_hand_with_a_baseline_of_its_own():
    """Ratios 0.3 / 0.6 and 0.6 / 0.8; above the clean errors 0.2 / 0.4 and 0.5 / 0.6. Not the ratio of the means."""
    table = {"fog": [0.1, 0.2, 0.3, 0.4, 0.5], "snow": [0.6] * 5}
    baseline = {"snow": 0.8, "fog": 0.6}  # in another order
    assert robustness.mean_corruption_error(table, baseline=baseline) == pytest.approx(62.5)
    assert robustness.relative_corruption_error(
        table, clean=0.1, baseline=baseline, baseline_clean=0.2
    ) == pytest.approx(100 * (1 / 2 + 5 / 6) / 2)
    assert robustness.mean_error(table) == pytest.approx(45)
    np.testing.assert_allclose(robustness.means_by_severity(table), [0.35, 0.4, 0.45, 0.5, 0.55])


@pytest.mark.parametrize("top1, published", PAPER.values(), ids=PAPER)
def test_the_papers_table_6_gives_its_mce(top1, published):
    """Only means over corruptions are printed; spread over corruptions as AlexNet's errors are, they give the mCE."""
    share = np.array(list(ALEXNET.values())) / np.mean(list(ALEXNET.values()))  # [15], mean 1
    by_severity = 1 - np.array(top1) / 100  # [5]
    table = {name: by_severity * min(part, 1 / by_severity.max()) for name, part in zip(ALEXNET, share)}
    assert robustness.mean_corruption_error(table) == pytest.approx(published, abs=HALF_A_POINT)


def test_laws():
    table = some_table()
    expected = robustness.mean_corruption_error(table)
    turned = {name: errors[::-1] for name, errors in reversed(table.items())}
    assert robustness.mean_corruption_error(turned) == pytest.approx(expected, rel=1e-12)
    halves = {name: np.array(errors) / 2 for name, errors in table.items()}
    assert robustness.mean_corruption_error(halves) == pytest.approx(expected / 2, rel=1e-12)
    extra = {**table, "frost (generated)": [0.9] * 5}
    assert robustness.mean_corruption_error(extra) == expected  # what the baseline does not have does not count
    assert robustness.mean_error(extra) != robustness.mean_error(table)
    assert robustness.mean_error(table) == pytest.approx(100 * robustness.means_by_severity(table).mean(), rel=1e-12)


def test_a_missing_corruption_is_named():
    table = some_table()
    del table["frost"], table["fog"]
    with pytest.raises(ValueError, match=r"missing: frost, fog\. It has gaussian_noise"):
        robustness.mean_corruption_error(table)
    with pytest.raises(ValueError, match="missing: frost, fog"):
        robustness.relative_corruption_error(table, clean=0.3)
    robustness.mean_error(table)  # says nothing of a baseline


@pytest.mark.parametrize(
    "errors, message",
    [
        ([0.1] * 4, "fog must be 5 numbers from 0 to 1, one a severity; got .0.1, 0.1, 0.1, 0.1."),
        ([10, 20, 30, 40, 50], "Divide per cent by 100"),
        ([0.1, 0.2, float("nan"), 0.4, 0.5], "fog must be 5 numbers from 0 to 1"),
    ],
)
def test_what_means_nothing_is_refused(errors, message):
    for measure in (robustness.mean_corruption_error, robustness.mean_error, robustness.means_by_severity):
        with pytest.raises(ValueError, match=message):
            measure({**some_table(), "fog": errors})


def test_a_baseline_that_corruption_does_not_harm_is_refused():
    with pytest.raises(ValueError, match=r"error under fog must be above its clean error 0.5"):
        robustness.relative_corruption_error(some_table(), clean=0.2, baseline={"fog": 0.5}, baseline_clean=0.5)
    with pytest.raises(ValueError, match=r"clean must be a number from 0 to 1; got .24.0."):
        robustness.relative_corruption_error(some_table(), clean=24.0)
    with pytest.raises(ValueError, match="a table needs a corruption"):
        robustness.mean_error({})
