"""What is decided of a pass and of a tile, row by row of the table."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses import pairs
from supcon_tf.losses.modes import Mode
from supcon_tf.losses.tiled import walk as walks
from tests.losses.tiled.tiles import ROWS, blocks_of

FAR = 7.0  # factor on unit rows whose similarities, up to 49, leave the near of float32


def decided(mode, rows, dtype="float32"):
    """The pass that is chosen, how far it says that similarities reach, and how many tiles are said to touch."""
    a, _ = blocks_of(mode, rows, dtype=dtype)

    def run(name):
        def of(walk):
            def add_tile(state, i, j, touching):
                del i, j
                return state.write(0, state.read(0) + tf.constant([1, int(touching)]))

            return (
                tf.constant(name),
                tf.convert_to_tensor(walk.reach.far),
                walk.over(tf.zeros([1, 2], tf.int32), add_tile),
            )

        return of

    passes = run("plain"), run("masked")
    name, far, tiles = tf.function(lambda: walks.choose(*passes, a, a, mode, False))()
    return name.numpy().decode(), bool(far), tiles.numpy()[0].tolist()


@pytest.mark.parametrize(
    "mode, factor, expected",
    [
        (Mode.of(), 1.0, ("plain", False, [25, 13])),  # 5 on the diagonal, and 8 more that end in padding
        (Mode.of(), FAR, ("masked", True, [25, 25])),
        (Mode.of("in"), 1.0, ("masked", False, [25, 15])),  # 2 that share a class of 8 rows, and padding
        (Mode.of("in"), FAR, ("masked", True, [25, 25])),
        (Mode.of("out", "one_positive", label_sets=True), 1.0, ("masked", False, [25, 25])),  # all sets may overlap
    ],
)
def test_the_table(mode, factor, expected):
    assert decided(mode, factor * ROWS) == expected


def test_float64_reaches_farther():
    assert decided(Mode.of(), FAR * ROWS, "float64")[0] == "plain"
    assert decided(Mode.of(), 18 * ROWS, "float64")[0] == "masked"


def walk_over(mode, *, symmetric):
    a, _ = blocks_of(mode)
    return walks.Walk(a, a, mode, symmetric, walks.Reach(False, tf.constant(-1003.0, tf.float64)))


@pytest.mark.parametrize(
    "i, j, symmetric", [(0, 0, True), (3, 4, True), (4, 4, True), (0, 0, False), (1, 2, False), (4, 2, False)]
)
def test_own_pairs_and_padding_sink_to_where_exp_is_0(i, j, symmetric):
    walk = walk_over(Mode.of(), symmetric=symmetric)
    x = np.concatenate([ROWS, np.zeros([2, 3])]).reshape(5, 4, 3)  # the last two rows are padding
    number = np.arange(20).reshape(5, 4)
    away = (number[i][:, None] == number[j][None]) | (number[i] > 17)[:, None] | (number[j] > 17)[None]
    np.testing.assert_allclose(walk.similarity(i, j), x[i] @ x[j].T, atol=1e-15)
    sunk = tf.exp(walk.sunk_similarity(i, j)).numpy()
    assert not sunk[away].any()
    np.testing.assert_allclose(sunk[~away], np.exp(x[i] @ x[j].T)[~away])


@pytest.mark.parametrize("denominator", ["all", "one_positive", "only_negatives"])
def test_weights_of_a_tile_are_a_part_of_those_of_the_whole(denominator):
    mode = Mode.of("in", denominator)
    walk = walk_over(mode, symmetric=True)
    flat = pairs.RowIds(*(None if field is None else tf.reshape(field, [-1]) for field in walk.a.ids))
    positives, negatives = (part.numpy() for part in pairs.compare(flat, flat, dtype=tf.float64))
    rivals = negatives | (positives > 0) if denominator == "all" else negatives
    for i, j in ((0, 0), (1, 3), (4, 2)):
        tile = slice(4 * i, 4 * i + 4), slice(4 * j, 4 * j + 4)
        found = walk.weights(*walk.ids(i, j))
        np.testing.assert_array_equal(found[0], positives[tile])
        np.testing.assert_array_equal(found[1], rivals[tile])


def test_where_classes_are_not_told_every_other_row_is_a_rival():
    walk = walk_over(Mode.of(), symmetric=True)
    positives, rivals = walk.weights(*walk.ids(4, 4))
    assert positives is None
    np.testing.assert_array_equal(rivals[:2], [[0, 1, 0, 0], [1, 0, 0, 0]])
