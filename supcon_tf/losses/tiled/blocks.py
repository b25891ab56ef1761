"""Rows in order, cut into blocks of equal size, and the tiles, pairs of blocks, that are visited.

Rows are ordered by a group number such that two rows of different groups never need to be told apart: classes where
the loss treats positives unlike negatives, else single rows. A tile *touches* where its blocks share a group, or one of
them ends in padding. Only in these few tiles are pairs told apart; in all others every pair is alike.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

import tensorflow as tf

from supcon_tf.losses.pairs import RowIds, Rows

# Rows of a block. On two cores at N = 12,288 blocks of 512 took 1.3 times as long, and blocks of 1,024 were about as
# fast but used 130 MB and more. The number for accelerators is not measured: they want more work at once.
_ROWS_ON_CPU, _ROWS_ON_ACCELERATOR = 768, 2048
# Tiles in flight: while one is multiplied, the exponentials of another are taken. 4 were as fast and took 10 MB more.
# Those that touch hold many arrays: where they are few, one at a time is as fast and takes 25 MB less.
_TILES_AT_ONCE = 2
_AFTER_ALL = tf.int32.max  # the group of padding


class Blocks(NamedTuple):
    """n blocks of T rows each; the last block ends in padding: rows of zeros, whose `ids.row` is -1."""

    rows: tf.Tensor  # [n, T, D]
    ids: RowIds  # of [n, T]
    first: tf.Tensor  # int32 [n], lowest group of each block
    last: tf.Tensor  # int32 [n], highest group of each block


class Places(NamedTuple):
    """Where the rows came to stand in their blocks."""

    order: Optional[tf.Tensor]  # int32 [number of rows], which row stands at each place; None: in row order
    count: object  # number of rows, int or int32 scalar
    size: object  # T, int or int32 scalar

    def place(self, values: tf.Tensor) -> tf.Tensor:
        """Values per row [number of rows, ...] at the places of their rows, [n, T, ...]; 0 at padding."""
        return _cut(values, self.order, size=self.size, fill=0)

    def take_back(self, values: tf.Tensor) -> tf.Tensor:
        """The inverse of `place`: [n, T, ...] to [number of rows, ...] in the order in which the rows came."""
        flat = tf.reshape(values, [-1, *values.shape[2:]])  # [n T, ...]
        return flat[: self.count] if self.order is None else tf.gather(flat, tf.math.invert_permutation(self.order))


def size_of(values: tf.Tensor) -> list:
    """The shape, in Python integers where a graph knows them."""
    dynamic = tf.shape(values)
    return [dynamic[axis] if known is None else known for axis, known in enumerate(values.shape)]


def tile_rows(count, *, accelerated: bool = False) -> int:
    """T for so many rows, int or int32 scalar as `count`: blocks of nearly equal size, with little padding."""
    most = _ROWS_ON_ACCELERATOR if accelerated else _ROWS_ON_CPU
    maximum = max if isinstance(count, int) else tf.maximum
    blocks = maximum(-(-count // most), 1)
    fitting = -(-count // blocks)
    if isinstance(count, int):
        return max(fitting, 1) if blocks == 1 else -(-fitting // 16) * 16
    return tf.where(blocks == 1, tf.maximum(fitting, 1), -(-fitting // 16) * 16)


def cut(rows: Rows, *, size: object, by_class: bool) -> tuple[Blocks, Places]:
    """Rows in blocks.

    Args:
        rows: float [n, D], in ascending order of `ids.row`, but that padding may follow.
        size: T, rows of a block.
        by_class: whether the groups are classes; else every row is a group of its own.
    """
    values, ids = rows
    group = tf.where(ids.row >= 0, ids.label if by_class else ids.row, _AFTER_ALL)  # [n]
    order = tf.argsort(group, stable=True) if by_class else None  # [n]
    groups = _cut(group, order, size=size, fill=_AFTER_ALL)  # [n, T]
    fills = RowIds(row=-1, image=-1, label=_AFTER_ALL, rank=0, positives=0, label_set=0)
    placed = (None if field is None else _cut(field, order, size=size, fill=fill) for field, fill in zip(ids, fills))
    blocked = _cut(values, order, size=size, fill=0)  # [n, T, D]
    blocks = Blocks(blocked, RowIds(*placed), groups[:, 0], groups[:, -1])
    return blocks, Places(order, size_of(values)[0], size_of(blocked)[1])


def visits(*, anchors, keys, symmetric: bool):
    """All tiles (i, j) that are visited, int32 [tiles] each, from the numbers of blocks.

    All pairs of anchor and key blocks; or, where anchors are the keys, each unordered pair of n blocks once: every
    block meets itself, then the one that follows it, around the circle, and so on up to half way. For an even n half
    of the blocks then meet the one across.
    """
    if not symmetric:
        number = tf.range(anchors * keys)
        return number // keys, number % keys
    number = tf.range(anchors * (anchors + 1) // 2)
    return number % anchors, (number % anchors + number // anchors) % anchors


def touching_first(a: Blocks, k: Blocks, symmetric: bool):
    """All tiles that are visited, int32 [tiles, 2], and how many of them, which come first, touch."""
    i, j = visits(anchors=size_of(a.rows)[0], keys=size_of(k.rows)[0], symmetric=symmetric)
    (a_first, a_last), (k_first, k_last) = ((tf.gather(b.first, n), tf.gather(b.last, n)) for b, n in ((a, i), (k, j)))
    shared = (a_first <= k_last) & (k_first <= a_last)  # two paddings share one
    touching = shared | (a_last == _AFTER_ALL) | (k_last == _AFTER_ALL)  # [tiles]
    order = tf.argsort(tf.cast(~touching, tf.int32), stable=True)
    return tf.gather(tf.stack([i, j], 1), order), tf.reduce_sum(tf.cast(touching, tf.int32))


def fold(a: Blocks, k: Blocks, state, add_tile, *, symmetric: bool, all_touch=False):
    """`state`, tensors [n, T, ...], after `add_tile(state, i, j, touching)` was called for every tile.

    Tiles that touch come first, in a loop of their own, so that the usual ones have nothing to decide; `all_touch`, a
    bool or bool scalar, makes all of them so. Meanwhile each tensor is a list of blocks, of which a tile changes one
    or two: a tensor would be copied whole.
    """
    every, apart = touching_first(a, k, symmetric)
    end = size_of(every)[0]

    def loop(state, begin, end, touching, at_once=_TILES_AT_ONCE):
        with tf.control_dependencies([blocks.flow for blocks in tf.nest.flatten(state)]):
            begin = tf.identity(begin)  # no tile before what it adds to is there: it would wait, in memory

        def step(number, state):
            i, j = tf.unstack(tf.gather(every, number))
            return number + 1, add_tile(state, i, j, touching)

        start = begin, state
        return tf.while_loop(lambda number, _: number < end, step, start, parallel_iterations=at_once)[1]

    state = tf.nest.map_structure(listed, state)
    if all_touch is True:  # no second loop in the graph
        state = loop(state, tf.constant(0), end, True)
    else:
        apart = tf.where(all_touch, end, apart)
        state = loop(state, tf.constant(0), apart, True, at_once=1)
        state = loop(state, apart, end, False)
    return tf.nest.map_structure(lambda blocks: blocks.stack(), state)


def sum_over_own_class(a: Blocks, k: Blocks, values: tf.Tensor) -> tf.Tensor:
    """For each row of `a`, the sum of `values` [n, T, D] of `k` over its class, [n, T, D]."""
    count = tf.reduce_prod(size_of(values)[:2])
    label = tf.reshape(tf.minimum(k.ids.label, count - 1), [-1])  # padding has no class, and rows of zeros
    sums = tf.math.unsorted_segment_sum(tf.reshape(values, [-1, values.shape[2]]), label, count)  # [classes, D]
    return tf.gather(sums, tf.minimum(a.ids.label, count - 1))


def padded(rows: Blocks, i) -> tf.Tensor:
    """Whether block i ends in padding, bool scalar."""
    return tf.gather(rows.last, i) == _AFTER_ALL


def at(field: tf.Tensor, i) -> tf.Tensor:
    """Block i of `field` [n, ...]; of rows [n, T, D] a slice, which unlike a gather need not copy."""
    if field.shape.rank < 3:
        return tf.gather(field, i)
    shape = size_of(field)[1:]
    return tf.reshape(tf.slice(field, [i, *[0] * len(shape)], [1, *shape]), shape)


def ids_at(ids: RowIds, i) -> RowIds:
    """The ids of block i."""
    return RowIds(*(None if field is None else at(field, i) for field in ids))


def listed(field: tf.Tensor) -> tf.TensorArray:
    """`field` [n, T, ...] as a list of its blocks."""
    count, shape = size_of(field)[0], field.shape[1:]
    return tf.TensorArray(field.dtype, size=count, element_shape=shape, clear_after_read=False).unstack(field)


def add(field: tf.TensorArray, i, value: tf.Tensor) -> tf.TensorArray:
    """`field` with `value` added to block i."""
    return field.write(i, field.read(i) + value)


def _cut(values, order, *, size, fill):
    """[number of rows, ...] in the given order, padded and cut to [n, T, ...]."""
    count = size_of(values)[0]
    blocks = -(-count // size)
    blocks = max(blocks, 1) if isinstance(blocks, int) else tf.maximum(blocks, 1)  # no rows: a block of padding
    missing = blocks * size - count
    if order is not None:
        values = tf.gather(values, order)
    if not isinstance(missing, int) or missing > 0:
        values = tf.pad(values, [[0, missing], *[[0, 0]] * (values.shape.rank - 1)], constant_values=fill)  # [n T, ...]
    return tf.reshape(values, [blocks, size, *values.shape[1:]])
