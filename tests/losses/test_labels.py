"""Every way to hand labels over, and every way to get them wrong."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.labels import class_numbers

CLASSES = [0, 2, -1, 1]
ONE_HOT = [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("shape", [[4], [4, 1]])
def test_integers(dtype, shape):
    found = class_numbers(tf.reshape(tf.cast(CLASSES, dtype), shape))
    assert found.dtype == tf.int64
    np.testing.assert_array_equal(found, CLASSES)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float32", "bool"])
def test_one_hot(dtype):
    np.testing.assert_array_equal(class_numbers(tf.cast(ONE_HOT, dtype)), CLASSES)


def test_unsigned_labels_are_labelled():
    np.testing.assert_array_equal(class_numbers(np.array([255, 0], "uint8")), [255, 0])


def test_lists_and_arrays():
    np.testing.assert_array_equal(class_numbers(CLASSES), CLASSES)
    np.testing.assert_array_equal(class_numbers(np.array(ONE_HOT, bool)), CLASSES)


@pytest.mark.parametrize(
    "labels, message",
    [
        ([[0.9, 0.1], [0.0, 1.0]], r"shape \(2, 2\) must be one-hot.*Smoothed, mixed or several"),
        ([[1, 1], [0, 1]], "must be one-hot"),
        ([[2, 0], [0, 1]], "must be one-hot"),
        ([[-1, 0], [0, 1]], "must be one-hot"),
        ([0.5, 1.0], "float32 must be whole numbers below 16777216"),
        ([float("nan"), 1.0], "must be whole numbers"),
        ([float(2**24), 1.0], "Renumber the classes"),
        (np.array([2048, 1], "float16"), "float16 must be whole numbers below 2048"),
        (3, r"shape \[B\], \[B, 1\] or one-hot.*got \(\)"),
        ([[[1]]], r"got \(1, 1, 1\).*one class per image, not per view"),
    ],
)
def test_what_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        class_numbers(labels)


def test_graphs_refuse_when_they_run():
    in_graph = tf.function(class_numbers)
    np.testing.assert_array_equal(in_graph(tf.constant(ONE_HOT)), CLASSES)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be one-hot"):
        in_graph(tf.constant([[1, 1, 0]] * 4))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be whole numbers"):
        in_graph(tf.constant([0.5]))


def test_graphs_need_the_number_of_classes():
    with pytest.raises(ValueError, match="with C known"):
        tf.function(class_numbers).get_concrete_function(tf.TensorSpec([None, None]))


def test_labels_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="`labels` must be numbers; got string"):
        class_numbers(["cat", "dog"])
    with pytest.raises(ValueError, match="`labels` are missing"):
        class_numbers(None)
