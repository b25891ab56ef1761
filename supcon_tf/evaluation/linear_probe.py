"""The linear probe without a schedule: logistic regression whose penalty is chosen on held-out training images.

Protocol of the transfer tables (Kornblith et al., 2019, arXiv:1805.08974; SimCLR, arXiv:2002.05709, App. B.8.1): no
augmentation; 45 penalties from 1e-6 to 1e5, spaced evenly in their logarithm; the one that is best on a held-out part
of the training images; trained again on all of them; tested once. Features are taken as they come: their scale is part
of what a penalty means. What a penalty weighs against: `logistic.py`. Where an image has a set of labels (VOC 2007), a
classifier a class and one penalty for all: `logistic_sets.py`.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from supcon_tf.evaluation.arrays import labelled_rows
from supcon_tf.evaluation.average_precision import mean_average_precision
from supcon_tf.evaluation.classification import mean_per_class
from supcon_tf.evaluation.logistic import PENALTIES, LinearFit, answers, fit
from supcon_tf.evaluation.logistic_sets import fit_sets, logits_of, rows_with_sets


def linear_probe(
    train: tuple,
    test: tuple,
    *,
    classes: int,
    validation: Optional[tuple] = None,
    share: float = 0.2,
    penalties: NDArray[Any] = PENALTIES,
    score: str = "top1",
    seed: int = 0,
) -> dict[str, Any]:
    """Accuracy on the test images of the classifier whose penalty is best on held-out training images.

    Args:
        train: (features float [n, F], labels int [n] from 0 to C - 1); with "mean_average_precision" labels are
            [n, C], 1 for a label of the image, 0 for none, -1 for a class that the image does not count for.
        test: likewise, looked at once.
        classes: C.
        validation: likewise, the official validation images; None holds out a part of `train`.
        share: how much of `train` is held out.
        penalties: lambdas > 0 [L].
        score: what the penalty is chosen by and the test reported in: "top1", "mean_per_class", or for sets of labels
            the 11-point "mean_average_precision". Of penalties that are equally good the largest is taken.
        seed: of the choice of what is held out, without regard to classes.

    Returns:
        "accuracy" (the score of the test), "penalty", "validation_accuracy" (floats), "validation_accuracies" float64
        [L], "converged" (bool, of all that was solved).

    Raises:
        ValueError: shapes that do not belong together, labels outside of 0 to C - 1, NaN, unknown names; or sets of
            labels of which no held-out image has any.

    Example:
        >>> features = np.random.default_rng(0).normal(size=[60, 2])
        >>> labels = (features[:, 0] > 0).astype(int)
        >>> found = linear_probe((features[:40], labels[:40]), (features[40:], labels[40:]), classes=2)
        >>> found["accuracy"], found["converged"]
        (0.9, True)
    """
    how = {"validation": validation, "share": share, "penalties": penalties, "score": score, "seed": seed}
    return fitted_probe(train, test, classes=classes, **how)[0]


def fitted_probe(
    train: tuple, test: tuple, *, classes: int, validation: Optional[tuple] = None, share: float = 0.2,
    penalties: NDArray[Any] = PENALTIES, score: str = "top1", seed: int = 0,
) -> tuple[dict, LinearFit]:  # fmt: skip
    """What `linear_probe` finds, and the classifier of the penalty that it chose, of all training images.

    Example:
        >>> features = np.random.default_rng(0).normal(size=[60, 2])
        >>> labels = (features[:, 0] > 0).astype(int)
        >>> found, classifier = fitted_probe((features[:40], labels[:40]), (features[40:], labels[40:]), classes=2)
        >>> found["accuracy"], classifier.weights.shape
        (0.9, (1, 2, 2))
    """
    if score not in SCORES:
        raise ValueError(f"score must be one of {', '.join(SCORES)}; got {score!r}.")
    read, fitted, scored = SCORES[score]
    features, labels = read(*train, classes=classes)
    unseen = read(*test, classes=classes, width=features.shape[1])
    if validation is None:
        part, held = _split(features, labels, share=share, seed=seed)
    else:
        part, held = (features, labels), read(*validation, classes=classes, width=features.shape[1])
        features, labels = (np.concatenate(both) for both in zip(part, held))
    first = fitted(*part, classes=classes, penalties=penalties)
    found = scored(first, *held)  # [L]
    if np.isnan(found).any():
        raise ValueError("no held-out image has a label, so there is nothing to choose by: hold out more of them.")
    chosen = float(np.max(np.asarray(penalties)[found == found.max()]))
    last = fitted(features, labels, classes=classes, penalties=[chosen])
    told = {
        "accuracy": float(scored(last, *unseen)[0]),
        "penalty": chosen,
        "validation_accuracy": float(found.max()),
        "validation_accuracies": found,
        "converged": bool(first.converged.all() and last.converged.all()),
    }
    return told, last


def _split(features: NDArray[Any], labels: NDArray[Any], *, share: float, seed: int) -> tuple:
    """((features, labels) to train on, (features, labels) held out)."""
    held = round(share * len(features))
    if not 0 < held < len(features):
        raise ValueError(f"share must leave images on both sides; {share} of {len(features)} holds out {held}.")
    order = np.random.default_rng(seed).permutation(len(features))
    return tuple((features[part], labels[part]) for part in (order[held:], order[:held]))


def _fit_sets(features, labels, *, classes: int, penalties) -> LinearFit:
    return fit_sets(features, labels, penalties=penalties)


def _of_answers(measure: Callable, found: LinearFit, features: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
    """`measure` of what the classifier of each penalty says of rows with one class each, float64 [L]."""
    return np.array([measure(each == labels, labels) for each in answers(found, features)])


def _of_sets(found: LinearFit, features: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
    """Mean average precision of what the classifiers of each penalty say, float64 [L]."""
    return np.array([mean_average_precision(each, labels) for each in logits_of(found, features)])


class _Score(NamedTuple):
    """How rows are read, classifiers fitted, and the classifiers of all penalties judged."""

    read: Callable
    fitted: Callable
    scored: Callable  # from (found, features [n, F], labels) to float64 [L]


SCORES = {
    "top1": _Score(labelled_rows, fit, functools.partial(_of_answers, lambda right, labels: float(right.mean()))),
    "mean_per_class": _Score(labelled_rows, fit, functools.partial(_of_answers, mean_per_class)),
    "mean_average_precision": _Score(rows_with_sets, _fit_sets, _of_sets),
}
