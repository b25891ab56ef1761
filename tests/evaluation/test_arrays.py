"""What every measure of arrays takes, and what it says of what it does not take."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.evaluation import arrays


@pytest.mark.parametrize(
    "rows, message",
    [
        (np.zeros(3), r"features must be \[n, F\], one row an image; got \[3\]"),
        (np.zeros([0, 3]), r"got \[0, 3\]"),
        (np.zeros([2, 3, 1]), r"got \[2, 3, 1\]. Flatten"),
        ([[1.0, np.nan], [0.0, np.inf], [1.0, 1.0]], "features must be finite; 2 of 3 rows have NaN"),
    ],
)
def test_rows_that_mean_nothing_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        arrays.rows_of(rows)


def test_rows_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"must be \[n, 5\], one row an image; got \[2, 3\]"):
        arrays.rows_of(np.zeros([2, 3]), width=5)


@pytest.mark.parametrize("given, kept", [("float16", "float32"), ("int64", "float32"), ("float64", "float64")])
def test_types_are_kept_where_they_have_digits_enough(given, kept):
    assert arrays.rows_of(np.ones([2, 2], given)).dtype == kept


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0, 1], r"labels must be \[3\], one class for each row; got \[2\]"),
        (np.zeros([3, 4]), r"got \[3, 4\]. Label sets have measures of their own"),
        ([0.0, 1.0, 2.0], "must be whole numbers; got float64. Cast them"),
        ([0, 1, 4], "must be from 0 to 3; got 0 to 4"),
        ([-1, 1, 2], "must be from 0 to 3; got -1 to 2. Leave unlabelled images out"),
    ],
)
def test_labels_that_mean_nothing_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        arrays.labels_of(labels, count=3, classes=4)


def test_without_a_number_of_classes_only_negative_labels_are_refused():
    assert arrays.labels_of(np.array([7, 0], np.uint8), count=2).tolist() == [7, 0]
    with pytest.raises(ValueError, match="must be 0 or more; got -1 to 7"):
        arrays.labels_of([7, -1], count=2)


@pytest.mark.parametrize("right", [[], [[True]], [0, 2], [0.5, 1], [np.nan, 1]])
def test_answers_are_right_or_wrong(right):
    with pytest.raises(ValueError, match=r"first must be \[n\] of True \(right\) and False \(wrong\)"):
        arrays.correctness(right, name="first")
