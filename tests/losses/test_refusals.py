"""Inputs that mean nothing, in every mode: an error eagerly and in graphs, NaN in every entry where XLA compiles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.queue import Queue
from tests.losses.problems import MODES, unit_rows, value_and_gradient
from tests.marks import slow_but

CLASSES = np.array([0, 1, 0, 1, 2, 2])
PROJECTIONS = unit_rows(6, 2, 4).astype("float32")
QUEUE = Queue(unit_rows(5, 4, seed=1).astype("float32"), np.array([0, 1, -1, 2, 0]))
# Labels, what else is said, and words of the error.
WRONG = {
    "labels per view": (np.stack([CLASSES, CLASSES], 1), {}, "must be from 0 to 1"),
    "negative entries": (np.array([[1, -1, 0]] * 6), {}, "must be from 0 to 1"),
    "fractions": ((CLASSES + 0.5).astype("float32"), {}, "must be whole numbers"),
    "classes that float32 merged": ((CLASSES + 2**25).astype("float32"), {}, "must be whole numbers below 16777216"),
    "unsigned beyond int64": (CLASSES.astype("uint64") + np.uint64(2**63), {}, "must be below"),
    "several labels": (np.ones([6, 3], "float32"), {"label_mode": "one_hot"}, "must be one-hot"),
    "several labels under a cap": (np.ones([6, 3], "float32"), {"positives_cap": 2}, "must be one-hot"),
    "several labels with a queue": (np.ones([6, 3], "float32"), {"queue": QUEUE}, "must be one-hot"),
    "a queue of fractions": (CLASSES, {"queue": QUEUE._replace(labels=QUEUE.labels + 0.5)}, "must be whole numbers"),
}


def every_way(names, *, fast):
    """Cases (summation, denominator, tile_rows, name), all but a few of them slow: each is compiled."""
    cases = [(*mode, tile_rows, name) for mode, tile_rows, name in itertools.product(MODES, (None, 4), names)]
    return slow_but(cases, fast)


def asked(summation, denominator, tile_rows):
    return {"summation_location": summation, "denominator_mode": denominator, "tile_rows": tile_rows}


def in_graph(arguments, *, jit_compile=False, any_batch=None):
    """The loss of labels, projections and a queue, all of them unknown as the graph is made."""

    def step(labels, projections, rows, queue_labels):
        how = dict(arguments)
        if "queue" in how:
            how["queue"] = Queue(rows, queue_labels)
        return value_and_gradient(labels, projections, **how)

    return tf.function(step, jit_compile=jit_compile, input_signature=any_batch)


def given(labels, arguments):
    queue = arguments.get("queue", QUEUE)
    return tf.constant(labels), tf.constant(PROJECTIONS), tf.constant(queue.rows), tf.constant(queue.labels)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_labels_are_errors_eagerly_and_in_a_graph(name):
    labels, how, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        value_and_gradient(labels, PROJECTIONS, **how)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        in_graph(how)(*given(labels, how))


@pytest.mark.parametrize("summation, denominator, tile_rows, name", every_way(WRONG, fast=[
    *(("out", "all", None, name) for name in WRONG), ("in", "one_positive", 4, "fractions"),
    ("out", "all", 4, "labels per view"), ("out", "only_negatives", None, "several labels"),
]))  # fmt: skip
def test_under_xla_the_loss_of_wrong_labels_and_its_gradient_are_not_numbers(summation, denominator, tile_rows, name):
    labels, how, _ = WRONG[name]
    how = {**how, **asked(summation, denominator, tile_rows)}
    values, gradient = in_graph(how, jit_compile=True)(*given(labels, how))
    assert np.isnan(values).all() and np.isnan(gradient).all()


def test_not_even_anchors_that_cost_nothing_hide_that_labels_are_wrong():
    """One view, every class alone: without the poison the loss and its gradient are 0."""
    compiled = tf.function(value_and_gradient, jit_compile=True)
    for tile_rows in (None, 4):
        values, gradient = compiled(
            np.arange(6) + tf.constant(0.5), tf.constant(PROJECTIONS[:, :1]), tile_rows=tile_rows
        )
        assert np.isnan(values).all() and np.isnan(gradient).all()
        values, gradient = compiled(
            np.arange(6) + tf.constant(0.0), tf.constant(PROJECTIONS[:, :1]), tile_rows=tile_rows
        )
        assert not values.numpy().any() and not gradient.numpy().any()  # the control


ANY_BATCH = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 4]), tf.TensorSpec([None, 4]),
             tf.TensorSpec([None], tf.int64)]  # fmt: skip
# Numbers of labels, rows, rows of a queue and labels of it.
MISMATCHES = {
    "two crops along the batch": (6, 12, 5, 5, r"\] \[6\] \[ images and `projections` for \] \[12\].*\[B, V, D\]"),
    "too many labels": (9, 6, 5, 5, r"are for \] \[9\] \[ images and `projections` for \] \[6\]"),
    "no labels": (0, 6, 5, 5, r"are for \] \[0\] \[ images and `projections` for \] \[6\]"),
    "labels of a queue": (6, 6, 5, 3, r"`queue.labels` are \] \[3\] \[ and `queue.rows` \] \[5\]"),
}  # fmt: skip


def of_sizes(labels, rows, queue, queue_labels):
    return (np.arange(labels, dtype="int64") % 3, unit_rows(rows, 4).astype("float32"),
            unit_rows(queue, 4).astype("float32"), np.arange(queue_labels, dtype="int64"))  # fmt: skip


@pytest.mark.parametrize("summation, denominator, tile_rows, name", every_way(MISMATCHES, fast=[
    ("out", "all", None, "two crops along the batch"), ("in", "one_positive", 4, "labels of a queue"),
]))  # fmt: skip
def test_labels_of_other_images_are_refused_in_a_graph_and_not_numbers_under_xla(
    summation, denominator, tile_rows, name
):
    """Graphs that know no size; a queue makes of every tile one that is not symmetric."""
    *sizes, message = MISMATCHES[name]
    how = asked(summation, denominator, tile_rows)
    if "queue" in name or tile_rows is None:
        how["queue"] = QUEUE
    inputs = of_sizes(*sizes)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"(?s){message}"):
        in_graph(how, any_batch=ANY_BATCH)(*inputs)
    values, gradient = in_graph(how, any_batch=ANY_BATCH, jit_compile=True)(*inputs)
    assert len(values) == sizes[1] and np.isnan(values).all() and np.isnan(gradient).all()


@pytest.mark.parametrize("name", MISMATCHES)
def test_labels_of_other_images_are_named_eagerly(name):
    labels, rows, queue, queue_labels = of_sizes(*MISMATCHES[name][:4])
    of_images, of_rows = (
        r"`labels` are for \d+ images and `projections` for \d+: give",
        "`queue.labels` are 3 and `queue",
    )
    with pytest.raises(ValueError, match=of_rows if "queue" in name else of_images):
        value_and_gradient(labels, rows, queue=Queue(queue, queue_labels))


@pytest.mark.parametrize("tile_rows", [None, pytest.param(4, marks=pytest.mark.slow)])
def test_as_many_labels_as_images_are_not_refused_in_a_graph_that_knows_no_size(tile_rows):
    """The control, compiled and not."""
    inputs = of_sizes(6, 6, 5, 5)
    how = {"tile_rows": tile_rows, "queue": QUEUE}
    expected = value_and_gradient(inputs[0], inputs[1], tile_rows=tile_rows, queue=Queue(*inputs[2:]))
    for jit_compile in (False, True):
        found = in_graph(how, any_batch=ANY_BATCH, jit_compile=jit_compile)(*inputs)
        for one, other in zip(found, expected):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_messages_of_labels_that_a_graph_is_made_with_stand_alone():
    """In `tf.function`: the sentence, and no traceback of the graph before it, which AutoGraph would put there."""
    graph = tf.function(lambda z: value_and_gradient(CLASSES + 0.5, z))
    with pytest.raises(ValueError, match=r"^`projections` must have shape"):
        graph(tf.constant(PROJECTIONS)[0, 0])
    with pytest.raises(ValueError, match=r"^`labels` of type float64 must be whole numbers"):
        graph(tf.constant(PROJECTIONS))
