"""Logistic regression where an image has a set of labels: one yes or no a class, for all penalties at once.

    minimum over w [F], b of    sum over images of log(1 + exp(-y (x w + b)))  +  lambda / 2 ||w||^2        y is 1 or -1

for each class by itself, which is scikit-learn's `LogisticRegression(C=1 / lambda)` of each column of the labels. An
image that does not count for a class (label -1: all its objects of the class are difficult, VOC 2007) is left out of
the sum of that class. What lambda weighs against, and why: `logistic.py`.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from supcon_tf.evaluation.arrays import rows_of
from supcon_tf.evaluation.lbfgs import minimize
from supcon_tf.evaluation.logistic import BLOCK, PENALTIES, RESOLUTION, LinearFit, penalties_of, turned


def fit_sets(features, labels, *, penalties=PENALTIES, tolerance: float = 1e-9, steps: int = 5000) -> LinearFit:
    """The classifiers of all penalties and classes; each of the L C problems has its own steps and its own end.

    Args:
        features: float [n, F].
        labels: [n, C], 1 for a label of the image, 0 for none, -1 for a class that the image does not count for.
        penalties: lambdas > 0 [L].
        tolerance: of the objective, relative (see `lbfgs.minimize`); or 1e-14 an image, where that is more.
        steps: at most so many of L-BFGS.

    Returns:
        `LinearFit` with weights [L, F, C] and biases [L, C]; objectives, steps and converged are [L, C].

    Raises:
        ValueError: shapes that do not belong together, other labels, NaN, a penalty that is not > 0.

    Example:
        >>> found = fit_sets([[-1.0], [1.0]], [[0, 1], [1, 1]], penalties=[1e-3, 1e3])
        >>> (logits_of(found, [[0.5]])[0, 0] > 0).tolist()
        [True, True]
    """
    features, labels = rows_with_sets(features, labels)
    penalties = penalties_of(penalties)
    centre = features.mean(0, dtype=np.float64)  # [F]
    turn, rows = turned(features - centre)  # [F, r], [n, r]
    shape = len(penalties), labels.shape[1]
    function = _objective(rows, labels, penalties=penalties)
    start = np.zeros([shape[0] * shape[1], rows.shape[1] + 1])
    found = minimize(function, start, tolerance=tolerance, resolution=RESOLUTION * len(labels), steps=steps)
    points = found.points.reshape(*shape, -1).transpose(0, 2, 1)  # [L, r + 1, C]
    weights = turn @ points[:, :-1]  # [L, F, C]
    values, taken, converged = (each.reshape(shape) for each in (found.values, found.steps, found.converged))
    return LinearFit(weights, points[:, -1] - centre @ weights, values, taken, converged)


def logits_of(found: LinearFit, features) -> np.ndarray:
    """What the classifiers of each penalty say of each row and class, float64 [L, n, C]; above 0 is yes.

    Example:
        >>> found = LinearFit(np.array([[[1.0, -2.0]]]), np.zeros([1, 2]), *(np.zeros([1, 2]) for _ in range(3)))
        >>> logits_of(found, [[3.0]]).tolist()
        [[[3.0, -6.0]]]
    """
    features = rows_of(features, width=found.weights.shape[1]).astype(np.float64)
    return features @ found.weights + found.biases[:, None]


def rows_with_sets(features, labels, *, classes=None, width=None) -> tuple:
    """(features [n, F], labels int64 [n, C] of 1, 0 and -1) that belong together; F and C where they are known.

    Raises:
        ValueError: shapes that do not belong together, other labels, NaN.

    Example:
        >>> rows_with_sets([[1.0]], [[1.0, -1.0]])[1].tolist()
        [[1, -1]]
    """
    features, labels = rows_of(features, width=width), np.asarray(labels)
    wanted = f"[{len(features)}, {classes or 'C'}]"
    if labels.ndim != 2 or len(labels) != len(features) or classes not in (None, labels.shape[1]):
        raise ValueError(f"labels must be {wanted}, one yes or no a class for each row; got {list(labels.shape)}.")
    if not np.isin(labels, (-1, 0, 1)).all():
        raise ValueError("labels must be 1 for yes, 0 for no, -1 for neither; got others.")
    return features, labels.astype(np.int64)


def _objective(features: np.ndarray, labels: np.ndarray, *, penalties: np.ndarray):
    """For `minimize`: problem l C + c is class c under penalty l; points are weights, then the bias: [A, r + 1]."""
    classes = labels.shape[1]
    squares = np.append((features**2).sum(0), len(features))  # [r + 1]
    rows = tf.constant(np.concatenate([features, np.ones([len(features), 1])], 1))  # [n, r + 1]
    penalised = np.append(np.ones(features.shape[1]), 0)  # [r + 1]: not the bias

    def function(points, which):
        penalty = penalties[which // classes, None] * penalised  # [A, r + 1]
        values, gradients, spread = _of_data(rows, labels, points, which % classes)
        values = values + np.sum(penalty * points**2, 1) / 2
        curvature = np.maximum(spread[:, None] / len(labels), 1e-12) * squares + penalty  # [A, r + 1]
        return values, gradients + penalty * points, curvature

    return function


def _of_data(rows: tf.Tensor, labels: np.ndarray, points: np.ndarray, classes: np.ndarray) -> tuple:
    """Sums over images: losses [A], gradients [A, r + 1], and p (1 - p) [A]."""
    columns = tf.constant(points.T)  # [r + 1, A]
    values, gradients, spread = 0.0, 0.0, 0.0
    size = max(BLOCK // len(points), 64)
    for start in range(0, len(labels), size):
        part = rows[start : start + size]  # [b, r + 1]
        given = labels[start : start + size]  # [b, C]
        target = tf.gather(tf.constant(np.maximum(given, 0.0)), classes, axis=1)  # [b, A]
        counts = tf.gather(tf.constant((given >= 0).astype(np.float64)), classes, axis=1)  # [b, A]
        logits = part @ columns  # [b, A]
        probability = tf.sigmoid(logits)
        values += tf.reduce_sum(counts * tf.nn.sigmoid_cross_entropy_with_logits(target, logits), 0)
        gradients += tf.matmul(counts * (probability - target), part, transpose_a=True)  # [A, r + 1]
        spread += tf.reduce_sum(counts * probability * (1 - probability), 0)
    return values.numpy(), gradients.numpy(), spread.numpy()
