"""The backward pass: the derivative of plain loops, a law of rotations, and two passes that agree."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.modes import Mode
from supcon_tf.losses.tiled import backward as passes
from supcon_tf.losses.tiled.forward import forward
from supcon_tf.losses.tiled.walk import Reach, Walk
from tests.losses.tiled.test_forward import FAR, losses_of_loops
from tests.losses.tiled.tiles import ROWS, blocks_of, modes
from tests.marks import slow, slow_but

WEIGHTS = np.linspace(-1, 2, 18)  # incoming gradients


def summary_of(mode, a, places, symmetric=True):
    """What the forward pass says, with the incoming gradients."""
    _, counted, summary = forward(a, a, mode=mode, symmetric=symmetric)
    weight = tf.where(counted, places.place(tf.constant(WEIGHTS, a.rows.dtype)), 0)
    return {**summary, "weight": weight}


def gradient(mode, rows=ROWS, symmetric=True):
    a, places = blocks_of(mode, rows)
    summary = summary_of(mode, a, places)
    return places.take_back(passes.backward(a, a, summary, summary, mode=mode, symmetric=symmetric)).numpy()


@pytest.mark.parametrize("name", slow_but(modes(), ["out all", "in only_negatives", "cap", "in one_positive sets"]))
@pytest.mark.parametrize("factor", [1.0, slow(FAR)])
def test_the_gradient_is_that_of_plain_loops(name, factor):
    """By differences, of six of the 54 numbers; of all, for two modes, tests/losses/test_dense.py."""
    mode, rows = modes()[name], factor * ROWS
    found, step = gradient(mode, rows), 1e-5
    for where in [(0, 0), (3, 2), (7, 1), (10, 0), (16, 2), (17, 1)]:
        change = np.zeros_like(rows)
        change[where] = step
        above, below = (WEIGHTS @ losses_of_loops(mode, rows + sign * change) for sign in (1, -1))
        expected = (above - below) / (2 * step)
        assert found[where] == pytest.approx(expected, rel=1e-4, abs=1e-5 * np.abs(found).max())


@pytest.mark.parametrize("name", slow_but(modes(), ["out all", "in one_positive", "cap", "sets"]))
def test_rotations_do_no_work(name):
    """A loss of inner products does not change as the space turns: the sum of x_i g_i^T is symmetric."""
    torque = ROWS.T @ gradient(modes()[name])
    np.testing.assert_allclose(torque, torque.T, atol=1e-12 * max(np.abs(torque).max(), 1))
    assert np.abs(torque).max() > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("name", modes())
def test_a_tile_stands_for_the_one_across(name):
    mode = modes()[name]
    np.testing.assert_allclose(gradient(mode), gradient(mode, symmetric=False), rtol=1e-10, atol=1e-12)


def test_the_two_passes_agree_where_either_would_do():
    mode = Mode.of()
    a, places = blocks_of(mode)
    summary, reach = summary_of(mode, a, places), Reach(True, tf.constant(-1003.0, tf.float64))
    plain = passes.plain(Walk(a, a, mode, True, reach._replace(far=False)), summary, summary)
    masked = passes.masked(Walk(a, a, mode, True, reach), summary, summary)
    np.testing.assert_allclose(places.take_back(plain), places.take_back(masked), rtol=1e-11, atol=1e-14)


def test_two_numbers_of_a_key_are_all_that_its_pull_takes():
    """Eq. 14, both ways: g_ij from exp s_ij, the weights and log D of i and j; less the positive term."""
    mode = Mode.of()
    a, places = blocks_of(mode)
    log_d = places.take_back(summary_of(mode, a, places)["log_d"]).numpy()
    share = WEIGHTS[:, None] * np.exp(ROWS @ ROWS.T - log_d[:, None])
    same = places.take_back(a.ids.label).numpy()
    positive = (same[:, None] == same[None]) & ~np.eye(18, dtype=bool)
    np.fill_diagonal(share, 0)
    share -= WEIGHTS[:, None] * positive / positive.sum(1, keepdims=True)
    np.testing.assert_allclose(gradient(mode), (share + share.T) @ ROWS, rtol=1e-10, atol=1e-13)


def test_who_is_not_counted_pulls_on_nobody():
    mode = Mode.of()
    a, places = blocks_of(mode)
    nobody = {**summary_of(mode, a, places), "weight": tf.zeros([5, 4], tf.float64)}
    assert not passes.backward(a, a, nobody, nobody, mode=mode, symmetric=True).numpy().any()
