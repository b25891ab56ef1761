"""Expected calibration error against plain loops, TensorFlow's bins, closed forms and laws."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.evaluation import calibration
from supcon_tf.evaluation.calibration import error_of, expected_calibration_error, reliability_diagram


def answers(count=400, classes=4):
    random = np.random.default_rng(5)
    labels = random.integers(0, classes, count)
    return 2 * random.normal(size=[count, classes]) + np.eye(classes)[labels], labels


def oracle(logits, labels, bins):
    """Guo et al. (2017), Eq. 3, one bin and one example at a time."""
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    error = 0.0
    for b in range(bins):
        inside = [
            (max(row), list(row).index(max(row)) == label)
            for row, label in zip(chances.tolist(), labels)
            if b / bins <= max(row) < (b + 1) / bins or (b == bins - 1 and max(row) == 1)
        ]
        if inside:
            confidence = sum(p for p, _ in inside) / len(inside)
            accuracy = sum(right for _, right in inside) / len(inside)
            error += len(inside) / len(labels) * abs(accuracy - confidence)
    return error


@pytest.mark.parametrize("bins", [1, 5, 15, 100])
def test_plain_loops(bins):
    logits, labels = answers()
    expected = oracle(logits, labels, bins)
    assert expected_calibration_error(logits, labels, bins=bins) == pytest.approx(expected, rel=1e-9)
    assert expected > 0.01


def test_fifteen_bins_are_the_default():
    logits, labels = answers()
    assert expected_calibration_error(logits, labels) == expected_calibration_error(logits, labels, bins=15)
    assert expected_calibration_error(logits, labels) != expected_calibration_error(logits, labels, bins=16)


def test_bins_are_those_of_tensorflow():
    """An independent one: `histogram_fixed_width_bins`, by which the reference measures."""
    confidence, right = calibration.confidences(*answers())
    places = tf.histogram_fixed_width_bins(tf.constant(confidence), tf.constant([0.0, 1.0], tf.float64), 15).numpy()
    diagram = reliability_diagram(confidence, right)
    np.testing.assert_array_equal(diagram.counts, np.bincount(places, minlength=15))
    for b in set(places):
        assert diagram.accuracy[b] == pytest.approx(right[places == b].mean())
        assert diagram.confidence[b] == pytest.approx(confidence[places == b].mean())


def test_edges_belong_to_the_bin_above_and_1_to_the_last():
    diagram = reliability_diagram([0.0, 0.25, 0.5, 0.75, 1.0], [True] * 5, bins=4)
    assert diagram.counts.tolist() == [1, 1, 1, 2] and diagram.edges.tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_empty_bins_are_skipped():
    diagram = reliability_diagram([0.1, 0.9], [False, True], bins=3)
    assert np.isnan(diagram.accuracy[1]) and np.isnan(diagram.confidence[1]) and diagram.counts[1] == 0
    assert error_of(diagram) == pytest.approx(0.1)


def test_closed_forms():
    """Sure answers err by their share of wrong ones; answers right as often as they say do not err."""
    labels = np.arange(100) % 10
    assert expected_calibration_error(1e3 * np.eye(10)[np.zeros(100, int)], labels) == pytest.approx(0.9)
    assert expected_calibration_error(np.zeros([100, 10]), labels) == pytest.approx(0, abs=1e-12)
    assert error_of(reliability_diagram([0.7] * 10, [True] * 7 + [False] * 3)) == pytest.approx(0, abs=1e-12)
    assert error_of(reliability_diagram([0.7] * 10, [True] * 10)) == pytest.approx(0.3)


def test_laws():
    logits, labels = answers()
    expected = expected_calibration_error(logits, labels)
    order = np.random.default_rng(0).permutation(len(labels))
    assert expected_calibration_error(logits[order], labels[order]) == pytest.approx(expected, rel=1e-12)
    assert expected_calibration_error(logits + order[:, None], labels) == pytest.approx(expected, rel=1e-9)
    confidence, right = calibration.confidences(logits, labels)
    assert expected_calibration_error(logits, labels, bins=1) == pytest.approx(abs(confidence.mean() - right.mean()))
    assert expected >= abs(confidence.mean() - right.mean())  # bins can only add
    assert expected_calibration_error(9 * logits, labels) > expected  # control: too sure is seen


@pytest.mark.parametrize(
    "confidence, right, bins, message",
    [
        ([0.5, 1.5], [1, 0], 15, "numbers from 0 to 1, one for each answer; got .2. from 0.5 to 1.5. Take the softmax"),
        ([0.5, np.nan], [1, 0], 15, "numbers from 0 to 1"),
        ([0.5], [1, 0], 15, r"confidence must be \[2\]"),
        ([0.5], [1], 0, "bins must be 1 or more"),
    ],
)
def test_what_means_nothing_is_refused(confidence, right, bins, message):
    with pytest.raises(ValueError, match=message):
        reliability_diagram(confidence, right, bins=bins)
