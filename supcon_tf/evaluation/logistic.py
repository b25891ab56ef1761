"""The linear probe without a schedule: multinomial logistic regression on frozen features, solved to its optimum.

Protocol of the transfer tables (Kornblith et al., 2019, arXiv:1805.08974; SimCLR, arXiv:2002.05709, App. B.8.1): no
augmentation; 45 penalties from 1e-6 to 1e5, spaced evenly in their logarithm; the one that is best on a held-out part
of the training images; trained again on all of them; tested once. Features are taken as they come: their scale is part
of what a penalty means.

    minimum over W [F, C], b [C] of    sum over images of -log softmax(x W + b)[label]  +  lambda / 2 ||W||^2

The papers do not say whether lambda weighs against the sum or the mean of the losses. Here it is the sum, which makes
lambda what scikit-learn calls 1/C (`LogisticRegression(C=1 / lambda)`); a lambda for the mean is n times smaller, n the
number of training images: `penalties=n * their_penalties`. The bias is not penalised, as there.

All penalties are solved at once: one product of the features with the weights of all serves them all (`lbfgs.py`).
"""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf

from supcon_tf.evaluation.arrays import labelled_rows, rows_of
from supcon_tf.evaluation.classification import mean_per_class
from supcon_tf.evaluation.lbfgs import minimize

PENALTIES = np.logspace(-6, 5, 45)
SCORES = {"top1": lambda right, labels: float(right.mean()), "mean_per_class": mean_per_class}
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


def linear_probe(
    train: tuple,
    test: tuple,
    *,
    classes: int,
    validation: Optional[tuple] = None,
    share: float = 0.2,
    penalties: np.ndarray = PENALTIES,
    score: str = "top1",
    seed: int = 0,
) -> dict:
    """Accuracy on the test images of the classifier whose penalty is best on held-out training images.

    Args:
        train: (features float [n, F], labels int [n] from 0 to C - 1).
        test: likewise, looked at once.
        classes: C.
        validation: likewise, the official validation images; None holds out a part of `train`.
        share: how much of `train` is held out.
        penalties: lambdas > 0 [L].
        score: what the penalty is chosen by and the test reported in: "top1" or "mean_per_class". Of penalties that
            are equally good the largest is taken.
        seed: of the choice of what is held out, without regard to classes.

    Returns:
        "accuracy", "penalty", "validation_accuracy" (floats), "validation_accuracies" float64 [L], "converged" (bool,
        of all that was solved).

    Raises:
        ValueError: shapes that do not belong together, labels outside of 0 to C - 1, NaN, unknown names.

    Example:
        >>> features = np.random.default_rng(0).normal(size=[60, 2])
        >>> labels = (features[:, 0] > 0).astype(int)
        >>> found = linear_probe((features[:40], labels[:40]), (features[40:], labels[40:]), classes=2)
        >>> found["accuracy"], found["converged"]
        (0.9, True)
    """
    features, labels = labelled_rows(*train, classes=classes)
    unseen, truth = labelled_rows(*test, classes=classes, width=features.shape[1])
    if score not in SCORES:
        raise ValueError(f"score must be one of {', '.join(SCORES)}; got {score!r}.")
    if validation is None:
        part, held = _split(features, labels, share=share, seed=seed)
    else:
        part, held = (features, labels), labelled_rows(*validation, classes=classes, width=features.shape[1])
        features, labels = (np.concatenate(both) for both in zip(part, held))
    first = fit(*part, classes=classes, penalties=penalties)
    found = np.array([SCORES[score](each == held[1], held[1]) for each in answers(first, held[0])])  # [L]
    chosen = float(np.max(np.asarray(penalties)[found == found.max()]))
    last = fit(features, labels, classes=classes, penalties=[chosen])
    return {
        "accuracy": SCORES[score](answers(last, unseen)[0] == truth, truth),
        "penalty": chosen,
        "validation_accuracy": float(found.max()),
        "validation_accuracies": found,
        "converged": bool(first.converged.all() and last.converged.all()),
    }


def fit(
    features, labels, *, classes: int, penalties=PENALTIES, tolerance: float = 1e-9, steps: int = 5000
) -> LinearFit:
    """The classifiers of all penalties.

    Memory: features in float64 twice, 28 times the weights of all penalties, and blocks of 16 MB; for very many
    classes take the penalties in groups.

    Args:
        features: float [n, F].
        labels: int [n], from 0 to C - 1.
        classes: C.
        penalties: lambdas > 0 [L].
        tolerance: of the objective, relative (see `lbfgs.minimize`).
        steps: at most so many of L-BFGS.

    Raises:
        ValueError: shapes that do not belong together, labels outside of 0 to C - 1, NaN, a penalty that is not > 0.

    Example:
        >>> found = fit([[-1.0], [1.0]], [0, 1], classes=2, penalties=[1e-3, 1e3])
        >>> answers(found, [[-0.1], [0.2]]).tolist()
        [[0, 1], [0, 1]]
    """
    features, labels = labelled_rows(features, labels, classes=classes)
    penalties = np.asarray(penalties, np.float64)
    if penalties.ndim != 1 or not len(penalties) or not (penalties > 0).all():
        raise ValueError(f"penalties must be [L], each > 0 (without any there may be no minimum); got {penalties}.")
    centre = features.mean(0, dtype=np.float64)  # [F]
    turn, turned = _turned(features - centre)  # [F, r], [n, r]
    function = _objective(turned, labels, classes=classes, penalties=penalties)
    start = np.zeros([len(penalties), (turned.shape[1] + 1) * classes])
    found = minimize(function, start, tolerance=tolerance, steps=steps)
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
    features = rows_of(features, width=found.weights.shape[1])
    return np.stack([(features @ weights + bias).argmax(1) for weights, bias in zip(found.weights, found.biases)])


def _split(features: np.ndarray, labels: np.ndarray, *, share: float, seed: int) -> tuple:
    """((features, labels) to train on, (features, labels) held out)."""
    held = round(share * len(features))
    if not 0 < held < len(features):
        raise ValueError(f"share must leave images on both sides; {share} of {len(features)} holds out {held}.")
    order = np.random.default_rng(seed).permutation(len(features))
    return tuple((features[part], labels[part]) for part in (order[held:], order[:held]))


def _turned(features: np.ndarray) -> tuple:
    """(Q [F, r] with orthonormal columns, features Q [n, r] with orthogonal columns), r the smaller of n and F.

    The optimal W is Q times that of the turned features, with the same penalty; but there the Hessian is nearly
    diagonal, which L-BFGS is given.
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
