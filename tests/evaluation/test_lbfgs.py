"""Minima of several problems at once against closed forms and SciPy, and that they do not see each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from supcon_tf.evaluation.lbfgs import minimize


def quadratics(count=5, width=12):
    """1 + (x - a)' H (x - a) / 2 for matrices of very different condition; (function, a)."""
    random = np.random.default_rng(0)
    turns = np.linalg.qr(random.normal(size=[count, width, width]))[0]
    values = np.logspace(0, np.linspace(0, 5, count), width).T  # [L, P]
    matrices, ends = np.einsum("lpk,lk,lqk->lpq", turns, values, turns), random.normal(size=[count, width])

    def function(points, which):
        away = points - ends[which]
        gradients = np.stack([matrices[place] @ one for place, one in zip(which, away)])  # the same bits for any A
        return 1 + np.sum(gradients * away, 1) / 2, gradients, np.einsum("lpp->lp", matrices[which])

    return function, ends


def soft_corners(points, which):
    """Convex, not quadratic: log-cosh of x - which, so far from the start that steps of length 1 overshoot."""
    away = points - 10.0 * which[:, None]
    size = np.abs(away)
    values = np.sum(size + np.log1p(np.exp(-2 * size)) - np.log(2), 1) + 1 + 0.01 * np.sum(points**2, 1)
    return values, np.tanh(away) + 0.02 * points, np.full_like(points, 0.02)


def test_quadratics_have_their_known_minima():
    function, ends = quadratics()
    found = minimize(function, np.zeros_like(ends), tolerance=1e-14)
    np.testing.assert_allclose(found.points, ends, atol=1e-5)
    np.testing.assert_allclose(found.values, 1, rtol=1e-10)
    assert found.converged.all() and (np.diff(found.steps) >= 0).all() and found.steps[0] < found.steps[-1]


def test_a_right_diagonal_needs_one_step():
    scale = np.logspace(-3, 6, 10)[None]
    found = minimize(lambda x, _: (1 + np.sum(scale * x**2, 1) / 2, scale * x, scale + 0 * x), np.ones([1, 10]))
    np.testing.assert_allclose(found.points, 0, atol=1e-12)
    assert found.steps[0] <= 2


def test_where_steps_overshoot_it_is_scipys_minimum():
    start = np.full([3, 4], -3.0)
    found = minimize(soft_corners, start, tolerance=1e-13)
    for place in range(3):
        theirs = optimize.minimize(
            lambda x, p=place: soft_corners(x[None], np.array([p]))[0][0], start[place], method="BFGS", tol=1e-9
        )
        np.testing.assert_allclose(found.points[place], theirs.x, atol=1e-4)
        assert found.values[place] == pytest.approx(theirs.fun, rel=1e-10)
    assert found.converged.all()


def test_problems_do_not_see_each_other():
    """Alone, in another order, or beside one that takes far longer: the same points after the same steps."""
    function, ends = quadratics()
    together = minimize(function, np.zeros_like(ends))
    for place in range(len(ends)):
        alone = minimize(lambda x, _, p=place: function(x, np.full(len(x), p)), np.zeros_like(ends[:1]))
        np.testing.assert_array_equal(alone.points[0], together.points[place])
        assert alone.steps[0] == together.steps[place]


def test_what_has_ended_is_not_evaluated():
    function, ends = quadratics()
    asked = np.zeros(len(ends), int)

    def counted(points, which):
        np.add.at(asked, which, 1)
        return function(points, which)

    found = minimize(counted, np.zeros_like(ends))
    assert (asked >= found.steps + 1).all() and asked[0] < asked[-1] / 2


def test_steps_that_run_out_are_said():
    function, ends = quadratics()
    found = minimize(function, np.zeros_like(ends), steps=5)
    assert found.converged[0] and not found.converged[-1]
    assert found.steps.max() == 5 and (found.values < function(np.zeros_like(ends), np.arange(5))[0]).all()


def test_a_minimum_at_the_start_is_found_at_once():
    found = minimize(lambda x, _: (np.sum(x**2, 1), 2 * x, np.full_like(x, 2)), np.zeros([2, 3]))
    assert found.converged.all() and found.steps.tolist() == [0, 0] and found.values.tolist() == [0, 0]


def test_a_start_that_has_no_value_is_refused():
    with pytest.raises(ValueError, match=r"must be finite where it starts; got \[nan\]"):
        minimize(lambda x, _: (np.array([np.nan]), x, np.ones_like(x)), np.zeros([1, 2]))


def test_a_gradient_that_is_not_that_of_the_values_is_not_called_converged():
    found = minimize(lambda x, _: (1 + np.sum(x**2, 1), -2 * x, np.full_like(x, 2)), np.ones([1, 3]))
    assert not found.converged[0] and found.values[0] == pytest.approx(4)
