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
# AlexNet's error at severities 1 to 5, as several public codes have it; its means are those of the table.
ALEXNET_BY_SEVERITY = {
    "gaussian_noise": [0.69528, 0.82542, 0.93554, 0.98138, 0.99452],
    "shot_noise": [0.71224, 0.85108, 0.93574, 0.98182, 0.99146],
    "impulse_noise": [0.78374, 0.89808, 0.94870, 0.98720, 0.99548],
    "defocus_blur": [0.65624, 0.73202, 0.85036, 0.91364, 0.94714],
    "glass_blur": [0.64308, 0.75054, 0.88806, 0.91622, 0.93344],
    "motion_blur": [0.58430, 0.70048, 0.82108, 0.89750, 0.92638],
    "zoom_blur": [0.70008, 0.76992, 0.80784, 0.84198, 0.87198],
    "snow": [0.71726, 0.88392, 0.86468, 0.91870, 0.94952],
    "frost": [0.61390, 0.79734, 0.88790, 0.89942, 0.93430],
    "fog": [0.67474, 0.76050, 0.84378, 0.87260, 0.94500],
    "brightness": [0.45140, 0.48502, 0.54048, 0.62166, 0.72440],
    "contrast": [0.64548, 0.76150, 0.88874, 0.97760, 0.99270],
    "elastic_transform": [0.52596, 0.70116, 0.55686, 0.64076, 0.80554],
    "pixelate": [0.52218, 0.54620, 0.73728, 0.87092, 0.91262],
    "jpeg_compression": [0.51002, 0.54718, 0.57294, 0.65458, 0.74778],
}
# Top-1 in per cent under each corruption, mean over severities, on the stored ImageNet-C; top-1 over all, and mCE, as
# printed beside them: `Results/` of github.com/bethgelab/game-of-noise (Rusak et al., 2020). In their order of names.
THEIR_ORDER = ["brightness", "contrast", "defocus_blur", "elastic_transform", "fog", "frost", "gaussian_noise",
               "glass_blur", "impulse_noise", "jpeg_compression", "motion_blur", "pixelate", "shot_noise", "snow",
               "zoom_blur"]  # fmt: skip
PUBLISHED = {
    "ResNet-50": ([68.02, 39.06, 38.75, 45.25, 45.83, 38.14, 29.29, 26.79, 23.81, 53.41, 38.67, 44.79, 27.03, 32.53,
                   36.24], 39.17, 76.70),
    "speckle noise": ([67.98, 40.59, 42.55, 46.96, 45.55, 41.21, 54.93, 31.63, 49.03, 57.90, 39.86, 48.67, 58.07, 34.05,
                       36.48], 46.36, 68.33),
    "ANT": ([69.66, 42.12, 47.02, 48.89, 44.20, 45.50, 64.77, 36.98, 63.95, 62.36, 43.30, 54.65, 65.73, 36.71, 40.56],
            51.09, 62.51),
    "ANT and stylised": ([68.91, 46.51, 46.47, 50.23, 48.98, 46.86, 64.45, 37.54, 63.45, 60.09, 45.84, 57.41, 64.99,
                          42.07, 39.25], 52.20, 61.20),
}  # fmt: skip


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


def test_alexnets_errors_by_severity_have_these_means_and_100():
    assert list(ALEXNET_BY_SEVERITY) == list(ALEXNET)
    for name, errors in ALEXNET_BY_SEVERITY.items():
        assert np.mean(errors) == pytest.approx(ALEXNET[name], abs=1e-9), name
    assert robustness.mean_corruption_error(ALEXNET_BY_SEVERITY) == pytest.approx(100)
    assert robustness.relative_corruption_error(ALEXNET_BY_SEVERITY, clean=ALEXNET_CLEAN) == pytest.approx(100)


@pytest.mark.parametrize("top1, mean, mce", PUBLISHED.values(), ids=PUBLISHED)
def test_errors_of_published_models_give_their_published_mce(top1, mean, mce):
    """Within what two printed decimals leave open; their names in another order do not matter."""
    table = flat({name: 1 - value / 100 for name, value in zip(THEIR_ORDER, top1)})
    assert robustness.mean_corruption_error(table) == pytest.approx(mce, abs=0.01)
    assert robustness.mean_error(table) == pytest.approx(100 - mean, abs=0.01)
    by_place = flat({name: 1 - value / 100 for name, value in zip(ALEXNET, top1)})  # control: taken in our order
    assert robustness.mean_corruption_error(by_place) != pytest.approx(mce, abs=0.3)


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
    with pytest.raises(ValueError, match="error under fog must be above 0; nothing can be put in relation to no error"):
        robustness.mean_corruption_error(some_table(), baseline={"fog": 0.0})
    with pytest.raises(ValueError, match=r"clean must be a number from 0 to 1; got .24.0."):
        robustness.relative_corruption_error(some_table(), clean=24.0)
    with pytest.raises(ValueError, match="a table needs a corruption"):
        robustness.mean_error({})
