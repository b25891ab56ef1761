"""L-BFGS (Nocedal & Wright, Sec. 7.2) for several smooth convex problems at once, which share every evaluation.

Each problem has its own steps, line search and end; what has ended is no longer evaluated. The inverse Hessian starts
from the diagonal of an estimate that the function hands over with its gradient, so that problems whose variables are
of very different scales need few steps.
"""

from __future__ import annotations

from typing import Callable, NamedTuple

import numpy as np

DECREASE = 1e-4  # share of the decrease a straight line promises that a step must bring (Armijo)
ROUNDING = 1e-14  # of a value: what a sum in float64 may be off
LOST = 1e-6  # of a value: what a problem that no step helps may still promise and count as converged
TRIES = 30  # step lengths of one line search


class Minimum(NamedTuple):
    """Where problems ended.

    Attributes:
        points: float64 [L, P].
        values: float64 [L].
        steps: int64 [L], steps taken.
        converged: bool [L]; False where the steps ran out, or no step lowered a value that should be lower.

    Example:
        >>> Minimum(np.zeros([1, 2]), np.zeros(1), np.array([7]), np.array([True])).steps.tolist()
        [7]
    """

    points: np.ndarray
    values: np.ndarray
    steps: np.ndarray
    converged: np.ndarray


def minimize(
    function: Callable,
    start: np.ndarray,
    *,
    tolerance: float = 1e-9,
    resolution: float = 0.0,
    steps: int = 5000,
    history: int = 10,
) -> Minimum:
    """The minima of L convex functions.

    A problem has converged when two steps in a row promise, by the quadratic model, to lower it by no more than
    `tolerance` of its value, or when no step lowers it any more in float64 and little is promised. Memory, in float64:
    (2 history + 8) [L, P].

    Args:
        function: from points [A, P] and the numbers [A] of the problems that they belong to, to values [A], gradients
            [A, P] and estimates > 0 of the Hessian's diagonal [A, P].
        start: float64 [L, P].
        tolerance: relative to the value.
        resolution: what a value may be off, where it is the small sum of many terms: no less is asked for.
        steps: at most so many, for each problem.
        history: pairs of differences that the inverse Hessian is made of.

    Raises:
        ValueError: a value at the start is not finite.

    Example:
        >>> scale = np.array([[1.0], [100.0]])
        >>> def parabolas(x, which):
        ...     return 3 + np.sum(scale[which] * (x - 2) ** 2, 1), 2 * scale[which] * (x - 2), np.ones_like(x)
        >>> found = minimize(parabolas, np.zeros([2, 3]))
        >>> found.points.round(4).tolist(), found.converged.tolist()
        ([[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]], [True, True])
    """
    count = len(start)
    end = Minimum(np.array(start), np.empty(count), np.zeros(count, np.int64), np.zeros(count, bool))
    which = np.arange(count)
    at = (np.array(start), *function(start, which))  # points [A, P], values [A], gradients [A, P], curvatures [A, P]
    if not np.isfinite(at[1]).all():
        raise ValueError(f"the function must be finite where it starts; got {at[1]}. Look at the scale of its inputs.")
    pairs: list = []
    calm, stuck = np.zeros(count, np.int64), np.zeros(count, bool)  # steps in a row that promised nothing; none helps
    for step in range(steps + 1):
        direction = _direction(at, pairs)
        slope = np.sum(at[2] * direction, 1)  # [A]
        promised, size = -slope / 2, np.abs(at[1])  # [A]
        calm = np.where(promised <= tolerance * size + resolution, calm + 1, 0)
        done = stuck | (calm > 1) | (slope >= 0)
        end.points[which], end.values[which], end.steps[which] = *at[:2], step
        end.converged[which] = done & (promised <= max(tolerance, LOST) * size + resolution)
        if done.all() or step == steps:
            return end
        if done.any():
            which, calm, direction, slope = (array[~done] for array in (which, calm, direction, slope))
            at, *pairs = (tuple(array[~done] for array in arrays) for arrays in (at, *pairs))
        old = at
        at, stuck = _searched(function, which, old, direction, slope)
        pairs = [*pairs[-history + 1 :], _pair(old, at)]


def _direction(at: tuple, pairs: list) -> np.ndarray:
    """- H g, [A, P]: the two loops of L-BFGS. Pairs (s, y, 1 / s.y) are from old to new; 1 / s.y is 0 for none."""
    rest, factors = at[2], []
    for moved, change, inverse in reversed(pairs):
        factors.append(inverse * np.sum(moved * rest, 1))  # [A]
        rest = rest - factors[-1][:, None] * change
    found = rest / at[3]
    if pairs:
        moved, change, inverse = pairs[-1]
        scale = np.sum(moved * change, 1) / np.maximum(np.sum(change**2 / at[3], 1), np.finfo(np.float64).tiny)
        found *= np.where(inverse > 0, scale, 1)[:, None]
    for (moved, change, inverse), factor in zip(pairs, reversed(factors)):
        found += (factor - inverse * np.sum(change * found, 1))[:, None] * moved
    return -found


def _pair(old: tuple, new: tuple) -> tuple:
    moved, change = new[0] - old[0], new[2] - old[2]  # s, y: [A, P]
    product = np.sum(moved * change, 1)  # [A]
    sound = product > 1e-16 * np.sqrt(np.sum(moved**2, 1) * np.sum(change**2, 1))
    return moved, change, np.where(sound, 1 / np.where(sound, product, 1), 0)


def _searched(function: Callable, which: np.ndarray, at: tuple, direction: np.ndarray, slope: np.ndarray) -> tuple:
    """(where a step along each direction leads, as `at`; bool [A], whether none lowers the value).

    The length begins at 1 and shrinks to the lowest point of the parabola through what is known, to a tenth at least.
    """
    new = tuple(np.array(array) for array in at)
    length, open_ = np.ones(len(which)), np.arange(len(which))  # which problems still search
    for _ in range(TRIES):
        points = at[0][open_] + length[open_, None] * direction[open_]
        values, *rest = function(points, which[open_])
        value, drop = at[1][open_], slope[open_] * length[open_]
        near = -slope[open_] <= LOST * np.abs(value)  # so near to the end that rounding may hide what a step brings
        good = np.where(near, values <= value + ROUNDING * np.abs(value), values < value)
        good &= values <= value + DECREASE * drop + ROUNDING * np.abs(value)
        for whole, part in zip(new, (points, values, *rest)):
            whole[open_[good]] = part[good]
        with np.errstate(invalid="ignore", over="ignore"):
            lowest = -drop / np.maximum(2 * (values - value - drop), np.finfo(np.float64).tiny)
        length[open_] *= np.clip(np.nan_to_num(lowest, nan=0.1), 0.1, 0.5)
        open_ = open_[~good]
        if not len(open_):
            break
    stuck = np.zeros(len(which), bool)
    stuck[open_] = True
    return new, stuck
