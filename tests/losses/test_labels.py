"""Every way to hand labels over, and every way to get them wrong."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf import names
from supcon_tf.losses import labels as labelling

CLASSES = [0, 2, -1, 1]
ONE_HOT = [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 1, 0]]
SETS = [[1, 1, 0], [0, 0.5, 1], [0, 0, 0], [0, 1, 0]]


def read(labels, *, count=None, **how):
    """The labels, of as many images as there are."""
    if count is None:
        count = 0 if labels is None else len(labels) if hasattr(labels, "__len__") else 1
    return labelling.read(labels, count=count, mismatch="{} labels, {} images.", **how)


@pytest.mark.parametrize("mode", ["auto", "class"])
@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("shape", [[4], [4, 1]])
def test_integers(dtype, shape, mode):
    found = read(tf.reshape(tf.cast(CLASSES, dtype), shape), mode=mode)
    assert found.values.dtype == tf.int64 and found.sound is True
    np.testing.assert_array_equal(found.values, CLASSES)


@pytest.mark.parametrize("dtype", ["uint8", "uint64", "int32", "int64", "float32", "float64", "bool"])
def test_one_hot_rows_are_classes_where_that_is_seen(dtype):
    rows = tf.cast(ONE_HOT, dtype)
    np.testing.assert_array_equal(read(rows).values, CLASSES)
    np.testing.assert_array_equal(read(rows, one_class="because").values, CLASSES)
    np.testing.assert_array_equal(read(rows, mode="one_hot").values, CLASSES)
    found = tf.function(lambda rows: read(rows, count=4).values)(rows)  # a graph does not know the values
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, ONE_HOT)
    found = tf.function(lambda rows: read(rows, count=4, mode="one_hot").values)(rows)  # but for what is said
    np.testing.assert_array_equal(found, CLASSES)


@pytest.mark.parametrize("sets", [[[1, 1], [0, 1]], [[0.9, 0.1], [0, 1]], [[0.5, 0], [1, 0]]])
def test_label_sets_stay_what_they_are(sets):
    for mode in ("auto", "sets"):
        np.testing.assert_allclose(read(sets, mode=mode).values, sets)
    with pytest.raises(ValueError, match=r"shape \(2, 2\) must be one-hot: because"):
        read(sets, one_class="because")
    with pytest.raises(ValueError, match=r"must be one-hot: that is what label_mode='one_hot' says.*are 'sets'"):
        read(sets, mode="one_hot")


def test_unsigned_labels_are_labelled():
    np.testing.assert_array_equal(read(np.array([255, 0], "uint8")).values, [255, 0])
    largest = np.array([2**63 - 1, 0], "uint64")
    np.testing.assert_array_equal(read(largest).values, [2**63 - 1, 0])


def test_unsigned_labels_that_int64_does_not_hold_are_not_taken_for_unlabelled():
    beyond = np.array([2**63, 0], "uint64")
    with pytest.raises(ValueError, match=r"uint64 must be below 9223372036854775808.*negative one means unlabelled"):
        read(beyond)
    with pytest.raises(tf.errors.InvalidArgumentError, match="uint64 must be below"):
        tf.function(lambda y: read(y, count=2).values)(tf.constant(beyond))


def test_lists_and_arrays():
    np.testing.assert_array_equal(read(CLASSES).values, CLASSES)
    np.testing.assert_array_equal(read(np.array(ONE_HOT, bool)).values, CLASSES)


@pytest.mark.parametrize("mode", names.LABEL_MODES)
def test_what_is_said_of_a_single_column_decides(mode):
    """[B, 1] are class numbers, unless it is said to be a label that images have or have not."""
    column = [[1], [0], [1]]
    expected = {"auto": [1, 0, 1], "class": [1, 0, 1], "one_hot": [0, -1, 0], "sets": [0, -1, 0]}[mode]
    np.testing.assert_array_equal(read(column, mode=mode).values, expected)


@pytest.mark.parametrize(
    "labels, how, message",
    [
        (
            [[2, 0], [0, 1]],
            {},
            r"shape \(2, 2\) must be from 0 to 1.*integers \[B\]; labels are per image, not per view",
        ),
        ([[-1, 0], [0, 1]], {}, "must be from 0 to 1"),
        ([[float("nan"), 0], [0, 1]], {}, "must be from 0 to 1"),
        ([0.5, 1.0], {}, "float32 must be whole numbers below 16777216"),
        ([float("nan"), 1.0], {}, "must be whole numbers"),
        ([float(2**24), 1.0], {}, "Renumber the classes"),
        (np.array([2048, 1], "float16"), {}, "float16 must be whole numbers below 2048"),
        (3, {}, r"shape \[B\], \[B, 1\] or \[B, C\], with C known.*got \(\)"),
        ([[[1]]], {}, r"got \(1, 1, 1\).*per image, not per view"),
        ([[0, 1], [1, 0]], {"mode": "class"}, r"\[B\] or \[B, 1\] for label_mode='class'; got \(2, 2\).*not per view"),
        ([0, 1], {"mode": "one_hot"}, r"shape \[B, C\] for label_mode='one_hot', with C known.*got \(2,\)"),
        ([0, 1], {"mode": "sets"}, r"for label_mode='sets'.*got \(2,\)"),
        ([0, 1, 2], {"count": 2}, "^3 labels, 2 images.$"),
        (["cat", "dog"], {}, "`labels` must be numbers; got string"),
        (np.array(["cat", "dog"], object), {}, "`labels` must be numbers; got string"),
        (
            np.array(["cat", None], object),
            {"count": 2},
            "`labels` must be an array of numbers; got ndarray. Number the",
        ),
        (tf.ragged.constant([[1], [1, 0]]), {"count": 2}, "`labels` must be.*got RaggedTensor"),
        (tf.constant([1j, 0]), {}, "`labels` must be numbers; got complex"),
        (None, {}, "`labels` are missing"),
    ],
    ids=str,
)
def test_what_is_refused(labels, how, message):
    with pytest.raises(ValueError, match=message):
        read(labels, **how)


WRONG = {
    "labels per view": ([[2, 1, 0]] * 4, {}, "must be from 0 to 1"),
    "negative entries": ([[1, -1, 0]] * 4, {}, "must be from 0 to 1"),
    "fractions": ([0.5, 1, 2, 0], {}, "must be whole numbers"),
    "merged classes": ([2.0**24, 1, 2, 0], {}, "must be whole numbers below 16777216"),
    "several labels": ([[1.0, 1, 0]] * 4, {"mode": "one_hot"}, "must be one-hot"),
    "several labels for a cap": ([[1.0, 1, 0]] * 4, {"one_class": "because"}, "must be one-hot: because"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_graph_refuses_when_it_runs_and_under_xla_says_that_they_are_not_sound(name):
    labels, how, message = WRONG[name]

    def in_graph(labels):
        found = read(labels, count=4, **how)
        return found.values, found.sound

    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        tf.function(in_graph)(tf.constant(labels))
    compiled = tf.function(in_graph, jit_compile=True)
    assert not bool(compiled(tf.constant(labels))[1])
    assert bool(compiled(tf.zeros_like(labels))[1])  # control: these are labels


@pytest.mark.parametrize("name", WRONG)
def test_labels_that_a_graph_is_made_with_are_refused_while_it_is_made(name):
    """The message then stands alone: no traceback of the graph around it."""
    labels, how, message = WRONG[name]
    for known in (tf.constant(labels).numpy(), tf.constant(labels)):
        graph = tf.function(functools.partial(read, known, count=4, **how))
        with pytest.raises(ValueError, match=message):
            graph.get_concrete_function()


def test_one_hot_labels_that_a_graph_is_made_with_are_classes():
    graph = tf.function(lambda: read(np.array(ONE_HOT), count=4).values)
    np.testing.assert_array_equal(graph(), CLASSES)


@pytest.mark.parametrize("labels", [CLASSES, ONE_HOT], ids=["classes", "one-hot"])
def test_another_number_of_labels_is_refused_in_a_graph_and_keeps_its_shapes_under_xla(labels):
    labels = np.array(labels)

    def in_graph(labels, count):
        found = read(labels, count=count)
        return found.values, tf.convert_to_tensor(found.sound)

    signature = [tf.TensorSpec([None, *labels.shape[1:]], labels.dtype)]
    for count, sound in ((4, True), (2, False), (7, False)):
        graph = tf.function(lambda y, count=count: in_graph(y, count), input_signature=signature)
        if sound:
            np.testing.assert_array_equal(graph(labels)[0], labels)
        else:
            with pytest.raises(tf.errors.InvalidArgumentError, match=rf"\[4\] \[ labels, \] \[{count}\] \[ images"):
                graph(labels)
        values, found = tf.function(
            lambda y, count=count: in_graph(y, count), input_signature=signature, jit_compile=True
        )(labels)
        assert len(values) == count and bool(found) == sound


def test_graphs_need_the_number_of_classes():
    with pytest.raises(ValueError, match="with C known"):
        tf.function(lambda rows: read(rows, count=2)).get_concrete_function(tf.TensorSpec([None, None]))
