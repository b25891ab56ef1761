"""Each loss: plain loops, TensorFlow Addons, closed forms, laws, and gradients that are numbers."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf import names
from supcon_tf.addons import tensorflow_addons
from supcon_tf.losses import metric_learning
from supcon_tf.losses.metric_learning import FUNCTIONS, n_pairs, with_margin
from supcon_tf.losses.supcon import supervised_contrastive_loss
from tests.losses.problems import unit_rows
from tests.oracles import metric_learning as oracle

LABELS = np.array([4, 0, 4, -1, 4, 0, -1, 7])
NAMES = sorted(FUNCTIONS)
WITH_MARGIN = [name for name in NAMES if name != "n_pairs"]


def gradient_of(name, labels, projections, **arguments):
    projections = tf.convert_to_tensor(projections)
    with tf.GradientTape() as tape:
        tape.watch(projections)
        values = FUNCTIONS[name](labels, projections, **arguments)
        total = tf.reduce_sum(values**2)
    return values, tape.gradient(total, projections)


def test_the_losses_are_those_that_a_run_can_choose():
    assert set(names.LOSSES) == {"supcon", *FUNCTIONS}


@pytest.mark.parametrize("views", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_plain_loops(name, views):
    views = 2 if name == "n_pairs" else views
    projections = unit_rows(8, views, 3)
    for margin in (None, 0.2, 2.5):
        found = with_margin(name, margin)(LABELS, projections)
        told = {} if margin is None or name == "n_pairs" else {"margin": margin}
        np.testing.assert_allclose(found, getattr(oracle, name)(LABELS, projections, **told), rtol=1e-11)
        assert np.count_nonzero(found)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:rows of `projections` have lengths")
@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_differences(name):
    """Of float64 loops, at rows that are not of unit length: the length of a row is not divided out."""
    projections, step = np.random.default_rng(1).normal(size=[5, 2, 3]), 1e-6
    labels = np.array([0, 1, 0, -1, 1])
    _, found = gradient_of(name, labels, projections, normalize=False)
    expected = np.zeros_like(projections)
    for place in np.ndindex(*projections.shape):
        moved = [projections.copy(), projections.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        up, down = (np.sum(getattr(oracle, name)(labels, rows) ** 2) for rows in moved)
        expected[place] = (up - down) / (2 * step)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


# TensorFlow Addons


def addons():
    try:
        return tensorflow_addons("this test").losses
    except ValueError:
        pytest.skip("TensorFlow Addons is not installed on this stack")


@pytest.mark.parametrize("margin", [pytest.param(0.3, marks=pytest.mark.slow), 1.0])
@pytest.mark.parametrize(
    "name, theirs",
    [
        pytest.param("triplet_semihard", "triplet_semihard_loss", marks=pytest.mark.slow),
        pytest.param("triplet_hard", "triplet_hard_loss", marks=pytest.mark.slow),
        pytest.param("lifted_structure", "lifted_struct_loss", marks=pytest.mark.slow),
    ],
)
def test_value_and_gradient_are_those_of_tensorflow_addons(name, theirs, margin):
    """Every row has a positive and a negative; float32, as theirs is. Rows are images of one view, and views."""
    loss = getattr(addons(), theirs)
    labels, rows = np.array([0, 1, 2, 1, 0, 2, 2, 0]), tf.constant(unit_rows(8, 5), tf.float32)
    for views in (1, 2):
        of_rows = labels if views == 1 else np.repeat(labels[:4], 2)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(rows)
            found = tf.reduce_mean(
                FUNCTIONS[name](of_rows[::views], tf.reshape(rows, [8 // views, views, 5]), margin=margin)
            )
            expected = loss(of_rows, tf.math.l2_normalize(rows, -1), margin)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        one, other = tape.gradient(found, rows), tape.gradient(expected, rows)
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3, 4, 5], [0, 1, 0, 2, 2, 0]])
def test_n_pairs_are_those_of_tensorflow_addons(labels):
    projections = tf.constant(unit_rows(6, 2, 5), tf.float32)
    logits = tf.matmul(projections[:, 0], projections[:, 1], transpose_b=True)
    expected = addons().npairs_loss(tf.constant(labels), logits)
    np.testing.assert_allclose(tf.reduce_mean(n_pairs(labels, projections)), expected, rtol=1e-6)


def test_pair_margin_is_that_of_tensorflow_addons_on_as_many_positives_as_negatives():
    """Rows a, b of one class and c alone, twice: of their pairs take 2 of each kind."""
    loss, rows = addons().contrastive_loss, unit_rows(3, 4)
    labels = [0, 0, 1]
    pairs = [(0, 1), (1, 0), (0, 2), (1, 2), (2, 0), (2, 1)]
    distance = np.array([np.linalg.norm(rows[i] - rows[j]) for i, j in pairs])
    same = np.array([float(labels[i] == labels[j]) for i, j in pairs])
    each = np.array(loss(tf.constant(same), tf.constant(distance), 1.3))
    expected = (each[same == 1].mean() + each[same == 0].mean()) / 2
    found = metric_learning.pair_margin(labels, rows, margin=1.3)
    np.testing.assert_allclose(np.mean(found), expected, rtol=1e-6)


# Closed forms


@pytest.mark.parametrize(
    "name, expected",
    [
        ("triplet_semihard", [1.0] * 4),  # all distances are sqrt 2: the margin is left
        ("triplet_hard", [1.0] * 4),
        ("n_pairs", [np.log(4)] * 4),
        ("lifted_structure", [(np.log(8) + 1) ** 2 / 2] * 4),  # two sets of 4 negatives, margin - D + D
        ("pair_margin", [1.0] * 4),  # D^2 / 2, and the margin of 1 is passed
    ],
)
def test_rows_at_right_angles(name, expected):
    """Four images, two classes, each view its own axis: but for N-pairs, positives are as far as negatives."""
    projections = np.eye(8).reshape(4, 2, 8)
    found = FUNCTIONS[name]([0, 0, 1, 1], projections)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_papers_n_pairs_are_supcon_with_one_positive_at_temperature_one():
    """Sec. 3.2.2: one other image of the class, everybody of other classes against it."""
    labels, rows = np.array([0, 1, 2, 1, 0, 2]), unit_rows(6, 1, 4)
    found = supervised_contrastive_loss(labels, rows, temperature=1.0, base_temperature=None, positives_cap=1)
    flat = rows[:, 0]
    for i, value in enumerate(np.array(found)):
        positive = next(j for j in range(6) if j != i and labels[j] == labels[i])
        others = [j for j in range(6) if labels[j] != labels[i]]
        expected = np.log(1 + sum(np.exp(flat[i] @ flat[j] - flat[i] @ flat[positive]) for j in others))
        np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_n_pairs_of_classes_of_one_image_are_sohns():
    views = unit_rows(5, 2, 4)
    anchors, keys = views[:, 0], views[:, 1]
    expected = [np.log(1 + sum(np.exp(a @ keys[j] - a @ keys[i]) for j in range(5) if j != i))
                for i, a in enumerate(anchors)]  # fmt: skip
    np.testing.assert_allclose(n_pairs(range(5), views), expected, rtol=1e-12)
    np.testing.assert_allclose(n_pairs([-1] * 5, views), expected, rtol=1e-12)


# Laws


@pytest.mark.parametrize("name", NAMES)
def test_order_of_images_names_of_classes_and_rotations_are_irrelevant(name):
    projections = unit_rows(8, 2, 4)
    expected = np.array(FUNCTIONS[name](LABELS, projections))
    order = np.random.default_rng(2).permutation(8)
    np.testing.assert_allclose(FUNCTIONS[name](LABELS[order], projections[order]), expected[order], rtol=1e-10)
    renamed = np.where(LABELS < 0, -5, 100 - LABELS)
    np.testing.assert_allclose(FUNCTIONS[name](renamed, projections), expected, rtol=1e-10)
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=[4, 4]))[0]
    np.testing.assert_allclose(FUNCTIONS[name](LABELS, projections @ rotation), expected, rtol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_labels_count(name):
    """Control: other labels cost something else."""
    projections = unit_rows(8, 2, 4)
    one, other = (np.array(FUNCTIONS[name](labels, projections)) for labels in (LABELS, np.roll(LABELS, 1)))
    assert np.abs(one - other).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_larger_margin_costs_more(name):
    projections = unit_rows(8, 2, 4)
    costs = [float(tf.reduce_sum(with_margin(name, margin)(LABELS, projections))) for margin in (0.1, 1.0, 1.9)]
    assert costs[0] < costs[1] < costs[2] if name in WITH_MARGIN else costs[0] == costs[1] == costs[2]


# What there may be none of


@pytest.mark.parametrize("name", WITH_MARGIN)
def test_rows_without_positives_or_negatives_cost_nothing_and_are_counted(name):
    rows = unit_rows(4, 3)
    lonely = np.array(FUNCTIONS[name]([0, 1, 2, -1], rows, margin=2.0))
    np.testing.assert_array_equal(lonely > 0, [name == "pair_margin"] * 4)  # whose negatives push whoever they meet
    united = np.array(FUNCTIONS[name]([0] * 4, rows))
    np.testing.assert_array_equal(united > 0, [name == "pair_margin"] * 4)  # whose positives pull
    for labels in ([0, 1, 2, -1], [0] * 4):
        assert np.isfinite(gradient_of(name, labels, rows)[1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("bfloat16", 0.05), ("float16", 0.01)])
@pytest.mark.parametrize("name", NAMES)
def test_types(name, dtype, tolerance):
    projections = unit_rows(8, 2, 4)
    found, gradient = gradient_of(name, LABELS, tf.cast(projections, dtype))
    assert found.dtype == tf.float32 and gradient.dtype == dtype
    np.testing.assert_allclose(found, FUNCTIONS[name](LABELS, projections), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_equal_rows_have_finite_gradients(name):
    """Where the root of a distance has no slope; views of an image may be equal."""
    for rows in (np.ones([6, 2, 4], "f4"), np.repeat(unit_rows(6, 1, 4), 2, axis=1).astype("f4")):
        values, gradient = gradient_of(name, [0, 0, 1, 1, 2, -1], rows)
        assert np.isfinite(values).all() and np.isfinite(gradient).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_graphs_and_xla_give_the_same(name):
    projections = tf.constant(unit_rows(8, 2, 4), tf.float32)
    expected = gradient_of(name, LABELS, projections)
    compiled = tf.function(functools.partial(gradient_of, name), jit_compile=True)
    unknown = tf.function(
        functools.partial(gradient_of, name),
        input_signature=[tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 2, 4])],
    )
    for run in (compiled, unknown):
        for one, other in zip(run(tf.constant(LABELS), projections), expected):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


# What is refused


@pytest.mark.parametrize("name", NAMES)
def test_what_is_wrong_is_refused(name):
    loss, rows = FUNCTIONS[name], unit_rows(4, 2, 3)
    with pytest.raises(ValueError, match="must be one-hot: this loss compares images of a class"):
        loss(np.array([[1, 1, 0]] * 4), rows)
    with pytest.raises(ValueError, match="`labels` are for 3 images and `projections` for 4"):
        loss([0, 1, 2], rows)
    with pytest.raises(ValueError, match="must be whole numbers"):
        loss([0.5, 1, 2, 3], rows)
    with pytest.raises(ValueError, match=r"must have shape \[B, V, D\]"):
        loss([0, 1], unit_rows(2, 2, 3, 1))


def test_n_pairs_need_two_views():
    with pytest.raises(ValueError, match=r"N-pairs are pairs: .*got V = 3"):
        n_pairs([0, 1], unit_rows(2, 3, 4))


def test_one_hot_rows_are_classes():
    projections, classes = unit_rows(4, 2, 3), np.array([0, 2, 0, -1])
    one_hot = (classes[:, None] == np.arange(3)).astype("f4")
    for name in NAMES:
        np.testing.assert_allclose(FUNCTIONS[name](one_hot, projections), FUNCTIONS[name](classes, projections))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_labels_that_mean_nothing_give_no_number_under_xla(name):
    compiled = tf.function(functools.partial(gradient_of, name), jit_compile=True)
    values, gradient = compiled(tf.constant([0.5, 1.0, 1.0, 0.0]), tf.constant(unit_rows(4, 2, 3), tf.float32))
    assert np.isnan(values).all() and np.isnan(gradient).all()


@pytest.mark.slow
def test_rows_are_normalised_unless_told_otherwise():
    projections = unit_rows(4, 2, 3)
    for name in NAMES:
        expected = np.array(FUNCTIONS[name]([0, 0, 1, 1], projections))
        np.testing.assert_allclose(FUNCTIONS[name]([0, 0, 1, 1], 3 * projections), expected, rtol=1e-12)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            as_they_are = np.array(FUNCTIONS[name]([0, 0, 1, 1], 3 * projections, normalize=False))
        assert np.abs(as_they_are - expected).max() > 0.1
