"""Every way to hand labels over, and every way to get them wrong."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.labels import classes_if_known, one_class_each, read_labels

CLASSES = [0, 2, -1, 1]
ONE_HOT = [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("shape", [[4], [4, 1]])
def test_integers(dtype, shape):
    found = read_labels(tf.reshape(tf.cast(CLASSES, dtype), shape))
    assert found.dtype == tf.int64
    np.testing.assert_array_equal(found, CLASSES)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float32", "bool"])
def test_one_hot_rows_are_classes_where_that_is_seen(dtype):
    rows = read_labels(tf.cast(ONE_HOT, dtype))
    assert rows.dtype == tf.float32 and rows.shape == [4, 3]
    np.testing.assert_array_equal(classes_if_known(rows), CLASSES)
    np.testing.assert_array_equal(one_class_each(rows, "because"), CLASSES)
    assert tf.function(classes_if_known)(rows).shape == [4, 3]  # A graph does not know the values.


@pytest.mark.parametrize("sets", [[[1, 1], [0, 1]], [[0.9, 0.1], [0, 1]], [[0.5, 0], [1, 0]]])
def test_label_sets_stay_what_they_are(sets):
    np.testing.assert_allclose(classes_if_known(read_labels(sets)), sets)
    with pytest.raises(ValueError, match=r"shape \(2, 2\) must be one-hot: because"):
        one_class_each(read_labels(sets), "because")


def test_unsigned_labels_are_labelled():
    np.testing.assert_array_equal(read_labels(np.array([255, 0], "uint8")), [255, 0])


def test_lists_and_arrays():
    np.testing.assert_array_equal(read_labels(CLASSES), CLASSES)
    np.testing.assert_array_equal(classes_if_known(read_labels(np.array(ONE_HOT, bool))), CLASSES)


@pytest.mark.parametrize(
    "labels, message",
    [
        ([[2, 0], [0, 1]], r"shape \(2, 2\) must be from 0 to 1.*integers \[B\]; labels are per image, not per view"),
        ([[-1, 0], [0, 1]], "must be from 0 to 1"),
        ([[float("nan"), 0], [0, 1]], "must be from 0 to 1"),
        ([0.5, 1.0], "float32 must be whole numbers below 16777216"),
        ([float("nan"), 1.0], "must be whole numbers"),
        ([float(2**24), 1.0], "Renumber the classes"),
        (np.array([2048, 1], "float16"), "float16 must be whole numbers below 2048"),
        (3, r"shape \[B\], \[B, 1\] or \[B, C\].*got \(\)"),
        ([[[1]]], r"got \(1, 1, 1\).*per image, not per view"),
    ],
)
def test_what_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        read_labels(labels)


def test_graphs_refuse_when_they_run():
    in_graph = tf.function(read_labels)
    np.testing.assert_array_equal(in_graph(tf.constant(ONE_HOT)), ONE_HOT)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be from 0 to 1"):
        in_graph(tf.constant([[2, 1, 0]] * 4))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be whole numbers"):
        in_graph(tf.constant([0.5]))
    one_class = tf.function(lambda rows: one_class_each(rows, "because"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be one-hot: because"):
        one_class(tf.constant([[1.0, 1.0]]))


def test_graphs_need_the_number_of_classes():
    with pytest.raises(ValueError, match="with C known"):
        tf.function(read_labels).get_concrete_function(tf.TensorSpec([None, None]))


def test_labels_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="`labels` must be numbers; got string"):
        read_labels(["cat", "dog"])
    with pytest.raises(ValueError, match="`labels` are missing"):
        read_labels(None)
