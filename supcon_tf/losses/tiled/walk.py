"""A pass over the tiles of s: what the forward and the backward pass share, and what is decided of a tile.

Two things are decided. Of the pass: is it `plain`, with every row a rival of every other, and exp s as it is; or
`masked`, for every other mode, and for similarities too far from 0 for their exp? Of the tile: does it touch
(`blocks`)? Then its pairs are told apart, one by one.

    mode tells classes   similarities   pass     tile       pairs                              exp of
    no                   near           plain    apart      all rivals                         s
    no                   near           plain    touching   own pairs, padding: s at floor     s
    no                   far            masked   all touch  own pairs, padding: masks by ids   s - shift
    yes                  near           masked   apart      all negatives                      s
    yes                  near           masked   touching   positives, negatives: masks        s
    yes                  far            masked   all touch  positives, negatives: masks        s - shift

The shift of an anchor is the maximum of s over its rivals so far. Where nothing reaches far it stays 0, so that sums
from tiles of both kinds can be added.
"""

from __future__ import annotations

from typing import Callable, NamedTuple

import tensorflow as tf

from supcon_tf.losses import pairs
from supcon_tf.losses.modes import Mode
from supcon_tf.losses.tiled import blocks
from supcon_tf.losses.tiled.blocks import Blocks

# While exp of every similarity, and of its negative, is far within the type, sums need no running maximum: for unit
# rows down to temperatures of 1/35 in float32, 1/300 in float64. Positive terms of `one_positive` reach twice as far.
_NEAR = {tf.float32: 35.0, tf.float64: 300.0}


class Reach(NamedTuple):
    """How far similarities reach: by Cauchy and Schwarz, to the largest squared length of a row."""

    far: object  # bool, or bool scalar tensor: exp of some similarity, or of its negative, may not be within the type
    floor: tf.Tensor  # scalar far below every similarity and every log of a ratio; its exp is 0


class Walk(NamedTuple):
    """A pass of anchors over keys, the same rows where `symmetric`: then a tile stands for the one across, too."""

    a: Blocks
    k: Blocks
    mode: Mode
    symmetric: bool
    reach: Reach

    def over(self, state, add_tile):
        """`state` after `add_tile(state, i, j, touching)` for each tile; see `blocks.fold`."""
        return blocks.fold(self.a, self.k, state, add_tile, symmetric=self.symmetric, all_touch=self.reach.far)

    def rows(self, i, j):
        """The rows of both blocks, [T, D] each."""
        return blocks.at(self.a.rows, i), blocks.at(self.k.rows, j)

    def ids(self, i, j):
        """The ids of both blocks, of [T] each."""
        return blocks.ids_at(self.a.ids, i), blocks.ids_at(self.k.ids, j)

    def similarity(self, i, j) -> tf.Tensor:
        """s of a tile, [T, T]."""
        return tf.matmul(*self.rows(i, j), transpose_b=True)

    def sunk_similarity(self, i, j) -> tf.Tensor:
        """s of a tile that touches, [T, T], at the floor where a row meets itself or padding: exp is 0 there."""
        s = self.similarity(i, j)

        def sunk():
            anchors, keys = self.ids(i, j)
            return tf.where(pairs.others(anchors, keys) & (anchors.row >= 0)[:, None], s, self.reach.floor)

        if not self.symmetric:
            return sunk()
        padded = blocks.padded(self.a, i) | blocks.padded(self.k, j)
        on_the_diagonal = tf.fill(tf.shape(s)[:1], self.reach.floor)
        return tf.cond(padded, sunk, lambda: tf.linalg.set_diag(s, on_the_diagonal))  # the latter is cheaper

    def weights(self, anchors: pairs.RowIds, keys: pairs.RowIds):
        """(positives, rivals) of a masked tile, [T, U] each: a key's weight as a positive, and 1 for a rival, else 0.

        Where the mode does not tell classes, every other row is a rival, and nobody asks for the positives.
        """
        dtype = self.a.rows.dtype
        if not self.mode.tells_classes:
            return None, tf.cast(pairs.others(anchors, keys), dtype)
        positives, negatives = pairs.compare(anchors, keys, kept_images=self.mode.kept_images, dtype=dtype)
        return positives, tf.cast(self.mode.denominator.rivals(positives > 0, negatives), dtype)


def choose(plain: Callable, masked: Callable, a: Blocks, k: Blocks, mode: Mode, symmetric: bool):
    """plain(walk) or masked(walk), by the mode and by how far similarities reach."""
    longest = tf.maximum(tf.reduce_max(tf.reduce_sum(k.rows**2, -1)), 0)  # the maximum of no rows is -inf
    far, floor = longest > _NEAR[k.rows.dtype], -3 * longest - 1000

    def walk(far):
        return Walk(a, k, mode, symmetric, Reach(far, floor))

    if mode.tells_classes:
        return masked(walk(far))
    return tf.cond(far, lambda: masked(walk(True)), lambda: plain(walk(False)))
