"""The backward pass of the loss by tiles: each tile computed again, and what anchors and keys do to each other."""

from __future__ import annotations

import functools
from typing import NamedTuple, Optional

import tensorflow as tf

from supcon_tf.losses.tiled import blocks
from supcon_tf.losses.tiled.blocks import Blocks
from supcon_tf.losses.tiled.compiling import as_graph
from supcon_tf.losses.tiled.walk import Mode, Reach, Walk, by_reach


@as_graph
def backward(a: Blocks, k: Blocks, of_anchors: dict, of_keys: dict, *, mode: Mode, symmetric: bool):
    """The gradient [n, T, D] of the weighted losses of all anchors, here and elsewhere, by the rows of `a`."""
    return by_reach(functools.partial(_backward, of_anchors, of_keys), a, k, mode, symmetric)


def _backward(of_anchors, of_keys, walk: Walk):
    a, k, mode, reach = walk.a, walk.k, walk.mode, walk.reach
    a_pull = _Pull.of(a, of_anchors, mode, reach)
    k_pull = a_pull if walk.symmetric else _Pull.of(k, of_keys, mode, reach)
    start = tf.zeros_like(a.rows)
    if mode.linear_positives:  # minus, over the others p of the class, the sum of (w_i + w_p) / |P| x_p
        mine = a_pull.positive[..., None]  # [n, T, 1]
        start = 2 * mine * a.rows - blocks.sum_over_own_class(a, k, k_pull.positive[..., None] * k.rows)
        with tf.control_dependencies([start]):  # one after the other, for the sake of memory
            start -= mine * blocks.sum_over_own_class(a, k, tf.identity(k.rows))
    return walk.over(start, functools.partial(_add_tile, walk, a_pull, k_pull))


def _add_tile(walk: Walk, a_pull: _Pull, k_pull: _Pull, gradient, i, j, special):
    """The gradient after anchors of block i have met keys of block j and, where `symmetric`, anchors j keys i."""
    s = walk.similarity(i, j, special)  # [T, T]
    if walk.is_plain(special):
        g = tf.exp(s) * (blocks.at(a_pull.u, i)[:, None] + blocks.at(k_pull.u, j)[None, :])  # [T, T], g_ij
    else:
        i_ids, j_ids = walk.ids(i, j)
        g = _pairwise(walk, s, a_pull.block(i), i_ids, j_ids)
        g += tf.transpose(_pairwise(walk, tf.transpose(s), k_pull.block(j), j_ids, i_ids))
    x_i, x_j = walk.rows(i, j)
    gradient = blocks.add(gradient, i, tf.matmul(g, x_j))
    if not walk.symmetric:
        return gradient

    def mirrored():  # [T, D]
        return tf.matmul(g, x_i, transpose_a=True)

    of_j = tf.cond(i == j, lambda: tf.zeros_like(x_i), mirrored) if special else mirrored()
    return blocks.add(gradient, j, of_j)


_LOGS = ("log_d", "log_p")


class _Pull(NamedTuple):
    """What an anchor i does to its keys: d L_i / d s_ia, from these numbers and s_ia; [n, T] each."""

    rival: tf.Tensor  # factor of exp(s_ia - log D_i) for a in the denominator
    log_d: tf.Tensor
    u: tf.Tensor  # rival / D_i; used where the reach is safe
    positive: tf.Tensor  # factor of the positive term
    log_p: Optional[tf.Tensor]  # "in": log of the sum of exp over positives

    @classmethod
    def of(cls, rows: Blocks, summary: dict, mode: Mode, reach: Reach) -> _Pull:
        weight = summary["weight"]
        above = -reach.floor  # every similarity: rows that are nobody's anchors know no logarithm
        log_d, log_p = (tf.where(weight != 0, summary[name], above) if name in summary else None for name in _LOGS)
        rival = weight * summary.get("slope", 1)
        usable = (rival != 0) & reach.safe  # else D_i may be 0, or beyond the type
        u = tf.where(usable, rival * tf.exp(tf.where(usable, -log_d, 0)), 0)
        count = summary.get("count", tf.cast(rows.ids.positives, weight.dtype))
        positive = weight / tf.where(count > 0, count, 1) if mode.summation_location == "out" else weight
        return cls(rival, log_d, u, positive, log_p)

    def block(self, i) -> _Pull:
        return _Pull(*(None if field is None else blocks.at(field, i) for field in self))


def _pairwise(walk, s, pull: _Pull, anchors, keys):
    """d L_i / d s_ia times w_i for a tile [T, U] of anchors i and keys a, with masks."""
    mode, floor = walk.mode, walk.reach.floor
    positives, rivals = walk.weights(anchors, keys)
    g = pull.rival[:, None] * rivals * tf.exp(tf.where(rivals > 0, s - pull.log_d[:, None], floor))
    if mode.linear_positives:
        return g
    strength = positives
    score = s
    if mode.denominator_mode == "one_positive":
        above = pull.log_d[:, None] - s
        strength, score = positives * tf.math.sigmoid(above), -tf.math.softplus(above)
    if mode.summation_location == "in":
        strength *= tf.exp(tf.where(positives > 0, score - pull.log_p[:, None], floor))
    return g - pull.positive[:, None] * strength
