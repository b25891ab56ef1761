"""The loss: authors' values, oracle, laws, unit length, graphs. As a Keras loss: test_supcon_in_keras.py."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.queue import Queue
from supcon_tf.losses.supcon import supervised_contrastive_loss
from tests.losses.problems import assert_close, unit_rows, unnormalized_loss, value_and_gradient
from tests.marks import slow, slow_but
from tests.oracles import supcon as oracle

GOLDEN = [
    [(0.01, 0.02, 0.14), (0.38, 0.61, 0.50)],
    [(0.86, 0.97, 0.33), (0.26, 0.68, 0.45)],
    [(0.32, 0.64, 0.28), (0.45, 0.74, 0.73)],
]
TETRAHEDRON = np.array([[(1, 1, 1), (1, -1, -1)], [(-1, 1, -1), (-1, -1, 1)]]) / np.sqrt(3)
AXES = np.eye(3)[[[2, 2], [1, 1], [0, 0]]]


# Values


@pytest.mark.parametrize(
    "summation, denominator, cap, labels, expected",
    [
        ("out", "all", None, [0, 0, 1], [1.6755852, 1.7973773, 1.58471]),
        ("out", "all", 4, [0, 0, 1], [1.6755852, 1.7973773, 1.58471]),
        ("out", "one_positive", None, [0, 0, 1], [1.1782627, 1.3435497, 1.58471]),
        ("out", "only_negatives", None, [0, 0, 1], [0.79652834, 1.0154991, 1.3529458]),
        ("out", "all", 2, [0, 0, 0], [1.1385298, 1.1824025, 1.1557417]),
        ("out", "all", 0, [0, 0, 1], [1.3769293, 1.0785717, 1.58471]),
        ("in", "all", 0, [0, 0, 1], [1.3769293, 1.0785717, 1.58471]),
        ("in", "all", None, [0, 0, 1], [1.6356678, 1.7135872, 1.58471]),
        ("in", "all", 4, [0, 0, 1], [1.6356678, 1.7135872, 1.58471]),
        ("in", "one_positive", None, [0, 0, 1], [1.1571673, 1.2941568, 1.58471]),
        ("in", "only_negatives", None, [0, 0, 1], [0.756611, 0.93170905, 1.3529458]),
        ("in", "all", 2, [0, 0, 0], [np.log(3)] * 3),
    ],
)
def test_values_of_the_authors(summation, denominator, cap, labels, expected):
    with pytest.warns(UserWarning, match="rows of `projections` have lengths from 0.142 to 1.34"):
        found = unnormalized_loss(
            labels, np.array(GOLDEN, "float32"), temperature=1.0, summation_location=summation,
            denominator_mode=denominator, positives_cap=cap,
        )  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "labels, projections, temperature, base_temperature, expected",
    [
        ([0, 1], TETRAHEDRON, 1.0, 1.0, [np.log(3)] * 2),
        ([0, 1], TETRAHEDRON, 0.1, 1.0, [0.1098612] * 2),
        ([0, 1], TETRAHEDRON, 0.1, None, [1.098612] * 2),
        ([0, 1], TETRAHEDRON, 0.1, 0.07, [1.098612 / 0.7] * 2),
        ([0, 0, 2], AXES, 1.0, 1.0, [1.5714991, 1.5714991, 0.90483244]),
    ],
)
def test_closed_forms_and_scales_of_the_authors(labels, projections, temperature, base_temperature, expected):
    found = supervised_contrastive_loss(labels, projections, temperature=temperature, base_temperature=base_temperature)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("contrast", ["all", "one"])
@pytest.mark.parametrize("summation", ["out", "in"])
@pytest.mark.parametrize("denominator", ["all", "one_positive", "only_negatives"])
@pytest.mark.parametrize("views", [1, slow(2), 3])
def test_oracle(contrast, summation, denominator, views):
    labels, projections = np.array([4, 0, 4, -1, 4, 0, -1, 4, 7]), unit_rows(9, views, 3)
    for cap, no_positives in itertools.product([None, 0, views, 2 * views], ["zero", "exclude"]):
        arguments = dict(
            temperature=0.2, contrast_mode=contrast, summation_location=summation, denominator_mode=denominator,
            positives_cap=cap, no_positives=no_positives,
        )  # fmt: skip
        found = supervised_contrastive_loss(labels, projections, **arguments)
        expected = oracle.supervised_contrastive_loss(labels, projections, **arguments)
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=f"{cap} {no_positives}")


@pytest.mark.parametrize("tile_rows", [0, 4])
def test_shares_of_labels_keep_their_digits(tile_rows):
    """In float32 they would be off by 1e-8, and the loss with them."""
    shares = np.random.default_rng(0).uniform(size=[7, 3]) * (np.arange(21).reshape(7, 3) % 4 > 0)
    rows = unit_rows(7, 2, 4)
    found = supervised_contrastive_loss(shares, rows, temperature=0.2, tile_rows=tile_rows, label_mode="sets")
    expected = oracle.supervised_contrastive_loss(shares, rows, temperature=0.2)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("labels, positive", [([0, 0, 1, -1, 0], 3), ([0, 1, 2, 3, -1], 0), ([1] * 5, 5)])
def test_exclude_takes_the_mean_over_anchors_that_have_positives(labels, positive):
    projections = unit_rows(5, 3)
    counted = supervised_contrastive_loss(labels, projections)
    excluded = supervised_contrastive_loss(labels, projections, no_positives="exclude")
    np.testing.assert_allclose(np.mean(excluded), np.sum(counted) / max(positive, 1), rtol=1e-12)
    assert np.count_nonzero(counted) == np.count_nonzero(excluded) == positive


# Laws


def test_order_of_images_and_names_of_classes_are_irrelevant():
    labels, projections = np.array([0, 1, 0, 2, -1, 1, -1]), unit_rows(7, 2, 5)
    expected = supervised_contrastive_loss(labels, projections).numpy()
    order = np.random.default_rng(1).permutation(7)
    np.testing.assert_allclose(supervised_contrastive_loss(labels[order], projections[order]), expected[order])
    renamed = np.array([2**40, 5, -3, 0])[[0, 1, 0, 3, 2, 1, 2]]
    np.testing.assert_allclose(supervised_contrastive_loss(renamed, projections), expected)
    np.testing.assert_allclose(supervised_contrastive_loss(labels, projections[:, ::-1]), expected)


def test_rotation_of_the_space_is_irrelevant():
    labels, projections = [0, 1, 0, 2, -1], unit_rows(5, 2, 4)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=[4, 4]))[0]
    np.testing.assert_allclose(
        supervised_contrastive_loss(labels, projections @ rotation), supervised_contrastive_loss(labels, projections)
    )


@pytest.mark.parametrize("denominator", ["all", "one_positive", "only_negatives"])
@pytest.mark.parametrize("temperature", [0.05, 0.5, 5.0])
def test_inside_is_at_most_outside(denominator, temperature):
    """Jensen, Sec. 3.2.2; equal where one positive is all there is."""
    labels, projections = [0, 0, 1, 2, 0], unit_rows(5, 2, 3)
    outside, inside = (
        supervised_contrastive_loss(
            labels, projections, temperature=temperature, denominator_mode=denominator, summation_location=where
        ).numpy()
        for where in ("out", "in")
    )
    assert np.all(inside[[0, 1, 4]] < outside[[0, 1, 4]])
    np.testing.assert_allclose(inside[[2, 3]], outside[[2, 3]])


@pytest.mark.parametrize("labels", [[-1] * 5, [0, 1, 2, 3, 4], [-7, -1, 3, -1, 9]])
def test_unlabelled_images_make_simclr(labels):
    projections = unit_rows(5, 2, 4)
    found = supervised_contrastive_loss(labels, projections, temperature=0.3, base_temperature=None)
    np.testing.assert_allclose(found, oracle.simclr_loss(projections, temperature=0.3), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "bool"])
def test_one_hot_is_the_same_as_integers(dtype):
    labels, projections = np.array([0, 1, 0, -1, 2]), unit_rows(5, 2, 4)
    one_hot = (labels[:, None] == np.arange(3)).astype(dtype)
    expected = supervised_contrastive_loss(labels[:, None].astype("int32"), projections)
    np.testing.assert_array_equal(supervised_contrastive_loss(one_hot, projections), expected)


def test_rank_two_is_one_view():
    labels, projections = [0, 1, 0, 1], unit_rows(4, 3)
    np.testing.assert_array_equal(
        supervised_contrastive_loss(labels, projections), supervised_contrastive_loss(labels, projections[:, None])
    )


# Unit length


def test_outputs_of_any_length_have_the_loss_of_unit_rows():
    """Of seven times as long, too: by default rows are brought to unit length, as pytorch-metric-learning does."""
    labels, rows = np.array([0, 1, 0, 1, 2, 2]), unit_rows(6, 2, 4)
    lengths = np.random.default_rng(1).uniform(0.1, 9, [6, 2, 1])
    expected = supervised_contrastive_loss(labels, rows)
    np.testing.assert_allclose(expected, unnormalized_loss(labels, rows), rtol=1e-12)
    for factor in (7.0, lengths, 1e-3):
        np.testing.assert_allclose(supervised_contrastive_loss(labels, factor * rows), expected, rtol=1e-11)
    with pytest.warns(UserWarning, match="have lengths from 7 to 7"):
        assert np.abs(unnormalized_loss(labels, 7 * rows) - expected).max() > 1  # the control: length matters


@pytest.mark.parametrize("tile_rows", [None, 4])
def test_the_gradient_by_rows_that_are_normalised_is_the_one_through_the_norm(tile_rows):
    """Eq. 4: (I - z z^T) / |w| times the gradient by z; nothing along w."""
    labels, rows, length = [0, 1, 0, 1, 2, 2], unit_rows(6, 2, 4), 3.0
    _, by_unit_rows = value_and_gradient(labels, rows, tile_rows=tile_rows)
    _, found = value_and_gradient(labels, length * rows, tile_rows=tile_rows, normalize=True)
    across = by_unit_rows - np.sum(by_unit_rows * rows, -1, keepdims=True) * rows
    np.testing.assert_allclose(found, across / length, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.sum(found * rows, -1), 0, atol=1e-14)


@pytest.mark.parametrize(
    "dtype, tile_rows",
    slow_but(itertools.product(["float16", "float32", "float64"], [None, 4]), [("float16", None), ("float32", 4)]),
)
def test_zero_rows_have_a_finite_loss_and_gradient(dtype, tile_rows):
    rows = unit_rows(6, 2, 4)
    rows[2], rows[3, 1] = 0, 0
    for temperature in (1e-3, 0.1):
        values, gradient = value_and_gradient(
            [0, 0, 1, 2, -1, 1], rows.astype(dtype), normalize=True, tile_rows=tile_rows, temperature=temperature
        )
        assert np.isfinite(values).all()
        assert dtype == "float16" or np.isfinite(gradient).all()  # a zero row asks for more than float16 can hold


def test_a_queue_is_normalised_with_the_batch():
    labels, rows, past = [0, 1, 0, 2], unit_rows(4, 3), unit_rows(5, 3, seed=1)
    queue = [0, 1, 2, -1, 0]
    expected = supervised_contrastive_loss(labels, rows, queue=Queue(past, queue))
    np.testing.assert_allclose(supervised_contrastive_loss(labels, 2 * rows, queue=Queue(3 * past, queue)), expected)
    taken_as_they_are = unnormalized_loss(labels, rows, queue=Queue(3 * past, queue))
    assert np.abs(taken_as_they_are - expected).max() > 0.1  # the control


def test_rows_that_are_seen_not_to_be_of_unit_length_are_warned_of_once():
    rows = unit_rows(4, 2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unnormalized_loss([0, 1, 0, 1], rows)
        unnormalized_loss([0, 1, 0, 1], tf.cast(rows, tf.bfloat16))  # rounded, but of unit length
        supervised_contrastive_loss([0, 1, 0, 1], 5 * rows)
        tf.function(unnormalized_loss)(tf.constant([0, 1, 0, 1]), 5 * rows)  # nobody sees
        unnormalized_loss(np.zeros([0]), rows[:0])
    with pytest.warns(UserWarning) as caught:
        unnormalized_loss([0, 1, 0, 1], np.concatenate([rows[:2], 5 * rows[2:]]))
    (warning,) = caught
    assert "lengths from 1 to 5, and the loss is meant for unit rows: leave `normalize` at True" in str(warning.message)
    assert warning.filename == __file__  # and so says whose call it was


# Eager, graph, XLA


def loops(images, **arguments):
    """How many loops a graph for so many images of two views has: only tiles need one."""
    graph = tf.function(lambda y, z: supervised_contrastive_loss(y, z, **arguments)).get_concrete_function(
        tf.TensorSpec([images], tf.int32), tf.TensorSpec([images, 2, 3])
    )
    definition = graph.graph.as_graph_def()
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    return sum(node.op in ("While", "StatelessWhile") for node in nodes)


def test_large_problems_take_tiles_and_small_ones_the_matrix():
    """The rule that the docstring states: up to 512 rows, where a graph knows how many they are."""
    assert loops(256) == 0 and loops(257) > 0 and loops(None) > 0
    assert loops(8, tile_rows=4) > 0 and loops(257, tile_rows=0) == 0 and loops(None, tile_rows=0) == 0


def test_the_whole_matrix_can_be_asked_for_in_a_graph_for_any_batch():
    """With its second derivatives, which tiles do not have."""

    def penalty(labels, rows):
        with tf.GradientTape() as outer:
            outer.watch(rows)
            _, gradient = value_and_gradient(labels, rows, tile_rows=0)
            length = tf.reduce_sum(gradient**2)
        return length, outer.gradient(length, rows)

    signature = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 2, 3], tf.float64)]
    graph = tf.function(penalty, input_signature=signature)
    for images in (3, 7):
        labels, rows = np.arange(images) % 2, unit_rows(images, 2, 3)
        length, found = graph(labels, rows)
        change = 1e-6 * unit_rows(images, 2, 3, seed=1)
        above, below = (float(penalty(labels, tf.constant(rows + sign * change))[0]) for sign in (1, -1))
        assert float(tf.reduce_sum(found * change)) == pytest.approx((above - below) / 2, rel=1e-5)
        assert float(length) > 0.1


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"positives_cap": 2, "no_positives": "exclude"},
        {"summation_location": "in", "denominator_mode": "one_positive", "contrast_mode": "one"},
        {"denominator_mode": "only_negatives"},
    ],
)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_graph_and_xla_equal_eager(arguments, jit_compile):
    labels, projections = tf.constant([0, 1, 0, -1, 0]), tf.constant(unit_rows(5, 2, 4), tf.float32)
    compiled = tf.function(lambda y, z: value_and_gradient(y, z, **arguments), jit_compile=jit_compile)
    assert_close(compiled(labels, projections), value_and_gradient(labels, projections, **arguments), 2e-5)


def test_one_graph_serves_every_batch_size():
    graph = tf.function(
        lambda y, z: value_and_gradient(y, z, positives_cap=2),
        input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, 2, 3], tf.float64)],
    )
    for batch in (7, 2, 1, 0):
        labels, projections = np.arange(batch, dtype="int32") % 2, unit_rows(batch, 2, 3)
        values, gradient = graph(labels, projections)
        np.testing.assert_allclose(
            values, oracle.supervised_contrastive_loss(labels, projections, positives_cap=2), rtol=1e-12
        )
        assert gradient.shape == [batch, 2, 3]
