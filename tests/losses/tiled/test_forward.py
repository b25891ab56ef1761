"""The forward pass: losses of plain loops, the denominator of the paper, and two passes that agree."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.modes import Mode
from supcon_tf.losses.tiled import forward as passes
from supcon_tf.losses.tiled.walk import Reach, Walk
from tests.losses.tiled.tiles import CAP, CLASSES, ROWS, SETS, blocks_of, modes
from tests.marks import slow
from tests.oracles import supcon as oracle

FAR = (
    17.5  # factor on unit rows of float64: similarities to 306 need the running maximum, and plain loops can do without
)


def losses_of_loops(mode: Mode, rows=ROWS):
    """Unscaled losses [18] at temperature 1, by the oracle."""
    names = {"all": (True, True), "one_positive": (False, False), "only_negatives": (False, True)}
    which = next(n for n, facts in names.items() if facts == mode.denominator[:2])
    projections = {(i, v): rows[2 * i + v] for i in range(9) for v in range(2)}
    found = []
    for anchor in projections:
        if mode.label_sets:
            pairs = oracle.weighted_positives_and_negatives(SETS, 2, anchor)
        else:
            pairs = oracle.positives_and_negatives(
                CLASSES, 2, anchor, positives_cap=None if mode.kept_images is None else CAP
            )
        found.append(oracle.anchor_loss(
            projections, anchor, *pairs, temperature=1.0, summation_location="in" if mode.inside else "out",
            denominator_mode=which,
        ))  # fmt: skip
    return found


@pytest.mark.parametrize("name", modes())
@pytest.mark.parametrize("factor", [1.0, slow(FAR)])
def test_losses_are_those_of_plain_loops(name, factor):
    mode = modes()[name]
    a, places = blocks_of(mode, factor * ROWS)
    losses, counted, _ = passes.forward(a, a, mode=mode, symmetric=True)
    tolerance = 1e-6 if mode.label_sets else 1e-12  # label sets are float32
    np.testing.assert_allclose(
        places.take_back(losses), losses_of_loops(mode, factor * ROWS), rtol=tolerance, atol=1e-12
    )
    assert places.take_back(tf.cast(counted, tf.int32)).numpy().all()


def test_log_d_is_the_logarithm_of_the_sum_over_all_others():
    a, places = blocks_of(Mode.of())
    _, _, summary = passes.forward(a, a, mode=Mode.of(), symmetric=True)
    exp = np.exp(ROWS @ ROWS.T)
    np.fill_diagonal(exp, 0)
    np.testing.assert_allclose(places.take_back(summary["log_d"]), np.log(exp.sum(1)), rtol=1e-13)
    assert list(summary) == ["log_d"]


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_two_passes_agree_where_either_would_do(symmetric):
    mode = Mode.of()
    a, _ = blocks_of(mode)
    reach = Reach(True, tf.constant(-1003.0, tf.float64))  # tiles that all touch, and follow the maximum
    found = [run(Walk(a, a, mode, symmetric, reach._replace(far=far))) for run, far in
             ((passes.plain, False), (passes.masked, True))]  # fmt: skip
    for one, other in zip(*(tf.nest.flatten(parts) for parts in found)):
        one, other = (np.where(a.ids.row.numpy() >= 0, part, 0) for part in (one, other))  # padding may be anything
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", modes())
def test_a_tile_stands_for_the_one_across(name):
    mode = modes()[name]
    a, places = blocks_of(mode)
    half, whole = (passes.forward(a, a, mode=mode, symmetric=symmetric) for symmetric in (True, False))
    assert half[2].keys() == whole[2].keys()
    for one, other in zip(tf.nest.flatten(half), tf.nest.flatten(whole)):
        one, other = (places.take_back(tf.cast(part, tf.float64)) for part in (one, other))
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("factor", [1.0, FAR])
@pytest.mark.parametrize("name", ["out all", "in one_positive", "out only_negatives"])
def test_whoever_has_no_rival_costs_nothing_and_is_not_counted(name, factor):
    """One row, and padding."""
    from supcon_tf.losses import pairs
    from supcon_tf.losses.pairs import Rows
    from supcon_tf.losses.tiled import blocks

    mode = modes()[name]
    one = Rows(tf.constant(factor * ROWS[:1]), pairs.row_ids(tf.constant([3], tf.int64), views=1))
    a, _ = blocks.cut(one, size=4, by_class=mode.tells_classes)
    losses, counted, summary = passes.forward(a, a, mode=mode, symmetric=True)
    assert not losses.numpy().any() and not counted.numpy().any()
    assert all(np.isfinite(field).all() for field in summary.values())
