"""Measures of logits against plain loops, scikit-learn, closed forms and laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.evaluation import classification as measured
from supcon_tf.losses.cross_entropy import correct


def answers(classes=7, count=83):
    """Logits with ties among them, and labels that they know something of."""
    random = np.random.default_rng(classes)
    labels = random.integers(0, classes, count)
    return np.round(random.normal(size=[count, classes]) + np.eye(classes)[labels], 1), labels


def oracle(logits, labels):
    """Every measure by its words, one example at a time."""
    ranks, losses, scores = [], [], []
    for row, label in zip(logits.tolist(), labels.tolist()):
        order = sorted(range(len(row)), key=lambda c: (-row[c], c))
        total = sum(math.exp(value) for value in row)
        chances = [math.exp(value) / total for value in row]
        ranks.append(order.index(label))
        losses.append(-math.log(chances[label]))
        scores.append(sum((chance - (c == label)) ** 2 for c, chance in enumerate(chances)))
    of_class = {c: [rank < 1 for rank, label in zip(ranks, labels) if label == c] for c in set(labels.tolist())}
    return {
        "top1": sum(rank < 1 for rank in ranks) / len(ranks),
        "top5": sum(rank < 5 for rank in ranks) / len(ranks) if logits.shape[1] >= 5 else None,
        "mean_per_class": sum(sum(each) / len(each) for each in of_class.values()) / len(of_class),
        "nll": sum(losses) / len(losses),
        "brier": sum(scores) / len(scores),
    }


@pytest.mark.parametrize("classes", [2, 4, 5, 7, 30])
def test_plain_loops(classes):
    logits, labels = answers(classes)
    found, expected = measured.classification(logits, labels), oracle(logits, labels)
    assert (found["top5"] is None) == (classes < 5)  # there are no five answers to be among
    assert {k: v for k, v in found.items() if v is not None} == pytest.approx(
        {k: v for k, v in expected.items() if v is not None}, rel=1e-12
    )
    assert expected["top1"] > 1 / classes


@pytest.mark.parametrize("size", [1, 8, 500])
def test_the_size_of_blocks_is_irrelevant(size, monkeypatch):
    expected = measured.classification(*answers())
    monkeypatch.setattr(measured, "BLOCK", size)
    assert measured.classification(*answers()) == pytest.approx(expected, rel=1e-14)


def test_scikit_learns_measures():
    from sklearn import metrics

    logits, labels = answers()
    found, chances = measured.classification(logits, labels), np.exp(measured.log_probabilities(logits))
    assert found["nll"] == pytest.approx(metrics.log_loss(labels, chances))
    assert found["mean_per_class"] == pytest.approx(metrics.balanced_accuracy_score(labels, logits.argmax(1)))
    np.testing.assert_array_equal(
        measured.confusion_matrix(logits.argmax(1), labels, classes=7),
        metrics.confusion_matrix(labels, logits.argmax(1), labels=range(7)),
    )


def test_top_1_is_what_the_rest_of_the_package_counts():
    logits, labels = answers()
    theirs = correct(tf.constant(labels), tf.constant(logits)).numpy().mean()
    assert measured.classification(logits, labels)["top1"] == pytest.approx(theirs)


def test_closed_forms():
    labels = np.arange(30) % 6
    nothing = measured.classification(np.zeros([30, 6]), labels)  # class 0 first, then 1, ...
    assert nothing == pytest.approx(
        {"top1": 1 / 6, "top5": 5 / 6, "mean_per_class": 1 / 6, "nll": np.log(6), "brier": 5 / 6}
    )
    all_right = measured.classification(1e4 * np.eye(6)[labels], labels)
    assert all_right == {"top1": 1, "top5": 1, "mean_per_class": 1, "nll": 0, "brier": 0}
    all_wrong = measured.classification(1e4 * np.eye(6)[(labels + 1) % 6], labels)
    assert all_wrong["top1"] == 0 and all_wrong["brier"] == 2 and all_wrong["nll"] == 1e4


def test_laws():
    logits, labels = answers()
    expected = measured.classification(logits, labels)
    order = np.random.default_rng(0).permutation(len(labels))
    assert measured.classification(logits[order], labels[order]) == pytest.approx(expected, rel=1e-12)
    assert measured.classification(logits + order[:, None], labels) == pytest.approx(expected, rel=1e-9)
    twice = measured.classification(np.repeat(logits, 2, 0), np.repeat(labels, 2))
    assert twice == pytest.approx(expected, rel=1e-12)
    distinct = logits + np.random.default_rng(1).uniform(0, 0.01, logits.shape)  # without ties, names are irrelevant
    names = np.random.default_rng(2).permutation(7)
    renamed = measured.classification(distinct[:, names], np.argsort(names)[labels])
    assert renamed == pytest.approx(measured.classification(distinct, labels), rel=1e-12)


def test_float32_has_the_digits_of_float64():
    logits, labels = answers()
    found = measured.classification(logits.astype(np.float32), labels)
    assert found == pytest.approx(measured.classification(logits, labels), rel=1e-6)


def test_a_matrix_counts_every_example_in_the_row_of_its_label():
    logits, labels = answers()
    matrix = measured.confusion_matrix(logits.argmax(1), labels, classes=9)  # two that nobody has
    np.testing.assert_array_equal(matrix.sum(1), np.bincount(labels, minlength=9))
    assert np.trace(matrix) / matrix.sum() == measured.classification(logits, labels)["top1"]
    with pytest.raises(ValueError, match=r"must be from 0 to 5; got 0 to 6"):
        measured.confusion_matrix(logits.argmax(1), labels, classes=6)


def test_what_means_nothing_is_refused():
    with pytest.raises(ValueError, match=r"logits must be finite; 1 of 2 rows"):
        measured.classification([[0.0, np.nan], [0.0, 1.0]], [0, 1])
    with pytest.raises(ValueError, match="labels must be from 0 to 1; got 0 to 2"):
        measured.classification(np.zeros([2, 2]), [0, 2])
