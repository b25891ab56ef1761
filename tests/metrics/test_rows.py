"""Rows that metrics compare."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.metrics.rows import meet, rows_of


def test_rows_are_of_unit_length_and_image_major():
    rows = rows_of(tf.constant([[[3.0, 4.0], [0.0, 2.0]]], tf.float16))
    assert rows.dtype == tf.float32
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 1]], atol=1e-3)


def test_views_of_an_image_and_images_of_a_class_are_positives():
    met = meet(tf.constant([5, -1, 5]), tf.random.normal([3, 2, 4]))
    same = np.array([0, 0, 1, 1, 0, 0])
    np.testing.assert_array_equal(met.positives & met.others, (same[:, None] == same) & ~np.eye(6, dtype=bool))


def test_whole_numbers_and_other_counts_are_refused():
    with pytest.raises(ValueError, match="must be of a float type"):
        rows_of(tf.constant([[1, 2]]))
    with pytest.raises(ValueError, match="give one label per image"):
        meet(tf.constant([1, 2, 3]), tf.zeros([2, 4]))
