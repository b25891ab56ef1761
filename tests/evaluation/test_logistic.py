"""Logistic regression against scikit-learn's optima, a gradient by hand, closed forms and laws."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from supcon_tf.evaluation import logistic
from supcon_tf.evaluation.logistic import PENALTIES, answers, fit
from tests.evaluation.clouds import CLASSES, clouds


def objective(features, labels, weights, bias, penalty):
    """The formula of the file, one image at a time."""
    total = penalty / 2 * np.sum(weights**2)
    for row, label in zip(features, labels):
        logits = row @ weights + bias
        total += np.log(np.sum(np.exp(logits - logits.max()))) + logits.max() - logits[label]
    return total


def sklearns(features, labels, penalty):
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it stopped at the last digit, and what it will be called one day
        return LogisticRegression(C=1 / penalty, solver="newton-cg", tol=1e-12, max_iter=10_000).fit(features, labels)


@pytest.mark.parametrize("count, width", [(150, 6), (40, 90)])  # more and fewer images than features
def test_optima_are_scikit_learns(count, width):
    features, labels = clouds(count, width)
    found = fit(features, labels, classes=CLASSES)
    assert found.converged.all() and found.weights.shape == (45, width, CLASSES)
    unseen, _ = clouds(60, width, seed=1)
    for place in range(0, 45, 4):
        theirs = sklearns(features, labels, PENALTIES[place])
        expected = objective(features, labels, theirs.coef_.T, theirs.intercept_, PENALTIES[place])
        ours = objective(features, labels, found.weights[place], found.biases[place], PENALTIES[place])
        assert ours == pytest.approx(found.objectives[place], rel=1e-9)
        assert abs(ours / expected - 1) < 1e-6
        np.testing.assert_array_equal(answers(found, unseen)[place], theirs.predict(unseen))


def test_the_penalties_are_those_of_the_protocol():
    assert len(PENALTIES) == 45 and PENALTIES[0] == pytest.approx(1e-6) and PENALTIES[-1] == pytest.approx(1e5)
    assert np.ptp(np.diff(np.log10(PENALTIES))) < 1e-12 and logistic.fit.__kwdefaults__["penalties"] is PENALTIES


def test_the_gradient_is_that_of_differences():
    features, labels = clouds(30, 3)
    function = logistic._objective(features, labels, classes=CLASSES, penalties=np.array([0.1, 10.0]))
    points, which = np.random.default_rng(1).normal(size=[2, 16]) / 5, np.array([1, 0])
    values, gradients, curvatures = function(points, which)
    weights = points[0].reshape(4, CLASSES)
    assert values[0] == pytest.approx(objective(features, labels, weights[:-1], weights[-1], 10.0), rel=1e-12)
    for place in range(16):
        step = 1e-5 * np.eye(16)[place]
        slope = (function(points + step, which)[0] - function(points - step, which)[0]) / 2e-5
        np.testing.assert_allclose(gradients[:, place], slope, rtol=1e-5, atol=1e-6)
    assert (curvatures > 0).all()


def test_closed_forms():
    """Without anything to tell classes by, and under a penalty that leaves no weights, only shares are learnt."""
    labels = np.array([0] * 50 + [1] * 30 + [2] * 20)
    entropy = -np.sum(np.array([50, 30, 20]) * np.log([0.5, 0.3, 0.2]))
    same = fit(np.ones([100, 3]), labels, classes=3, penalties=[1e-3, 1e3])
    np.testing.assert_allclose(same.objectives, entropy, rtol=1e-8)
    features = np.random.default_rng(0).normal(size=[100, 3])
    strong = fit(features, labels, classes=3, penalties=[1e12])
    assert strong.objectives[0] == pytest.approx(entropy, rel=1e-6)
    np.testing.assert_allclose(np.diff(strong.biases[0]), np.log([0.6, 2 / 3]), rtol=1e-4)
    weak = fit(np.eye(3)[labels], labels, classes=3, penalties=[1e-6])
    assert weak.objectives[0] < 1e-3 and (answers(weak, np.eye(3)[labels])[0] == labels).all()


def test_penalties_do_not_see_each_other(monkeypatch):
    features, labels = clouds()
    together = fit(features, labels, classes=CLASSES)
    alone = fit(features, labels, classes=CLASSES, penalties=PENALTIES[20:21])
    np.testing.assert_allclose(alone.objectives[0], together.objectives[20], rtol=1e-8)
    np.testing.assert_allclose(alone.weights[0], together.weights[20], atol=1e-3)
    assert (np.diff(together.objectives) > 0).all()  # a stronger penalty costs more
    assert (np.diff(np.sum(together.weights**2, (1, 2))) < 0).all()
    monkeypatch.setattr(logistic, "BLOCK", 64 * 45 * CLASSES)  # blocks of 64 images
    np.testing.assert_allclose(fit(features, labels, classes=CLASSES).objectives, together.objectives, rtol=1e-8)


def test_laws():
    """Turned and moved features have the same objective; a penalty means what the scale of features makes of it."""
    features, labels = clouds()
    random, setting = np.random.default_rng(2), {"classes": CLASSES, "penalties": [0.01, 1.0]}
    expected = fit(features, labels, **setting).objectives
    order, turn = random.permutation(len(labels)), np.linalg.qr(random.normal(size=[6, 6]))[0]
    np.testing.assert_allclose(fit(features @ turn + 5, labels, **setting).objectives, expected, rtol=1e-8)
    np.testing.assert_allclose(fit(features[order], labels[order], **setting).objectives, expected, rtol=1e-8)
    tenfold = fit(10 * features, labels, classes=CLASSES, penalties=[1.0, 100.0]).objectives
    np.testing.assert_allclose(tenfold, expected, rtol=1e-8)
    doubled = fit(np.repeat(features, 2, 0), np.repeat(labels, 2), classes=CLASSES, penalties=[0.02, 2.0]).objectives
    np.testing.assert_allclose(doubled, 2 * expected, rtol=1e-8)  # against the sum: for a mean it would not scale


@pytest.mark.parametrize("penalties", [[0.0, 1.0], [], 1.0, [np.nan]])
def test_penalties_that_mean_nothing_are_refused(penalties):
    with pytest.raises(ValueError, match=r"penalties must be \[L\], each > 0"):
        fit(*clouds(30, 3), classes=CLASSES, penalties=penalties)


def test_features_and_labels_that_mean_nothing_are_refused():
    features, labels = clouds(30, 3)
    with pytest.raises(ValueError, match="labels must be from 0 to 2; got 0 to 3"):
        fit(features, labels, classes=3)
    with pytest.raises(ValueError, match=r"features must be \[n, 3\], one row an image; got \[2, 4\]"):
        answers(fit(features, labels, classes=CLASSES, penalties=[1.0]), np.ones([2, 4]))


def hard_cases():
    features, labels = clouds(60, 5)
    return {
        "scales": (features * np.logspace(-6, 6, 5), labels),
        "huge": (1e6 * features + 1e6, labels),
        "the same feature twice": (np.concatenate([features, features], 1), labels),
        "separable": (100 * np.eye(CLASSES)[labels], labels),
        "a class without images": (features, labels % 3),
        "one class": (features, 0 * labels),
        "fewer images than classes": (features[:3], labels[:3]),
    }


@pytest.mark.parametrize("features, labels", hard_cases().values(), ids=hard_cases())
def test_every_penalty_converges_on_hard_cases(features, labels):
    found = fit(features, labels, classes=CLASSES)
    assert found.converged.all() and found.steps.max() < 500 and np.isfinite(found.weights).all()
    assert (np.diff(found.objectives) >= -1e-9 * found.objectives[1:] - 1e-11).all()
