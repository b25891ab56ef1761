"""The backward pass of the loss by tiles: each tile computed again, and what anchors and keys do to each other.

`plain` is the loss of the paper; `masked` is every other mode, and every temperature.
"""

from __future__ import annotations

import functools
from typing import NamedTuple, Optional

import tensorflow as tf

from supcon_tf.losses.modes import Mode
from supcon_tf.losses.tiled import blocks
from supcon_tf.losses.tiled.blocks import Blocks
from supcon_tf.losses.tiled.compiling import as_graph
from supcon_tf.losses.tiled.walk import Walk, choose


@as_graph
def backward(a: Blocks, k: Blocks, of_anchors: dict, of_keys: dict, *, mode: Mode, symmetric: bool):
    """The gradient [n, T, D] of the weighted losses of all anchors, here and elsewhere, by the rows of `a`.

    `of_anchors` and `of_keys` are what the forward pass says of each row, and "weight", the incoming gradient.
    """
    passes = (functools.partial(run, of_anchors=of_anchors, of_keys=of_keys) for run in (plain, masked))
    return choose(*passes, a, k, mode, symmetric)


def plain(walk: Walk, of_anchors: dict, of_keys: dict):
    """Of Eq. 2: dL/dx_i = sum over j of g_ij x_j - positive term, where g_ij = exp s_ij (w_i / D_i + w_j / D_j)."""
    a_pull, k_pull = _pulls(walk, of_anchors, of_keys)

    def add_tile(gradient, i, j, touching):
        s = walk.sunk_similarity(i, j) if touching else walk.similarity(i, j)  # [T, T]
        return _add_products(walk, gradient, _both_ways(s, a_pull, k_pull, i, j), i, j, touching)

    return walk.over(_less_own_class(walk, a_pull, k_pull), add_tile)


def masked(walk: Walk, of_anchors: dict, of_keys: dict):
    """The same for any mode (`modes`): where tiles touch, each way has masks of its own."""
    a_pull, k_pull = _pulls(walk, of_anchors, of_keys)

    def add_tile(gradient, i, j, touching):
        s = walk.similarity(i, j)  # [T, T]
        if touching:
            i_ids, j_ids = walk.ids(i, j)
            g = _one_way(walk, s, a_pull.block(i), i_ids, j_ids)
            g += tf.transpose(_one_way(walk, tf.transpose(s), k_pull.block(j), j_ids, i_ids))
        else:  # all pairs are negatives
            g = _both_ways(s, a_pull, k_pull, i, j)
        return _add_products(walk, gradient, g, i, j, touching)

    start = _less_own_class(walk, a_pull, k_pull) if walk.mode.by_class_sums else tf.zeros_like(walk.a.rows)
    return walk.over(start, add_tile)


class _Pull(NamedTuple):
    """What an anchor i does to its keys: d L_i / d s_ia, from these numbers and s_ia; [n, T] each."""

    rival: tf.Tensor  # factor of exp(s_ia - log D_i) for a in the denominator
    log_d: tf.Tensor
    u: tf.Tensor  # rival / D_i; used where nothing reaches far
    positive: tf.Tensor  # factor of the positive term
    log_p: Optional[tf.Tensor]  # "in": log of the sum of exp over positives

    @classmethod
    def of(cls, walk: Walk, rows: Blocks, summary: dict) -> _Pull:
        weight = summary["weight"]
        above = -walk.reach.floor  # every similarity: rows that are nobody's anchors know no logarithm
        known = {name: tf.where(weight != 0, summary[name], above) for name in ("log_d", "log_p") if name in summary}
        rival = weight * summary.get("slope", 1)
        usable = (rival != 0) & tf.logical_not(walk.reach.far)  # else D_i may be 0, or beyond the type
        u = tf.where(usable, rival * tf.exp(tf.where(usable, -known["log_d"], 0)), 0)
        count = summary.get("count", tf.cast(rows.ids.positives, weight.dtype))
        positive = weight if walk.mode.inside else weight / tf.where(count > 0, count, 1)
        return cls(rival, known["log_d"], u, positive, known.get("log_p"))

    def block(self, i) -> _Pull:
        return _Pull(*(None if field is None else blocks.at(field, i) for field in self))


def _pulls(walk, of_anchors, of_keys):
    a_pull = _Pull.of(walk, walk.a, of_anchors)
    return a_pull, a_pull if walk.symmetric else _Pull.of(walk, walk.k, of_keys)


def _both_ways(s, a_pull, k_pull, i, j):
    """g of a tile [T, T] whose pairs are all rivals: what anchors of block i do to keys of j, and anchors of j to i."""
    return tf.exp(s) * (blocks.at(a_pull.u, i)[:, None] + blocks.at(k_pull.u, j)[None, :])


def _one_way(walk, s, pull: _Pull, anchors, keys):
    """d L_i / d s_ia times w_i for a tile [T, U] of anchors i and keys a, with masks."""
    mode, floor = walk.mode, walk.reach.floor
    positives, rivals = walk.weights(anchors, keys)
    x = s - pull.log_d[:, None]
    g = pull.rival[:, None] * rivals * tf.exp(tf.where(rivals > 0, x, floor))
    if mode.by_class_sums:
        return g
    strength = positives * mode.denominator.slope(x)
    if mode.inside:
        score = s if mode.denominator.linear else mode.denominator.score(x)  # as the forward pass summed it
        strength *= tf.exp(tf.where(positives > 0, score - pull.log_p[:, None], floor))
    return g - pull.positive[:, None] * strength


def _add_products(walk, gradient, g, i, j, touching):
    """The gradient with g x_j added to block i and, where `symmetric`, the transpose of g times x_i to block j."""
    x_i, x_j = walk.rows(i, j)
    gradient = blocks.add(gradient, i, tf.matmul(g, x_j))
    if not walk.symmetric:
        return gradient

    def mirrored():  # [T, D]
        return tf.matmul(g, x_i, transpose_a=True)

    of_j = tf.cond(i == j, lambda: tf.zeros_like(x_i), mirrored) if touching else mirrored()
    return blocks.add(gradient, j, of_j)


def _less_own_class(walk, a_pull, k_pull):
    """The positive term: minus, over the others p of the class of i, the sum of (w_i + w_p) / |P| x_p; [n, T, D]."""
    a, k = walk.a, walk.k
    mine = a_pull.positive[..., None]  # [n, T, 1]
    start = 2 * mine * a.rows - blocks.sum_over_own_class(a, k, k_pull.positive[..., None] * k.rows)
    with tf.control_dependencies([start]):  # one after the other, for the sake of memory
        return start - mine * blocks.sum_over_own_class(a, k, tf.identity(k.rows))
