"""The loss by tiles: equal to plain loops and to the whole matrix, wherever TensorFlow puts it, at any temperature."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses import pairs
from supcon_tf.losses.supcon import SupConLoss, supervised_contrastive_loss
from supcon_tf.losses.tiled import blocks
from tests.oracles import supcon as oracle

CLASSES = np.array([4, 0, 4, -1, 4, 0, -1, 4, 7])
SETS = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 0], [0.5, 0.5, 0], [0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
MODES = list(itertools.product(("out", "in"), ("all", "one_positive", "only_negatives")))


def unit_rows(*shape, seed=0):
    rows = np.random.default_rng(seed).normal(size=shape)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def value_and_gradient(labels, projections, **arguments):
    projections = tf.convert_to_tensor(projections)
    with tf.GradientTape() as tape:
        tape.watch(projections)
        values = supervised_contrastive_loss(labels, projections, **arguments)
        total = tf.reduce_sum(values * tf.range(1, len(values) + 1, dtype=values.dtype))  # every image another weight
    return values, tape.gradient(total, projections)


def assert_equal(found, expected, tolerance):
    for one, other in zip(found, expected):
        other = np.asarray(other, np.float64)
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * np.abs(other).max(initial=0))


@pytest.mark.parametrize("summation, denominator", MODES)
@pytest.mark.parametrize(
    "labels, cap",
    [(CLASSES, None), *(pytest.param(*case, marks=pytest.mark.slow) for case in [(CLASSES, 2), (SETS, None)])],
)
def test_every_mode_equals_plain_loops_and_the_gradient_of_the_whole_matrix(summation, denominator, labels, cap):
    """Blocks of 4 rows cut classes, images and the 18 rows where it hurts; the low temperature needs the maximum."""
    projections = unit_rows(9, 2, 3)
    for contrast, temperature in (("all", 0.2), ("one", 0.2), ("all", 0.002)):
        arguments = dict(
            temperature=temperature, contrast_mode=contrast, summation_location=summation, positives_cap=cap,
            denominator_mode=denominator, no_positives="exclude",
        )  # fmt: skip
        found = value_and_gradient(labels, projections, tile_rows=4, **arguments)
        assert_equal(found, value_and_gradient(labels, projections, **arguments), 1e-11)
        if temperature == 0.2:
            expected = oracle.supervised_contrastive_loss(labels, projections, **arguments)
            np.testing.assert_allclose(found[0], expected, rtol=1e-7 if labels is SETS else 1e-12)


@pytest.mark.parametrize(
    "views, tile_rows",
    [(1, 4), (3, 5), *(pytest.param(*sizes, marks=pytest.mark.slow) for sizes in [(1, 1), (2, 7), (3, 100)])],
)
def test_any_number_of_views_and_any_tile(views, tile_rows):
    projections = unit_rows(9, views, 3)
    arguments = dict(temperature=0.3, denominator_mode="one_positive", summation_location="in", positives_cap=2 * views)
    found = value_and_gradient(CLASSES, projections, tile_rows=tile_rows, **arguments)
    np.testing.assert_allclose(
        found[0], oracle.supervised_contrastive_loss(CLASSES, projections, **arguments), rtol=1e-12
    )
    assert_equal(found, value_and_gradient(CLASSES, projections, **arguments), 1e-11)


@pytest.mark.parametrize("blocks_of, keys", [(1, 1), (2, 2), (5, 5), (6, 6), (3, 4)])
def test_every_pair_of_blocks_is_visited_once(blocks_of, keys):
    symmetric = blocks_of == keys
    extent = dict(anchors=blocks_of, keys=keys, symmetric=symmetric)
    visited = list(zip(*(numbers.numpy() for numbers in blocks.visits(**extent))))
    every = itertools.product(range(blocks_of), range(keys))
    expected = {tuple(sorted(pair)) for pair in every} if symmetric else set(every)
    assert sorted(tuple(sorted(pair)) if symmetric else pair for pair in visited) == sorted(expected)


@pytest.mark.parametrize("count", [0, 1, 2, 767, 768, 769, 1000, 12_288, 131_072])
def test_tiles_cover_the_rows_with_little_padding(count):
    size = blocks.tile_rows(count)
    number = -(-count // size)
    assert int(blocks.tile_rows(tf.constant(count))) == size
    assert 0 <= number * size - count < max(16 * number, 1) and size <= 2048


def test_rows_come_back_in_their_order():
    ids = pairs.row_ids(tf.constant(CLASSES, tf.int64), views=2)
    rows = tf.constant(unit_rows(18, 3))
    for by_class in (True, False):
        cut = blocks.cut(rows, ids, size=4, by_class=by_class)
        np.testing.assert_array_equal(cut.take_back(cut.rows), rows)
        np.testing.assert_array_equal(cut.take_back(cut.place(rows)), rows)
        assert cut.real.numpy().sum() == 18 and cut.rows.shape == [5, 4, 3]


def test_pairs_of_blocks_that_share_a_class_or_end_in_padding_come_first():
    ids = pairs.row_ids(tf.repeat(tf.range(8, dtype=tf.int64), 2)[::-1], views=2)
    for size, number in ((4, 8), (5, 7)):  # blocks of one class each; blocks that share classes, 3 rows of padding
        cut = blocks.cut(tf.zeros([32, 1]), ids, size=size, by_class=True)
        label = cut.ids.label.numpy()
        expected = [
            (i, j)
            for i, j in itertools.product(range(number), repeat=2)
            if set(label[i]) & set(label[j]) or (cut.ids.row.numpy()[[i, j]] < 0).any()
        ]
        every, apart = (part.numpy() for part in blocks.pairs_apart(cut, cut, symmetric=False))
        assert sorted(map(tuple, every[:apart])) == expected
        assert sorted(map(tuple, every)) == list(itertools.product(range(number), repeat=2))


@pytest.mark.parametrize("arguments", [{}, {"summation_location": "in", "denominator_mode": "one_positive"}])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_graph_and_xla_equal_eager(arguments, jit_compile):
    labels, projections = tf.constant(CLASSES), tf.constant(unit_rows(9, 2, 4), tf.float32)
    graph = tf.function(lambda y, z: value_and_gradient(y, z, tile_rows=4, **arguments), jit_compile=jit_compile)
    expected = value_and_gradient(CLASSES, projections, **arguments)
    assert_equal(graph(labels, projections), expected, 2e-5)
    assert_equal(graph(labels[::-1], projections), value_and_gradient(CLASSES[::-1], projections, **arguments), 2e-5)


def test_one_graph_serves_every_batch_size_and_both_kinds_of_rows():
    """Unknown batch; labels that are one-hot in one call and sets in the next; twice in one graph."""

    def both(y, z):
        return *value_and_gradient(y, z), *value_and_gradient(y, 2 * z, denominator_mode="only_negatives")

    signature = [tf.TensorSpec([None, 3]), tf.TensorSpec([None, 2, 3], tf.float64)]
    graph = tf.function(both, input_signature=signature)
    one_hot = (np.array([0, 1, 0, -1, 2, 2, 1])[:, None] == np.arange(3)).astype("float32")
    for labels in (one_hot, SETS.astype("float32"), one_hot[:2], one_hot[:1], one_hot[:0]):
        projections = unit_rows(len(labels), 2, 3)
        assert_equal(graph(labels, projections)[:1], [oracle.supervised_contrastive_loss(labels, projections)], 1e-6)
        if len(labels):
            assert_equal(graph(labels, projections), both(labels, projections), 1e-6)


@pytest.mark.parametrize(
    "dtype", ["float32", *(pytest.param(name, marks=pytest.mark.slow) for name in ("float16", "float64"))]
)
@pytest.mark.parametrize("shape", ["random", "zero", "identical", "opposite", "long"])
def test_value_and_gradient_are_finite_everywhere(dtype, shape):
    projections = {
        "random": unit_rows(6, 2, 4),
        "zero": np.zeros([6, 2, 4]),
        "identical": np.tile(unit_rows(4), [6, 2, 1]),
        "opposite": unit_rows(4) * np.array([1, -1] * 3)[:, None, None] * np.ones([6, 2, 1]),
        "long": 40 * unit_rows(6, 2, 4),
    }[shape]
    projections = tf.cast(projections, dtype)
    for temperature, denominator in itertools.product((1e-3, 0.1, 10.0), ("all", "one_positive")):
        arguments = dict(temperature=temperature, denominator_mode=denominator)
        found = value_and_gradient([0, 0, 1, 2, -1, 1], projections, tile_rows=5, **arguments)
        assert found[1].dtype == projections.dtype
        assert all(np.isfinite(tf.cast(part, tf.float64)).all() for part in found)
        exact = value_and_gradient([0, 0, 1, 2, -1, 1], tf.cast(projections, tf.float64), **arguments)
        limit = 1e-11 if dtype == "float64" else 1e-4
        np.testing.assert_allclose(found[0], exact[0], rtol=limit, atol=limit * max(np.abs(exact[0]).max(), 1))


def test_fit_uses_tiles_with_sample_weights():
    """The Keras class, an arbitrary incoming weight per image."""
    rows, weights = unit_rows(9, 2, 4).astype("float32"), np.linspace(0, 2, 9).astype("float32")
    found = SupConLoss(temperature=0.2, tile_rows=4)(CLASSES, rows, sample_weight=weights)
    expected = np.mean(weights * oracle.supervised_contrastive_loss(CLASSES, rows, temperature=0.2))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_large_problems_take_tiles_and_small_ones_the_matrix():
    """The one rule, by what a graph holds: only tiles need a loop."""

    def loops(images):
        graph = tf.function(supervised_contrastive_loss).get_concrete_function(
            tf.TensorSpec([images], tf.int32), tf.TensorSpec([images, 2, 3])
        )
        definition = graph.graph.as_graph_def()
        nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
        return sum(node.op in ("While", "StatelessWhile") for node in nodes)

    assert loops(256) == 0 and loops(257) > 0 and loops(None) > 0


@pytest.mark.slow
def test_second_derivatives_are_refused_not_wrong():
    projections = tf.constant(unit_rows(9, 2, 3))
    for tile_rows in (None, 4):
        with tf.GradientTape() as outer:
            outer.watch(projections)
            with tf.GradientTape() as inner:
                inner.watch(projections)
                total = tf.reduce_sum(supervised_contrastive_loss(CLASSES, projections, tile_rows=tile_rows))
            length = tf.reduce_sum(inner.gradient(total, projections) ** 2)
        if tile_rows is None:
            assert np.abs(outer.gradient(length, projections)).max() > 0.1
        else:
            with pytest.raises(NotImplementedError, match=r"no second derivatives.*leave `tile_rows` at None"):
                outer.gradient(length, projections)


@pytest.mark.slow
@pytest.mark.parametrize("summation, denominator", MODES)
@pytest.mark.parametrize("seed", range(5))
def test_random_problems_equal_the_whole_matrix(summation, denominator, seed):
    random = np.random.default_rng(seed)
    for _ in range(4):
        images, views, classes = random.integers(1, 40), random.integers(1, 4), random.integers(1, 12)
        labels, projections = random.integers(-1, classes, images), random.normal(size=[images, views, 5])
        cap = [None, 0, views, 3 * views][random.integers(4)]
        arguments = dict(
            temperature=10 ** random.uniform(-3, 1), summation_location=summation, denominator_mode=denominator,
            positives_cap=cap,
        )  # fmt: skip
        found = value_and_gradient(labels, projections, tile_rows=int(random.integers(1, 50)), **arguments)
        assert_equal(found, value_and_gradient(labels, projections, **arguments), 1e-10)
