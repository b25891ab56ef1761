"""The table of modes: each row by plain numbers, each slope by finite differences, each name once."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf import names
from supcon_tf.losses.modes import DENOMINATORS, Mode


def denominator_of(mode, similarity, rivals):
    """denominator_ip of the table, in plain numbers."""
    return rivals + math.exp(similarity) if mode == "one_positive" else rivals


@pytest.mark.parametrize("mode", names.DENOMINATOR_MODES)
@pytest.mark.parametrize("similarity, rivals", [(0.5, 3.0), (-2.0, 0.1), (4.0, 900.0), (0.0, 1e-12)])
def test_a_score_is_the_logarithm_of_the_share_of_the_positive(mode, similarity, rivals):
    x = tf.constant(similarity - math.log(rivals), tf.float64)
    expected = math.log(math.exp(similarity) / denominator_of(mode, similarity, rivals))
    assert float(DENOMINATORS[mode].score(x)) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("mode", names.DENOMINATOR_MODES)
@pytest.mark.parametrize("x", [-30.0, -1.0, 0.0, 2.0, 30.0])
def test_a_slope_is_how_a_score_grows(mode, x):
    denominator, step = DENOMINATORS[mode], 1e-5
    above, below = (float(denominator.score(tf.constant(x + change, tf.float64))) for change in (step, -step))
    slope = float(denominator.slope(tf.constant(x, tf.float64)))
    assert slope == pytest.approx((above - below) / (2 * step), rel=1e-6, abs=1e-9)
    assert denominator.linear == (mode != "one_positive") and (slope == 1 or not denominator.linear)


def test_scores_far_from_their_rivals_are_finite():
    x = tf.constant([-3e38, 3e38])
    for denominator in DENOMINATORS.values():
        assert np.isfinite(denominator.score(x)).all() and np.isfinite(x * denominator.slope(x)).all()


def test_rivals_are_the_negatives_and_in_one_mode_the_positives_too():
    positives, negatives = tf.constant([True, False, False]), tf.constant([False, True, False])
    found = {
        mode: denominator.rivals(positives, negatives).numpy().tolist() for mode, denominator in DENOMINATORS.items()
    }
    assert found == {
        "all": [True, True, False], "one_positive": [False, True, False], "only_negatives": [False, True, False],
    }  # fmt: skip


def test_the_mean_is_outside_or_inside_the_logarithm():
    scores = np.array([-0.1, -2.0, -0.7])
    outside, inside = (
        mode.loss(tf.constant(total), tf.constant(3.0, tf.float64))
        for mode, total in ((Mode.of("out"), scores.sum()), (Mode.of("in"), np.log(np.exp(scores).sum())))
    )
    assert float(outside) == pytest.approx(-scores.mean()) and float(inside) == pytest.approx(
        -np.log(np.exp(scores).mean())
    )


def test_every_name_is_a_mode_and_every_mode_another():
    assert tuple(DENOMINATORS) == names.DENOMINATOR_MODES
    modes = list(itertools.starmap(Mode.of, itertools.product(names.SUMMATION_LOCATIONS, names.DENOMINATOR_MODES)))
    assert len({(mode.inside, mode.denominator.positives_compete, mode.denominator.linear) for mode in modes}) == 6
    assert Mode.of() == Mode.of("out", "all", None, False) == modes[0] and hash(Mode.of()) == hash(modes[0])


@pytest.mark.parametrize(
    "mode, by_class_sums, tells_classes",
    [
        (Mode.of(), True, False),
        (Mode.of("out", "only_negatives"), True, True),  # the class leaves the denominator
        (Mode.of("out", "one_positive"), False, True),
        (Mode.of("in", "all"), False, True),
        (Mode.of("out", "all", kept_images=2), False, True),
        (Mode.of("out", "all", label_sets=True), False, True),
    ],
)
def test_only_the_loss_of_the_paper_never_asks_for_a_pair_of_labels(mode, by_class_sums, tells_classes):
    assert (mode.by_class_sums, mode.tells_classes) == (by_class_sums, tells_classes)
