"""The dense kernel: closed forms, gradients by finite differences, and finiteness where it is hard."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.losses.problems import MODES, SUMMATIONS, unit_rows, unnormalized_loss, value_and_gradient
from tests.oracles import supcon as oracle

# Rows of other lengths are what some of these are about.
pytestmark = pytest.mark.filterwarnings("ignore:rows of `projections` have lengths")


@pytest.mark.parametrize("summation", SUMMATIONS)
@pytest.mark.parametrize("views, labels", [(1, [0, 0, 1, 1, 2, 2]), (2, [0, 0, 0, 0, 1, 2]), (3, [0, 1, 2, 3, 4, 4])])
@pytest.mark.parametrize("temperature", [0.001, 0.1, 10.0])
def test_collapsed_rows_have_closed_forms(views, labels, summation, temperature):
    """All similarities are equal, so that only counts remain."""
    collapsed = np.tile(unit_rows(5), [6, views, 1])
    rivals = np.array([views * sum(other != label for other in labels) for label in labels])
    expected = {
        "all": np.full(6, np.log(6 * views - 1)),
        "one_positive": np.log(1 + rivals),
        "only_negatives": np.log(rivals),
    }
    for mode, value in expected.items():
        found = unnormalized_loss(
            labels, collapsed, temperature=temperature, base_temperature=None, summation_location=summation,
            denominator_mode=mode,
        )  # fmt: skip
        np.testing.assert_allclose(found, value, rtol=1e-11)


@pytest.mark.parametrize("classes, temperature", [(2, 1.0), (4, 0.5), (5, 0.1)])
def test_classes_at_the_corners_of_a_regular_simplex(classes, temperature):
    """The best that can be: rows of a class coincide, and classes are at cosine -1 / (C - 1)."""
    corners = np.eye(classes) - 1 / classes
    corners /= np.linalg.norm(corners, axis=1, keepdims=True)
    labels, views = np.repeat(np.arange(classes), 3), 2
    members, strangers = 3 * views - 1, 3 * views * (classes - 1)
    expected = np.log(members + strangers * np.exp(-classes / (classes - 1) / temperature))
    projections = np.repeat(corners[labels][:, None], views, 1)
    for summation in SUMMATIONS:
        found = unnormalized_loss(
            labels, projections, temperature=temperature, base_temperature=None, summation_location=summation
        )
        np.testing.assert_allclose(found, np.full(len(labels), expected), rtol=1e-12)


@pytest.mark.parametrize("summation, denominator", MODES)
@pytest.mark.parametrize("contrast, cap", [("all", None), ("one", None), ("all", 2), ("one", 0)])
def test_gradient_equals_finite_differences(summation, denominator, contrast, cap):
    labels, projections = [0, 0, 1, 0, -1], unit_rows(5, 2, 3)
    arguments = dict(
        temperature=0.3, summation_location=summation, denominator_mode=denominator, contrast_mode=contrast,
        positives_cap=cap,
    )  # fmt: skip
    _, gradient = value_and_gradient(labels, projections, **arguments)
    weights, step = np.arange(1, 6), 1e-6
    for where in np.ndindex(5, 2, 3):
        change = np.zeros_like(projections)
        change[where] = step
        above, below = (
            oracle.supervised_contrastive_loss(labels, projections + d, **arguments) for d in (change, -change)
        )
        np.testing.assert_allclose(gradient[where], weights @ (above - below) / (2 * step), rtol=1e-5, atol=1e-8)


def test_gradient_has_the_form_of_the_paper():
    """Eq. 14: the gradient by the anchor alone pulls to positives and pushes from negatives by softmax weights."""
    labels, rows, temperature = np.array([0, 0, 1, 0]), unit_rows(4, 3), 0.5
    weights = np.exp(rows[0] @ rows[1:].T / temperature)
    weights /= weights.sum()
    pull = np.where(labels[1:] == 0, 1 / 2, 0)
    as_anchor = (weights - pull) @ rows[1:] / temperature
    as_key = np.zeros(3)
    for i in (1, 2, 3):  # what anchor i sends to row 0
        others = [a for a in range(4) if a != i]
        softmax = np.exp(rows[i] @ rows[others].T / temperature)
        softmax /= softmax.sum()
        as_key += (softmax[0] - (1 / 2 if labels[i] == 0 else 0)) * rows[i] / temperature * (labels[i] == 0)
    with tf.GradientTape() as tape:
        watched = tf.constant(rows)
        tape.watch(watched)
        total = tf.reduce_sum(unnormalized_loss(labels, watched, temperature=temperature, base_temperature=None))
    np.testing.assert_allclose(tape.gradient(total, watched)[0], as_anchor + as_key, rtol=1e-10)


LAYOUTS = {
    "random": (unit_rows(6, 2, 4), [0, 0, 1, 2, -1, 1]),
    "zero rows": (np.zeros([6, 2, 4]), [0, 0, 1, 2, -1, 1]),
    "identical rows": (np.tile(unit_rows(4), [6, 2, 1]), [0, 0, 1, 2, -1, 1]),
    "opposite rows": (unit_rows(4) * np.array([1, -1] * 3)[:, None, None] * np.ones([6, 2, 1]), [0, 1, 0, 1, 0, 1]),
    "opposite positives": (
        unit_rows(4) * np.array([1, -1] * 3)[:, None, None] * np.ones([6, 2, 1]),
        [0, 0, 1, 1, 2, 2],
    ),
    "one class": (unit_rows(6, 2, 4), [3] * 6),
    "all classes differ": (unit_rows(6, 1, 4), [0, 1, 2, 3, 4, 5]),
    "one view": (unit_rows(6, 1, 4), [0, 0, 0, 1, 1, -1]),
    "one image": (unit_rows(1, 2, 4), [0]),
    "one row": (unit_rows(1, 1, 4), [0]),
    "long rows": (40 * unit_rows(6, 2, 4), [0, 0, 1, 2, -1, 1]),
}


@pytest.mark.parametrize(
    "dtype", ["float32", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bfloat16", "float16", "float64"))]
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_value_and_gradient_are_finite_everywhere(layout, dtype):
    projections, labels = LAYOUTS[layout]
    longest = np.square(projections).sum(-1).max()
    projections = tf.cast(projections, dtype)
    temperatures = (1e-3, 0.1, 10.0) if dtype == "float32" else (1e-3,)
    for temperature, (summation, denominator) in itertools.product(temperatures, MODES):
        no_positives = "exclude" if temperature == 0.1 else "zero"
        values, gradient = value_and_gradient(
            labels, projections, temperature=temperature, summation_location=summation,
            denominator_mode=denominator, no_positives=no_positives,
        )  # fmt: skip
        named = f"{temperature} {summation} {denominator}"
        assert values.dtype == (tf.float64 if dtype == "float64" else tf.float32), named
        assert gradient.dtype == projections.dtype, named
        assert np.isfinite(tf.cast(gradient, tf.float64)).all(), f"{named}: {gradient}"
        # Two cosines differ by at most 2, twelve rows add at most log 12, and "exclude" counts at least 1 image of 6.
        assert np.all(np.abs(values) <= 6 * (2.1 * longest + temperature * np.log(12))), f"{named}: {values}"


@pytest.fixture
def checked_numerics():
    tf.debugging.enable_check_numerics()
    yield
    tf.debugging.disable_check_numerics()


@pytest.mark.parametrize("layout", ["one class", "all classes differ", "one row"])
def test_nothing_on_the_way_is_infinite(checked_numerics, layout):
    projections, labels = LAYOUTS[layout]
    for summation, denominator in MODES:
        value_and_gradient(
            labels, projections, temperature=1e-3, summation_location=summation, denominator_mode=denominator
        )
    with pytest.raises(tf.errors.InvalidArgumentError):  # control: what is infinite on the way is seen
        tf.minimum(tf.exp(tf.constant(1000.0)), 1.0)


def test_low_temperature_keeps_the_answer_in_float32():
    """The anchor's similarity to itself, 1 / tau, would leave no float32 for cosines below it."""
    labels, projections = [0, 0, 1, 1, 2, 2], unit_rows(6, 2, 16)
    exact = value_and_gradient(labels, projections, temperature=0.003)
    found = value_and_gradient(labels, projections.astype("float32"), temperature=0.003)
    for single, double in zip(found, exact):
        np.testing.assert_allclose(single, double, rtol=1e-3, atol=1e-4)
    assert np.abs(exact[1]).max() > 0.1


@pytest.mark.parametrize("summation, denominator", MODES)
def test_anchors_with_nobody_to_compare_cost_nothing(summation, denominator):
    labels, projections = [0, 1, 1, -1], unit_rows(4, 1, 3)
    arguments = dict(summation_location=summation, denominator_mode=denominator)
    values, _ = value_and_gradient(labels, projections, **arguments)
    assert values[0] == 0 and values[3] == 0 and values[1] != 0
    if denominator == "only_negatives":
        values, gradient = value_and_gradient([4, 4, 4, 4], projections, **arguments)
        assert not values.numpy().any() and not gradient.numpy().any()
