"""What a classifier answers, as logits: measures take nothing else."""

from __future__ import annotations

import numpy as np

ROUNDED = 1e-2  # what a sum of probabilities may differ from 1 by: in 16 bits those of 1,000 classes come near


def as_logits(answers: np.ndarray, kind: str, *, label_sets: bool = False) -> np.ndarray:
    """Logits of answers that are logits or probabilities.

    The logit of a probability is its logarithm; where each class has a yes or no of its own, log(p / (1 - p)). A
    probability of 0 counts as the smallest normal number of float32, 1.2e-38, whose logarithm is -87.3. A single
    answer is that of the second of two classes.

    Args:
        answers: float [n, C], or [n, 1] for two classes.
        kind: "logits" or "probabilities".
        label_sets: whether an image has a set of labels, and each class an answer of its own.

    Returns:
        float32 [n, C].

    Raises:
        ValueError: an answer is no number, "probabilities" are none, or "logits" are probabilities: softmax of these
            would give other probabilities, and every measure but the accuracy would be wrong.

    Example:
        >>> as_logits(np.array([[0.25, 0.75]]), "probabilities").round(3).tolist()
        [[-1.3860000371932983, -0.2879999876022339]]
        >>> as_logits(np.array([[0.25, 0.75]]), "logits")
        Traceback (most recent call last):
        ValueError: all rows of what the model gives lie in 0..1 and sum to 1, as probabilities do. ...
    """
    answers = np.asarray(answers, np.float32)  # [n, C]
    if not np.isfinite(answers).all():
        raise ValueError("the model gives answers that are no finite numbers; are its images what it wants?")
    second = answers.shape[1] == 1 and not label_sets
    alone = label_sets or second  # each answer by itself
    within = bool(((answers >= -1e-6) & (answers <= 1 + 1e-6)).all())
    sums = answers.sum(1)  # [n]
    chances = within and (alone or bool((np.abs(sums - 1) <= ROUNDED).all()))
    rule = "lie in 0..1" if alone else "lie in 0..1 and sum to 1"
    if kind == "logits":
        if chances and len(np.unique(answers)) > 1:
            raise ValueError(
                f"all rows of what the model gives {rule}, as probabilities do. Say --model.output=probabilities."
            )
        return np.concatenate([np.zeros_like(answers), answers], 1) if second else answers
    if not chances:
        raise ValueError(
            f"probabilities of an image must {rule}; the model gives {answers.min():.4g} to {answers.max():.4g}"
            + ("" if alone else f", sums {sums.min():.4g} to {sums.max():.4g}")
            + ". If these are logits, say --model.output=logits."
        )
    if second:
        return _log(np.concatenate([1 - answers, answers], 1))
    return _log(answers) - _log(1 - answers) if label_sets else _log(answers)


def _log(chances: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(chances, np.finfo(np.float32).tiny))
