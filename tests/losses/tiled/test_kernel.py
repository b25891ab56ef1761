"""The loss by tiles: equal to plain loops and to the whole matrix, wherever TensorFlow puts it, at any temperature."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses import dense, pairs
from supcon_tf.losses.pairs import Rows
from supcon_tf.losses.tiled import kernel
from tests.losses.problems import MODES, assert_close, unit_rows, value_and_gradient
from tests.losses.tiled.tiles import CLASSES, SETS, modes, rows_of
from tests.marks import guard, slow, slow_but
from tests.oracles import supcon as oracle

# Rows of other lengths are what some of these are about.
pytestmark = pytest.mark.filterwarnings("ignore:rows of `projections` have lengths")


@pytest.mark.parametrize("summation, denominator", slow_but(MODES, [("out", "all"), ("in", "one_positive")]))
@pytest.mark.parametrize("labels, cap", [(CLASSES, None), slow(CLASSES, 2), slow(SETS, None)])
def test_every_mode_equals_plain_loops_and_the_gradient_of_the_whole_matrix(summation, denominator, labels, cap):
    """Blocks of 4 rows cut classes, images and the 18 rows where it hurts; the low temperature needs the maximum."""
    projections = unit_rows(9, 2, 3)
    for contrast, temperature in (("all", 0.2), ("one", 0.2), ("all", 0.002)):
        arguments = dict(
            temperature=temperature, contrast_mode=contrast, summation_location=summation, positives_cap=cap,
            denominator_mode=denominator, no_positives="exclude",
        )  # fmt: skip
        found = value_and_gradient(labels, projections, tile_rows=4, **arguments)
        assert_close(found, value_and_gradient(labels, projections, **arguments), 1e-11)
        if temperature == 0.2:
            expected = oracle.supervised_contrastive_loss(labels, projections, **arguments)
            np.testing.assert_allclose(found[0], expected, rtol=1e-7 if labels is SETS else 1e-12)


@pytest.mark.parametrize(
    "views, tile_rows",
    slow_but([(3, 5), (1, 4), (1, 1), (2, 7), (3, 100)], [(3, 5)]),
)
def test_any_number_of_views_and_any_tile(views, tile_rows):
    projections = unit_rows(9, views, 3)
    arguments = dict(temperature=0.3, denominator_mode="one_positive", summation_location="in", positives_cap=2 * views)
    found = value_and_gradient(CLASSES, projections, tile_rows=tile_rows, **arguments)
    np.testing.assert_allclose(
        found[0], oracle.supervised_contrastive_loss(CLASSES, projections, **arguments), rtol=1e-12
    )
    assert_close(found, value_and_gradient(CLASSES, projections, **arguments), 1e-11)


@pytest.mark.parametrize("arguments", [slow({}), {"summation_location": "in", "denominator_mode": "one_positive"}])
@pytest.mark.parametrize("jit_compile", [slow(False), True])
def test_graph_and_xla_equal_eager(arguments, jit_compile):
    labels, projections = tf.constant(CLASSES), tf.constant(unit_rows(9, 2, 4), tf.float32)
    graph = tf.function(lambda y, z: value_and_gradient(y, z, tile_rows=4, **arguments), jit_compile=jit_compile)
    expected = value_and_gradient(CLASSES, projections, **arguments)
    assert_close(graph(labels, projections), expected, 2e-5)
    assert_close(graph(labels[::-1], projections), value_and_gradient(CLASSES[::-1], projections, **arguments), 2e-5)


def test_one_graph_serves_every_batch_size_and_both_kinds_of_rows():
    """Unknown batch; labels that are one-hot in one call and sets in the next; twice in one graph."""

    def both(y, z):
        return *value_and_gradient(y, z), *value_and_gradient(y, 2 * z, denominator_mode="only_negatives")

    signature = [tf.TensorSpec([None, 3]), tf.TensorSpec([None, 2, 3], tf.float64)]
    graph = tf.function(both, input_signature=signature)
    one_hot = (np.array([0, 1, 0, -1, 2, 2, 1])[:, None] == np.arange(3)).astype("float32")
    for labels in (one_hot, SETS.astype("float32"), one_hot[:2], one_hot[:1], one_hot[:0]):
        projections = unit_rows(len(labels), 2, 3)
        assert_close(graph(labels, projections)[:1], [oracle.supervised_contrastive_loss(labels, projections)], 1e-6)
        if len(labels):
            assert_close(graph(labels, projections), both(labels, projections), 1e-6)


@pytest.mark.parametrize("dtype", slow_but(["float32", "float16", "float64"], ["float32"]))
@pytest.mark.parametrize("shape", slow_but(["zero", "identical", "random", "opposite", "long"], ["zero"]))
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


@pytest.mark.parametrize("name", slow_but(modes(), ["in one_positive sets"]))
def test_the_door_takes_rows_and_a_mode_as_the_matrix_does(name):
    """A replica's rows as anchors among all, whose others tell it so many numbers: its share of the gradient of all."""
    mode = modes()[name]
    every = rows_of(mode)
    own = tf.range(4, 9)  # five rows of two classes
    anchors = Rows(tf.gather(every.values, own), pairs.select(every.ids, own))
    sent, weights = [], tf.constant(np.linspace(1, 2, 18))

    def losses_of_all(values):
        together = every._replace(values=values)
        return dense.anchor_losses(together, together, mode=mode, temperature=0.5)

    with tf.GradientTape() as tape:
        tape.watch(every.values)
        losses = losses_of_all(every.values)
        total = tf.reduce_sum(weights * losses)
    expected = tf.gather(losses, own), tf.gather(tape.gradient(total, every.values), own)

    def tell(numbers):  # what the other replicas would tell is what a kernel of all the rows says
        sent.append(numbers)
        return of_all[0] if len(sent) > 1 else numbers

    tiling = kernel.Tiling(rows=4)

    def found(rows, keys, exchange, weights):
        with tf.GradientTape() as tape:
            tape.watch(rows.values)
            values = kernel.anchor_losses(rows, keys, mode=mode, temperature=0.5, exchange=exchange, tiling=tiling)
            total = tf.reduce_sum(weights * values)
        return values, tape.gradient(total, rows.values)

    of_all = sent
    found(every, Rows(*every), tell, weights)  # as keys another object: so they are told
    np.testing.assert_equal(sent[0].shape.as_list(), [18, kernel.numbers_sent(mode)])
    assert_close(found(anchors, every, tell, tf.gather(weights, own)), expected, 1e-6 if mode.label_sets else 1e-11)
    assert sent[1].shape.as_list() == [5, kernel.numbers_sent(mode)]


def test_second_derivatives_are_refused_not_wrong():
    projections = tf.constant(unit_rows(9, 2, 3))
    for tile_rows in (None, 0, 4):
        with tf.GradientTape() as outer:
            outer.watch(projections)
            _, gradient = value_and_gradient(CLASSES, projections, tile_rows=tile_rows)
            length = tf.reduce_sum(gradient**2)
        if tile_rows != 4:
            assert np.abs(outer.gradient(length, projections)).max() > 0.1
        else:
            with pytest.raises(
                NotImplementedError, match=r"no second derivatives.*tile_rows=0.*leave `tile_rows` at None"
            ):
                outer.gradient(length, projections)


@pytest.mark.parametrize("summation, denominator", MODES)
@pytest.mark.parametrize("seed", [guard(0), *map(slow, range(1, 5))])
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
        assert_close(found, value_and_gradient(labels, projections, **arguments), 1e-10)
