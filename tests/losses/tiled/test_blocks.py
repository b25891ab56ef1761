"""Rows in blocks: each comes back to its place, each tile is visited once, and those that touch come first."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses import pairs
from supcon_tf.losses.modes import Mode
from supcon_tf.losses.pairs import Rows
from supcon_tf.losses.tiled import blocks
from tests.losses.tiled.tiles import CLASSES, ROWS, blocks_of


@pytest.mark.parametrize("blocks_of, keys", [(1, 1), (2, 2), (5, 5), (6, 6), (3, 4)])
def test_every_pair_of_blocks_is_visited_once(blocks_of, keys):
    symmetric = blocks_of == keys
    extent = dict(anchors=blocks_of, keys=keys, symmetric=symmetric)
    visited = list(zip(*(numbers.numpy() for numbers in blocks.visits(**extent))))
    every = itertools.product(range(blocks_of), range(keys))
    expected = {tuple(sorted(pair)) for pair in every} if symmetric else set(every)
    assert sorted(tuple(sorted(pair)) if symmetric else pair for pair in visited) == sorted(expected)


@pytest.mark.parametrize("accelerated, most", [(False, 768), (True, 2048)])
@pytest.mark.parametrize("count", [0, 1, 2, 767, 768, 769, 1000, 2049, 12_288, 131_072])
def test_tiles_cover_the_rows_with_little_padding(count, accelerated, most):
    size = blocks.tile_rows(count, accelerated=accelerated)
    number = -(-count // size)
    assert int(blocks.tile_rows(tf.constant(count), accelerated=accelerated)) == size
    assert 0 <= number * size - count < max(16 * number, 1) and size <= most


def test_rows_come_back_in_their_order():
    for mode in (Mode.of(), Mode.of("in")):
        cut, places = blocks_of(mode)
        np.testing.assert_array_equal(places.take_back(cut.rows), ROWS)
        np.testing.assert_array_equal(places.take_back(places.place(tf.constant(ROWS))), ROWS)
        np.testing.assert_array_equal(places.take_back(cut.ids.row), np.arange(18))
        assert (cut.ids.row.numpy() >= 0).sum() == 18 and cut.rows.shape == [5, 4, 3]
        assert not places.place(tf.ones([18])).numpy()[cut.ids.row.numpy() < 0].any()


def test_where_classes_are_told_apart_rows_stand_by_class():
    cut, _ = blocks_of(Mode.of("in"))
    label = cut.ids.label.numpy().ravel()
    assert (np.diff(label) >= 0).all()
    np.testing.assert_array_equal(cut.first, label[::4])
    np.testing.assert_array_equal(cut.last, label[3::4])
    apart, _ = blocks_of(Mode.of())
    np.testing.assert_array_equal(apart.first, np.arange(0, 20, 4))


@pytest.mark.parametrize("size, number", [(4, 8), (5, 7)])
def test_tiles_that_share_a_class_or_end_in_padding_come_first(size, number):
    """Blocks of one class each; blocks that share classes, with 3 rows of padding."""
    ids = pairs.row_ids(tf.repeat(tf.range(8, dtype=tf.int64), 2)[::-1], views=2)
    cut, _ = blocks.cut(Rows(tf.zeros([32, 1]), ids), size=size, by_class=True)
    label = cut.ids.label.numpy()
    expected = [
        (i, j)
        for i, j in itertools.product(range(number), repeat=2)
        if set(label[i]) & set(label[j]) or (cut.ids.row.numpy()[[i, j]] < 0).any()
    ]
    every, touching = (part.numpy() for part in blocks.touching_first(cut, cut, symmetric=False))
    assert sorted(map(tuple, every[:touching])) == expected
    assert sorted(map(tuple, every)) == list(itertools.product(range(number), repeat=2))


@pytest.mark.parametrize("all_touch", [False, True, "unknown"])
def test_a_fold_adds_every_tile_to_its_block(all_touch):
    """Each tile adds 1 to its row of blocks, and 100 if it is said to touch."""
    a, _ = blocks_of(Mode.of("in"))
    _, touching = blocks.touching_first(a, a, symmetric=False)

    def add_tile(count, i, j, touching):
        del j
        return blocks.add(count, i, tf.fill([4], 101.0 if touching else 1.0))

    folded = tf.function(lambda far: blocks.fold(
        a, a, tf.zeros([5, 4]), add_tile, symmetric=False, all_touch=far if all_touch == "unknown" else all_touch
    ))  # fmt: skip
    for far in (True, False):
        total = folded(tf.constant(far)).numpy()[:, 0]
        expected = 25 if all_touch is True or (all_touch == "unknown" and far) else int(touching)
        assert total.sum() == 25 + 100 * expected and (total % 100 == 5).all()
    assert 0 < int(touching) < 25


def test_sums_over_a_class_are_those_of_plain_loops():
    cut, places = blocks_of(Mode.of("in"))
    found = places.take_back(blocks.sum_over_own_class(cut, cut, cut.rows)).numpy()
    labels = np.repeat(np.where(CLASSES < 0, -1 - np.arange(9), CLASSES), 2)
    for row in range(18):
        np.testing.assert_allclose(found[row], ROWS[labels == labels[row]].sum(0), atol=1e-15)


def test_a_block_is_read_and_known_for_its_padding():
    cut, _ = blocks_of(Mode.of())
    for i in range(5):
        np.testing.assert_array_equal(blocks.at(cut.rows, i), cut.rows[i])
        np.testing.assert_array_equal(blocks.ids_at(cut.ids, i).image, cut.ids.image[i])
        assert bool(blocks.padded(cut, i)) == (i == 4)


def test_no_rows_are_a_block_of_padding():
    ids = pairs.row_ids(tf.zeros([0], tf.int64), views=2)
    cut, places = blocks.cut(Rows(tf.zeros([0, 3]), ids), size=4, by_class=True)
    assert cut.rows.shape == [1, 4, 3] and bool(blocks.padded(cut, 0)) and places.take_back(cut.rows).shape == [0, 3]
