"""The linear probe without a schedule: logistic regression whose penalty is chosen on held-out training images.

Protocol of the transfer tables (Kornblith et al., 2019, arXiv:1805.08974; SimCLR, arXiv:2002.05709, App. B.8.1): no
augmentation; 45 penalties from 1e-6 to 1e5, spaced evenly in their logarithm; the one that is best on a held-out part
of the training images; trained again on all of them; tested once. Features are taken as they come: their scale is part
of what a penalty means. What a penalty weighs against: `logistic.py`. Sets of labels (VOC 2007) are not covered.
"""

from __future__ import annotations

from typing import Optional

import numpy as np

from supcon_tf.evaluation.arrays import labelled_rows
from supcon_tf.evaluation.classification import mean_per_class
from supcon_tf.evaluation.logistic import PENALTIES, answers, fit

SCORES = {"top1": lambda right, labels: float(right.mean()), "mean_per_class": mean_per_class}


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


def _split(features: np.ndarray, labels: np.ndarray, *, share: float, seed: int) -> tuple:
    """((features, labels) to train on, (features, labels) held out)."""
    held = round(share * len(features))
    if not 0 < held < len(features):
        raise ValueError(f"share must leave images on both sides; {share} of {len(features)} holds out {held}.")
    order = np.random.default_rng(seed).permutation(len(features))
    return tuple((features[part], labels[part]) for part in (order[held:], order[:held]))
