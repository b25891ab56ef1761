"""Multinomial logistic regression on frozen features, for all penalties at once, solved to the optimum.

    minimum over W [F, C], b [C] of    sum over images of -log softmax(x W + b)[label]  +  lambda / 2 ||W||^2

Papers do not say whether lambda weighs against the sum or the mean of the losses. Here it is the sum, which makes
lambda what scikit-learn calls 1/C (`LogisticRegression(C=1 / lambda)`); a lambda for the mean is that of n lambda here,
n the number of training images: `penalties=n * their_penalties`. The bias is not penalised, as there.

One product of the features with the weights of all penalties serves them all (`lbfgs.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from supcon_tf.evaluation.arrays import labelled_rows, rows_of
from supcon_tf.evaluation.lbfgs import minimize

PENALTIES = np.logspace(-6, 5, 45)  # the protocol of `linear_probe.py`
RESOLUTION = 1e-14  # of the loss of an image, that of logits in float64
BLOCK = 2**21  # logits of all penalties at a time: 16 MB in float64


class LinearFit(NamedTuple):
    """The classifiers of L penalties.

    Attributes:
        weights: float64 [L, F, C].
        biases: float64 [L, C].
        objectives: float64 [L], the value of what is minimised.
        steps: int64 [L], steps that L-BFGS took.
        converged: bool [L].

    Example:
        >>> LinearFit(*(np.zeros(1) for _ in range(5))).steps.tolist()
        [0.0]
    """

    weights: np.ndarray
    biases: np.ndarray
    objectives: np.ndarray
    steps: np.ndarray
    converged: np.ndarray


def fit(
    features, labels, *, classes: int, penalties=PENALTIES, tolerance: float = 1e-9, steps: int = 5000
) -> LinearFit:
    """The classifiers of all penalties.

    Memory: features in float64 three times, 28 times the weights of all penalties, and blocks of 16 MB; for very many
    classes take the penalties in groups.

    Args:
        features: float [n, F].
        labels: int [n], from 0 to C - 1.
        classes: C.
        penalties: lambdas > 0 [L].
        tolerance: of the objective, relative (see `lbfgs.minimize`); or 1e-14 an image, where that is more.
        steps: at most so many of L-BFGS.

    Raises:
        ValueError: shapes that do not belong together, labels outside of 0 to C - 1, NaN, a penalty that is not > 0.

    Example:
        >>> found = fit([[-1.0], [1.0]], [0, 1], classes=2, penalties=[1e-3, 1e3])
        >>> answers(found, [[-0.1], [0.2]]).tolist()
        [[0, 1], [0, 1]]
    """
    features, labels = labelled_rows(features, labels, classes=classes)
    penalties = penalties_of(penalties)
    centre = features.mean(0, dtype=np.float64)  # [F]
    turn, rows = turned(features - centre)  # [F, r], [n, r]
    function = _objective(rows, labels, classes=classes, penalties=penalties)
    start = np.zeros([len(penalties), (rows.shape[1] + 1) * classes])
    found = minimize(function, start, tolerance=tolerance, resolution=RESOLUTION * len(labels), steps=steps)
    points = found.points.reshape(len(penalties), -1, classes)  # [L, r + 1, C]
    weights = turn @ points[:, :-1]  # [L, F, C]
    return LinearFit(weights, points[:, -1] - centre @ weights, found.values, found.steps, found.converged)


def answers(found: LinearFit, features) -> np.ndarray:
    """The class that the classifier of each penalty gives to each row, int64 [L, n]; of equal logits the first.

    Example:
        >>> found = LinearFit(np.array([[[1.0, -1.0]]]), np.zeros([1, 2]), np.zeros(1), np.ones(1), np.array([True]))
        >>> answers(found, [[2.0], [-2.0]]).tolist()
        [[0, 1]]
    """
    features = rows_of(features, width=found.weights.shape[1]).astype(np.float64)
    return np.stack([(features @ weights + bias).argmax(1) for weights, bias in zip(found.weights, found.biases)])


def penalties_of(penalties) -> np.ndarray:
    """Penalties, float64 [L].

    Raises:
        ValueError: none, or one that is not > 0.

    Example:
        >>> penalties_of([1, 2]).tolist()
        [1.0, 2.0]
    """
    penalties = np.asarray(penalties, np.float64)
    if penalties.ndim != 1 or not len(penalties) or not (penalties > 0).all():
        raise ValueError(f"penalties must be [L], each > 0 (without any there may be no minimum); got {penalties}.")
    return penalties


def turned(features: np.ndarray) -> tuple:
    """(Q [F, r] with orthonormal columns, features Q [n, r] with orthogonal columns), r the smaller of n and F.

    The optimal W is Q times that of the turned features, with the same penalty; but there the Hessian is nearly
    diagonal, which L-BFGS is given.

    Args:
        features: float [n, F].

    Example:
        >>> turn, rows = turned(np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]]))
        >>> np.allclose(rows[:, 0] @ rows[:, 1], 0), np.allclose(turn @ turn.T, np.eye(2))
        (True, True)
    """
    basis = None
    if len(features) < features.shape[1]:
        basis, corner = np.linalg.qr(features.T)  # [F, n], [n, n]
        features = corner.T  # [n, n]
    vectors = np.linalg.eigh(features.T @ features)[1]  # [r, r]
    return (vectors if basis is None else basis @ vectors), features @ vectors


def _objective(features: np.ndarray, labels: np.ndarray, *, classes: int, penalties: np.ndarray):
    """For `minimize`: points are weights and, as their last row, biases: [A, (r + 1) C]."""
    squares = np.append((features**2).sum(0), len(features))[:, None]  # [r + 1, 1]
    rows = tf.constant(np.concatenate([features, np.ones([len(features), 1])], 1))  # [n, r + 1]
    penalised = np.append(np.ones(features.shape[1]), 0)[:, None]  # [r + 1, 1]: not the bias

    def function(points, which):
        points = points.reshape(len(which), -1, classes)  # [A, r + 1, C]
        penalty = penalties[which, None, None] * penalised  # [A, r + 1, 1]
        values, gradients, spread = _of_data(rows, labels, points)
        values = values + np.sum(penalty * points**2, (1, 2)) / 2
        curvature = np.maximum(spread[:, None] / len(labels), 1e-12) * squares + penalty  # [A, r + 1, C]
        flat = len(which), -1
        return values, (gradients + penalty * points).reshape(flat), curvature.reshape(flat)

    return function


def _of_data(rows: tf.Tensor, labels: np.ndarray, points: np.ndarray) -> tuple:
    """Sums over images: losses [A], gradients [A, r + 1, C], and p (1 - p) of each class [A, C]."""
    count, width, classes = points.shape
    flat = tf.constant(points.transpose(1, 0, 2).reshape(width, -1))  # [r + 1, A C]
    values, gradients, spread = 0.0, 0.0, 0.0
    size = max(BLOCK // flat.shape[1], 64)
    for start in range(0, len(labels), size):
        part = rows[start : start + size]  # [b, r + 1]
        target = tf.one_hot(labels[start : start + size], classes, dtype=tf.float64)[:, None]  # [b, 1, C]
        logarithm = tf.nn.log_softmax(tf.reshape(part @ flat, [-1, count, classes]))  # [b, A, C]
        probability = tf.exp(logarithm)
        values -= tf.reduce_sum(logarithm * target, [0, 2])
        error = tf.reshape(probability - target, [-1, count * classes])  # [b, A C]
        gradients += tf.matmul(part, error, transpose_a=True)  # [r + 1, A C]
        spread += tf.reduce_sum(probability * (1 - probability), 0)
    return values.numpy(), gradients.numpy().reshape(width, count, classes).transpose(1, 0, 2), spread.numpy()
