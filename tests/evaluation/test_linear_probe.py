"""The linear probe against scikit-learn, its steps one by one, and a control for each choice."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from supcon_tf.evaluation.linear_probe import linear_probe
from supcon_tf.evaluation.logistic import PENALTIES, answers, fit
from tests.evaluation.clouds import CLASSES, clouds


def test_the_probe_chooses_on_what_is_held_out_and_trains_again_on_all():
    train, test = clouds(200), clouds(120, seed=1)
    found = linear_probe(train, test, classes=CLASSES, seed=3)
    order = np.random.default_rng(3).permutation(200)
    held, kept = order[:40], order[40:]
    scores = answers(fit(train[0][kept], train[1][kept], classes=CLASSES), train[0][held]) == train[1][held]
    np.testing.assert_array_equal(found["validation_accuracies"], scores.mean(1))
    penalty = PENALTIES[np.flatnonzero(scores.mean(1) == scores.mean(1).max())[-1]]  # the largest of the best
    assert found["penalty"] == penalty and found["converged"] is True
    assert found["validation_accuracy"] == scores.mean(1).max() > scores.mean(1).min()
    theirs = LogisticRegression(C=1 / penalty, solver="newton-cg", tol=1e-10, max_iter=1000).fit(*train)
    assert found["accuracy"] == pytest.approx(np.mean(theirs.predict(test[0]) == test[1]))
    assert found["accuracy"] > 0.5


def test_of_equally_good_penalties_it_takes_the_largest():
    labels = np.arange(80) % CLASSES
    split = np.eye(CLASSES)[labels], labels
    found = linear_probe(split, split, classes=CLASSES, penalties=[10.0, 0.1, 1.0])
    assert found["validation_accuracies"].tolist() == [1, 1, 1] and found["penalty"] == 10


def test_given_validation_images_are_what_it_chooses_on():
    train, test, held = clouds(100), clouds(120, seed=1), clouds(50, seed=2)
    found = linear_probe(train, test, classes=CLASSES, validation=held, penalties=[1e-3, 1.0, 1e3])
    scores = answers(fit(*train, classes=CLASSES, penalties=[1e-3, 1.0, 1e3]), held[0]) == held[1]
    np.testing.assert_array_equal(found["validation_accuracies"], scores.mean(1))
    both = tuple(np.concatenate(pair) for pair in zip(train, held))
    last = answers(fit(*both, classes=CLASSES, penalties=[found["penalty"]]), test[0])[0]
    assert found["accuracy"] == np.mean(last == test[1])


def test_garbage_in_the_test_changes_no_choice_and_garbage_in_validation_does():
    train, test, held = clouds(100), clouds(120, seed=1), clouds(50, seed=2)
    random = np.random.default_rng(0)

    def chosen(test, held):
        found = linear_probe(train, test, classes=CLASSES, validation=held, penalties=np.logspace(-3, 3, 13))
        return found["penalty"], found["validation_accuracies"].tolist()

    def garbage(part):
        return part[0], random.permutation(part[1])

    assert chosen(garbage(test), held) == chosen(test, held)
    assert chosen(test, garbage(held))[0] != chosen(test, held)[0]  # control: it is what decides


def test_classes_may_count_equally():
    train, test = clouds(100), clouds(120, seed=1)
    rare = test[1] < 2
    skewed = tuple(np.concatenate([array[rare]] * 5 + [array[~rare]]) for array in test)
    found = linear_probe(train, test, classes=CLASSES, score="mean_per_class", penalties=[1.0])
    again = linear_probe(train, skewed, classes=CLASSES, score="mean_per_class", penalties=[1.0])
    assert again["accuracy"] == pytest.approx(found["accuracy"])
    top1 = [linear_probe(train, one, classes=CLASSES, penalties=[1.0])["accuracy"] for one in (test, skewed)]
    assert top1[0] != top1[1]  # control


@pytest.mark.parametrize(
    "change, message",
    [
        ({"penalties": [0.0, 1.0]}, "penalties must be .L., each > 0"),
        ({"score": "top2"}, "score must be one of top1, mean_per_class, mean_average_precision; got 'top2'"),
        ({"share": 0.0}, "must leave images on both sides; 0.0 of 30 holds out 0"),
        ({"classes": 3}, "labels must be from 0 to 2; got 0 to 3"),
        ({"validation": (np.zeros([2, 5]), [0, 1])}, r"features must be \[n, 3\]"),
    ],
)
def test_what_means_nothing_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        linear_probe(clouds(30, 3), clouds(30, 3), **{"classes": CLASSES, "penalties": [1.0], **change})
