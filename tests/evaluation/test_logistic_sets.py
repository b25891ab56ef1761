"""Logistic regressions of label sets against scikit-learn class by class, a gradient by hand, closed forms and laws."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from supcon_tf.evaluation import logistic_sets
from supcon_tf.evaluation.average_precision import mean_average_precision
from supcon_tf.evaluation.linear_probe import linear_probe
from supcon_tf.evaluation.logistic import PENALTIES
from supcon_tf.evaluation.logistic_sets import fit_sets, logits_of, rows_with_sets

CLASSES = 3


def clouds(count=120, width=6, seed=0):
    """Features that know something of sets of labels, of which one in ten does not count."""
    random = np.random.default_rng(seed)
    labels = (random.random([count, CLASSES]) < [0.5, 0.3, 0.1]).astype(int)
    features = random.normal(size=[count, width]) + labels @ np.cos(np.arange(CLASSES * width)).reshape(CLASSES, width)
    return features * np.logspace(-1, 1, width) + 2, np.where(random.random(labels.shape) < 0.1, -1, labels)


def sklearns(features, labels, penalty):
    counted = labels >= 0
    model = LogisticRegression(C=1 / penalty, solver="newton-cg", tol=1e-12, max_iter=10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it stopped at the last digit
        return model.fit(features[counted], labels[counted])


def objective(features, labels, weights, bias, penalty):
    """The formula of the file, one image at a time."""
    total = penalty / 2 * np.sum(weights**2)
    for row, label in zip(features, labels):
        if label >= 0:
            total += np.logaddexp(0, -(2 * label - 1) * (row @ weights + bias))
    return total


@pytest.mark.parametrize("count, width", [(120, 6), (40, 90)])  # more and fewer images than features
def test_each_class_has_scikit_learns_optimum(count, width):
    features, labels = clouds(count, width)
    found = fit_sets(features, labels)
    assert found.converged.all() and found.weights.shape == (45, width, CLASSES) and found.steps.max() < 500
    unseen = clouds(30, width, seed=1)[0]
    logits = logits_of(found, unseen)  # [L, n, C]
    for place in range(0, 45, 8):
        for label in range(CLASSES):
            theirs = sklearns(features, labels[:, label], PENALTIES[place])
            ours = found.weights[place, :, label], found.biases[place, label]
            mine = objective(features, labels[:, label], *ours, PENALTIES[place])
            expected = objective(features, labels[:, label], theirs.coef_[0], theirs.intercept_[0], PENALTIES[place])
            assert mine == pytest.approx(found.objectives[place, label], rel=1e-9)
            assert mine <= expected * (1 + 1e-6) + 1e-6
            if PENALTIES[place] > 1e-3:  # below, the minimum is flat
                np.testing.assert_allclose(
                    logits[place, :, label], theirs.decision_function(unseen), rtol=1e-3, atol=1e-3
                )


def test_the_gradient_is_that_of_differences():
    features, labels = clouds(20, 3)
    function = logistic_sets._objective(features, labels, penalties=np.array([0.1, 10.0]))
    points, which = np.random.default_rng(1).normal(size=[2, 4]) / 5, np.array([5, 1])  # class 2 of 10, class 1 of 0.1
    values, gradients, curvatures = function(points, which)
    assert values[0] == pytest.approx(objective(features, labels[:, 2], points[0, :3], points[0, 3], 10.0), rel=1e-12)
    assert values[1] == pytest.approx(objective(features, labels[:, 1], points[1, :3], points[1, 3], 0.1), rel=1e-12)
    for place in range(4):
        step = 1e-5 * np.eye(4)[place]
        slope = (function(points + step, which)[0] - function(points - step, which)[0]) / 2e-5
        np.testing.assert_allclose(gradients[:, place], slope, rtol=1e-5, atol=1e-6)
    assert (curvatures > 0).all()


def test_closed_forms_and_hard_cases():
    """Under a penalty that leaves no weights only shares are learnt; a class of one answer is learnt as such."""
    labels = np.array([[1, 0, 1]] * 30 + [[0, 0, 1]] * 60 + [[-1, -1, -1]] * 10)
    features = np.random.default_rng(0).normal(size=[100, 3])
    strong = fit_sets(features, labels, penalties=[1e12])
    assert strong.converged.all() and strong.biases[0, 0] == pytest.approx(np.log(0.5), abs=1e-4)
    assert strong.objectives[0, 0] == pytest.approx(-30 * np.log(1 / 3) - 60 * np.log(2 / 3), rel=1e-6)
    assert strong.biases[0, 1] < -10 and strong.biases[0, 2] > 10 and np.isfinite(strong.weights).all()


def test_classes_penalties_and_blocks_do_not_see_each_other(monkeypatch):
    features, labels = clouds()
    together = fit_sets(features, labels)
    alone = fit_sets(features, labels[:, 1:2], penalties=PENALTIES[30:31])
    np.testing.assert_allclose(alone.objectives[0, 0], together.objectives[30, 1], rtol=1e-8)
    monkeypatch.setattr(logistic_sets, "BLOCK", 64)
    np.testing.assert_allclose(fit_sets(features, labels).objectives, together.objectives, rtol=1e-8)
    kept = labels[:, 0] >= 0
    without = fit_sets(features[kept], labels[kept, :1], penalties=[1.0])
    np.testing.assert_allclose(
        fit_sets(features, labels[:, :1], penalties=[1.0]).objectives, without.objectives, rtol=1e-8
    )


def test_the_probe_chooses_one_penalty_by_mean_average_precision():
    train, held, test = clouds(60), clouds(50, seed=1), clouds(70, seed=2)
    penalties = np.logspace(-3, 5, 9)
    how = {"classes": CLASSES, "penalties": penalties, "score": "mean_average_precision"}
    found = linear_probe(train, test, validation=held, **how)
    scores = [
        mean_average_precision(each, held[1]) for each in logits_of(fit_sets(*train, penalties=penalties), held[0])
    ]
    np.testing.assert_allclose(found["validation_accuracies"], scores)
    assert found["penalty"] == penalties[np.flatnonzero(scores == np.max(scores))[-1]] and found["converged"]
    both = tuple(np.concatenate(pair) for pair in zip(train, held))
    theirs = [sklearns(both[0], both[1][:, label], found["penalty"]).decision_function(test[0]) for label in range(3)]
    assert found["accuracy"] == pytest.approx(mean_average_precision(np.stack(theirs, 1), test[1]), abs=0.01)
    assert found["accuracy"] > mean_average_precision(np.zeros(test[1].shape), test[1]) + 0.05  # control: no answer


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0, 1], r"labels must be \[2, C\], one yes or no a class for each row; got \[2\]"),
        ([[0.5], [1]], "1 for yes, 0 for no, -1 for neither"),
        ([[1, 0]], r"labels must be \[2, C\]"),
    ],
)
def test_labels_that_mean_nothing_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        rows_with_sets(np.ones([2, 3]), labels)


def test_images_without_any_label_cannot_choose():
    features, labels = clouds(20)
    with pytest.raises(ValueError, match="no held-out image has a label"):
        linear_probe((features, labels), (features, labels), classes=CLASSES, penalties=[1.0],
                     validation=(features, 0 * labels), score="mean_average_precision")  # fmt: skip
