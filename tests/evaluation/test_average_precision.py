"""11-point average precision against the words of its definition, a case by hand, and its laws."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.evaluation.average_precision import average_precisions, mean_average_precision


def by_definition(scores, labels) -> float:
    """Everingham et al., 2010, Sec. 4.2, for distinct scores: plain loops over thresholds and recalls."""
    images = [(score, label) for score, label in zip(scores, labels) if label >= 0]
    of_class = sum(label > 0 for _, label in images)
    points = []
    for threshold, _ in images:
        taken = [label for score, label in images if score >= threshold]
        found = sum(label > 0 for label in taken)
        points.append((found, found / len(taken)))
    highest = [max(p for found, p in points if found * 10 >= tenth * of_class) for tenth in range(11)]
    return sum(highest) / 11


@pytest.fixture
def answers():
    random = np.random.default_rng(3)
    labels = random.choice([-1, 0, 1], (57, 6), p=[0.1, 0.6, 0.3])
    return random.permutation(57 * 6).reshape(
        57, 6
    ) / 100 + labels * 0.505, labels  # distinct scores, better than chance


def test_the_definition(answers):
    scores, labels = answers
    expected = [by_definition(*column) for column in zip(scores.T, labels.T)]
    np.testing.assert_allclose(average_precisions(scores, labels), expected, rtol=1e-12)
    assert mean_average_precision(scores, labels) == pytest.approx(np.mean(expected), rel=1e-12)


def test_a_case_by_hand():
    """Two of four, ranked first and third: precision 1 to recall 0.5, then 2/3; six and five of the eleven recalls."""
    found = average_precisions(np.array([[4.0], [3], [2], [1]]), np.array([[1], [0], [1], [0]]))
    np.testing.assert_allclose(found, [(6 * 1 + 5 * 2 / 3) / 11], rtol=1e-12)


def test_closed_forms():
    labels = np.array([[1], [1], [0], [0], [0]])
    assert average_precisions(labels + 0.0, labels) == [1.0]  # all of the class before all others
    assert average_precisions(np.zeros((5, 1)), labels) == [2 / 5]  # equal scores: the share of the class
    assert average_precisions(-np.arange(5.0)[:, None], labels[::-1]) == [2 / 5]  # 2 of 5 once both are found


def test_laws(answers):
    scores, labels = answers
    expected = average_precisions(scores, labels)
    order = np.random.default_rng(0).permutation(len(scores))
    np.testing.assert_array_equal(average_precisions(scores[order], labels[order]), expected)
    np.testing.assert_array_equal(average_precisions(np.exp(scores / 10), labels), expected)  # only ranks count
    tied = np.floor(scores)
    np.testing.assert_array_equal(average_precisions(tied[order], labels[order]), average_precisions(tied, labels))


def test_an_image_that_does_not_count_is_as_one_that_is_not_there(answers):
    scores, labels = (array[:, :1] for array in answers)
    counted = labels[:, 0] >= 0
    assert 0 < counted.sum() < len(labels)
    assert average_precisions(scores, labels) == average_precisions(scores[counted], labels[counted])
    assert average_precisions(scores, labels) != average_precisions(scores, np.abs(labels))  # control: it would matter


def test_a_class_without_images_leaves_the_mean():
    scores, labels = np.array([[2.0, 1], [1, 2]]), np.array([[1, 0], [0, 0]])
    np.testing.assert_array_equal(average_precisions(scores, labels), [1.0, np.nan])
    assert mean_average_precision(scores, labels) == 1.0
    assert np.isnan(mean_average_precision(scores, labels * 0))


@pytest.mark.parametrize(
    "scores, message",
    [(np.zeros((3, 2)), r"both be \[n, C\]; got \(3, 2\) and \(2, 2\)"), (np.full((2, 2), np.nan), "some are NaN")],
)
def test_what_cannot_be_ranked_is_refused(scores, message):
    with pytest.raises(ValueError, match=message):
        average_precisions(scores, np.ones((2, 2)))
