"""The loss: authors' values, oracle, laws, graphs, the Keras class, and what it says when misused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.supcon import SupConLoss, supervised_contrastive_loss
from tests.oracles import supcon as oracle

GOLDEN = [
    [(0.01, 0.02, 0.14), (0.38, 0.61, 0.50)],
    [(0.86, 0.97, 0.33), (0.26, 0.68, 0.45)],
    [(0.32, 0.64, 0.28), (0.45, 0.74, 0.73)],
]
TETRAHEDRON = np.array([[(1, 1, 1), (1, -1, -1)], [(-1, 1, -1), (-1, -1, 1)]]) / np.sqrt(3)
AXES = np.eye(3)[[[2, 2], [1, 1], [0, 0]]]


def unit_rows(*shape, seed=0):
    rows = np.random.default_rng(seed).normal(size=shape)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


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
    found = supervised_contrastive_loss(
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
@pytest.mark.parametrize("views", [1, 2, 3])
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


# Eager, graph, XLA


def value_and_gradient(labels, projections, **arguments):
    with tf.GradientTape() as tape:
        tape.watch(projections)
        values = supervised_contrastive_loss(labels, projections, **arguments)
        total = tf.reduce_sum(values**2)  # every image another weight
    return values, tape.gradient(total, projections)


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
    for found, expected in zip(compiled(labels, projections), value_and_gradient(labels, projections, **arguments)):
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


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


# Keras

ALL_ARGUMENTS = dict(
    temperature=0.2, base_temperature=None, contrast_mode="one", summation_location="in",
    denominator_mode="one_positive", positives_cap=2, no_positives="exclude", cross_replica=False, reduction="sum",
    tile_rows=3, name="mine",
)  # fmt: skip


def test_config_holds_every_argument():
    config = SupConLoss(**ALL_ARGUMENTS).get_config()
    assert {**config, **ALL_ARGUMENTS} == config
    assert SupConLoss.from_config(config).get_config() == config


@pytest.mark.parametrize("reduction, reduced", [("sum_over_batch_size", np.mean), ("sum", np.sum), ("none", np.array)])
def test_class_reduces_the_function(reduction, reduced):
    labels, projections = np.array([0, 1, 0, -1]), unit_rows(4, 2, 3).astype("float32")
    found = SupConLoss(temperature=0.5, reduction=reduction)(labels, projections)
    expected = reduced(supervised_contrastive_loss(labels, projections, temperature=0.5))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_saved_models_keep_their_loss(tmp_path):
    images, labels = unit_rows(8, 2, 6), np.array([0, 1, 0, 1, 2, -1, -1, 2])
    model = tf.keras.Sequential([tf.keras.Input([2, 6]), tf.keras.layers.Dense(4), tf.keras.layers.UnitNormalization()])
    model.compile("sgd", SupConLoss(**ALL_ARGUMENTS))
    before = model.evaluate(images, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.loss, SupConLoss)
    assert loaded.loss.get_config() == model.loss.get_config()
    np.testing.assert_allclose(loaded.evaluate(images, labels, verbose=0), before, rtol=1e-6)


# Misuse


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"temperature": 0}, "`temperature` must be a Python number from 1e-06 to 1e.06.*got 0"),
        ({"temperature": -0.1}, "got -0.1"),
        ({"temperature": float("nan")}, "got nan"),
        ({"temperature": float("inf")}, "got inf"),
        ({"temperature": "0.1"}, "`temperature` must be.*got '0.1'"),
        ({"temperature": True}, "`temperature` must be.*got True"),
        ({"temperature": 1e-45}, "`temperature` must be.*got 1e-45"),
        ({"base_temperature": 1e-300}, "`base_temperature` must be.*got 1e-300"),
        ({"positives_cap": True}, "`positives_cap` must be an integer"),
        ({"temperature": None}, "`temperature` must be"),
        ({"base_temperature": 0.0}, "`base_temperature` must be.*got 0.0"),
        ({"contrast_mode": "al"}, "`contrast_mode` must be one of all, one; got 'al'. Did you mean 'all'?"),
        ({"summation_location": "OUTSIDE"}, "got 'OUTSIDE'. Did you mean 'out'?"),
        ({"denominator_mode": "only_negative"}, "Did you mean 'only_negatives'?"),
        ({"no_positives": 3}, "`no_positives` must be one of zero, exclude; got 3.$"),
        ({"positives_cap": -1}, "`positives_cap` must be an integer of at least 0, or None for no cap; got -1"),
        ({"positives_cap": 2.0}, "`positives_cap` must be an integer"),
        ({"tile_rows": 0}, "`tile_rows` must be an integer of at least 1, or None to have it chosen; got 0"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        supervised_contrastive_loss([0, 1], unit_rows(2, 2, 3), **arguments)
    with pytest.raises(ValueError, match=message):
        SupConLoss(**arguments)


@pytest.mark.parametrize(
    "labels, projections, cap, message",
    [
        ([0, 1], np.ones([2, 2, 3]), 3, "`positives_cap` must be a multiple of the 2 views; got 3"),
        ([0, 1], np.ones([2, 2, 3], int), None, "must be of a float type; got int64"),
        ([0, 1], np.ones([2]), None, r"must have shape \[B, V, D\].*got \(2,\)"),
        ([0, 1], np.ones([2, 2, 3, 4]), None, "Flatten feature maps"),
        ([0, 1], np.ones([2, 0, 3]), None, "with V >= 1"),
        ([0, 1, 2], np.ones([2, 2, 3]), None, "`labels` are for 3 images and `projections` for 2.*the 2 views"),
        ([[1, 1], [0, 1]], np.ones([2, 2, 3]), 2, "must be one-hot: `positives_cap` counts images of a class"),
        ([[3, 3], [5, 5]], np.ones([2, 2, 3]), None, "must be from 0 to 1.*per image, not per view"),
    ],
)
def test_wrong_tensors_are_named(labels, projections, cap, message):
    with pytest.raises(ValueError, match=message):
        supervised_contrastive_loss(labels, projections, positives_cap=cap)


def test_graphs_need_views_and_width():
    with pytest.raises(ValueError, match=r"tf.ensure_shape"):
        tf.function(supervised_contrastive_loss).get_concrete_function(
            tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, None, 3])
        )
