"""A pass over the tiles of s: what the forward and the backward pass share."""

from __future__ import annotations

import functools
from typing import NamedTuple, Optional

import tensorflow as tf

from supcon_tf.losses import pairs
from supcon_tf.losses.tiled import blocks
from supcon_tf.losses.tiled.blocks import Blocks

# While exp of every similarity, and of its negative, is far within the type, sums need no running maximum: for unit
# rows down to temperatures of 1/35 in float32, 1/300 in float64. Positive terms of `one_positive` reach twice as far.
_SAFE = {tf.float32: 35.0, tf.float64: 300.0}


class Mode(NamedTuple):
    """What a tile needs to know of the loss that is asked for."""

    summation_location: str
    denominator_mode: str
    kept_images: Optional[int]
    label_sets: bool

    @property
    def linear_positives(self) -> bool:
        """Whether the positive term is the mean of s_ip over a whole class: then sums over classes give it."""
        plain = self.summation_location == "out" and self.denominator_mode != "one_positive"
        return plain and self.kept_images is None and not self.label_sets

    @property
    def by_class(self) -> bool:
        """Whether tiles must tell classes apart."""
        return not (self.linear_positives and self.denominator_mode == "all")


class Reach(NamedTuple):
    """How far similarities reach: by Cauchy and Schwarz, to the largest squared length of a row."""

    safe: object  # bool, or bool scalar tensor: exp of every similarity, and of its negative, is well within the type
    floor: tf.Tensor  # scalar far below every similarity and every log of a ratio; its exp is 0


class Walk(NamedTuple):
    """A pass of anchors over keys, the same rows where `symmetric`: then a tile stands for the one across, too."""

    a: Blocks
    k: Blocks
    mode: Mode
    symmetric: bool
    reach: Reach

    def over(self, state, add_tile):
        """`state` after `add_tile(state, i, j, special)` for each pair of blocks; see `blocks.walk`."""
        # Where classes are told apart, the tiles that do so are those that can also follow the maximum.
        all_special = tf.logical_not(self.reach.safe) if self.mode.by_class else not self.reach.safe
        return blocks.walk(self.a, self.k, state, add_tile, self.symmetric, all_special)

    def is_plain(self, special: bool) -> bool:
        """Whether all pairs of a tile are alike and their exp needs no shift."""
        return not special if self.mode.by_class else self.reach.safe

    def rows(self, i, j):
        """The rows of both blocks, [T, D] each."""
        return blocks.at(self.a.rows, i), blocks.at(self.k.rows, j)

    def ids(self, i, j):
        """The ids of both blocks, of [T] each."""
        return blocks.ids_at(self.a.ids, i), blocks.ids_at(self.k.ids, j)

    def similarity(self, i, j, special: bool) -> tf.Tensor:
        """s of a tile, [T, T], sunk to the floor at padding and, by single rows, where a row meets itself."""
        s = tf.matmul(*self.rows(i, j), transpose_b=True)
        if not special:
            return s

        def sunk():
            anchors, keys = self.ids(i, j)
            return tf.where(pairs.others(anchors, keys) & (anchors.row >= 0)[:, None], s, self.reach.floor)

        def without_self():  # cheaper
            return tf.linalg.set_diag(s, tf.fill(tf.shape(s)[:1], self.reach.floor))

        padded = blocks.padded(self.a, i) | blocks.padded(self.k, j)
        if self.mode.by_class:
            return tf.cond(padded, sunk, lambda: s)
        if self.symmetric and self.reach.safe:
            return tf.cond(padded, sunk, without_self)
        return sunk()

    def weights(self, anchors: pairs.RowIds, keys: pairs.RowIds):
        """(positives, rivals) of a tile, [T, U] each: how far a key is a positive, and how far in the denominator."""
        dtype = self.a.rows.dtype
        if not self.mode.by_class:
            return None, tf.cast(pairs.others(anchors, keys), dtype)
        positives, negatives = pairs.compare(anchors, keys, kept_images=self.mode.kept_images, dtype=dtype)
        if self.mode.denominator_mode == "all":
            return positives, tf.cast((positives > 0) | negatives, dtype)
        return positives, tf.cast(negatives, dtype)


def by_reach(function, a: Blocks, k: Blocks, mode: Mode, symmetric: bool):
    """function(walk). Where no tile needs masks, two programs: the usual one has nothing to decide."""
    longest = tf.maximum(tf.reduce_max(tf.reduce_sum(k.rows**2, -1)), 0)  # the maximum of no rows is -inf
    safe, floor = longest <= _SAFE[k.rows.dtype], -3 * longest - 1000
    walk = functools.partial(Walk, a, k, mode, symmetric)
    if mode.by_class:
        return function(walk(Reach(safe, floor)))
    return tf.cond(safe, lambda: function(walk(Reach(True, floor))), lambda: function(walk(Reach(False, floor))))
