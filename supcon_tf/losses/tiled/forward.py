"""The forward pass of the loss by tiles: sums over the keys of each anchor.

`plain` is the loss of the paper; `masked` is every other mode, and every temperature.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import tensorflow as tf

from supcon_tf.losses.modes import Mode
from supcon_tf.losses.tiled import blocks
from supcon_tf.losses.tiled.blocks import Blocks
from supcon_tf.losses.tiled.compiling import as_graph
from supcon_tf.losses.tiled.walk import Reach, Walk, choose


@as_graph
def forward(a: Blocks, k: Blocks, *, mode: Mode, symmetric: bool):
    """Losses of the anchors [n, T], whether each is counted, and a dict of what the backward pass must know of each."""
    return choose(plain, masked, a, k, mode, symmetric)


def plain(walk: Walk):
    """Eq. 2: L_i = log D_i - mean over P(i) of s_ip, where D_i is the sum of exp s_ia over all others."""

    def add_tile(total, i, j, touching):
        s = walk.sunk_similarity(i, j) if touching else walk.similarity(i, j)  # [T, T]
        return _add_exp(walk, total, s, i, j, touching)

    total = walk.over(tf.zeros_like(walk.a.rows[..., 0]), add_tile)  # [n, T], D_i
    log_d = tf.where(total > 0, tf.math.log(tf.where(total > 0, total, 1)), walk.reach.floor)
    count = tf.cast(walk.a.ids.positives, total.dtype)  # [n, T], |P(i)|
    mean = _sum_over_class(walk) / tf.where(count > 0, count, 1)  # [n, T]
    counted = (count > 0) & (total > 0)
    return tf.where(counted, log_d - mean, 0), counted, {"log_d": log_d}


def masked(walk: Walk):
    """Any mode (`modes`): tiles that touch tell positives and rivals apart, and follow the maximum of far s."""
    mode = walk.mode
    log_d, positives = _sums(walk)  # [n, T]
    count = positives["count"] if mode.label_sets else tf.cast(walk.a.ids.positives, log_d.dtype)  # [n, T], |P(i)|
    counted = (count > 0) & (log_d > walk.reach.floor)
    safe_count = tf.where(count > 0, count, 1)
    summary = {"log_d": log_d, **({"count": count} if mode.label_sets else {})}
    total = _sum_over_class(walk) if mode.by_class_sums else positives["scores"]
    if mode.inside:
        total = summary["log_p"] = total.log()
    losses = mode.loss(total, safe_count)
    if mode.denominator.linear:
        losses += log_d
    else:
        of_all = positives["scores"].positive_total() if mode.inside else safe_count
        summary["slope"] = positives["slopes"] / of_all  # [n, T], how the loss grows with log D_i
    return tf.where(counted, losses, 0), counted, summary


def _sums(walk):
    """log D_i of each anchor [n, T], and a dict of its sums over positives."""
    rivals, positives = {"rivals": _LogSum.start(walk)}, _no_positives(walk)
    if walk.mode.denominator.linear:
        sums = walk.over({**rivals, **positives}, functools.partial(_add_tile, walk, None))
        return sums["rivals"].log_or(walk.reach.floor), sums
    # Each positive joins the rivals alone, and so needs to know them first.
    sums = walk.over(rivals, functools.partial(_add_tile, walk, None))
    log_d = sums["rivals"].log_or(walk.reach.floor)
    return log_d, walk.over(positives, functools.partial(_add_tile, walk, log_d))


def _add_exp(walk, total, s, i, j, touching):
    """The sums over rows of exp of a tile [T, T] and, since s is symmetric, over columns."""
    exp = tf.exp(s)
    total = blocks.add(total, i, tf.reduce_sum(exp, 1))
    if walk.symmetric:  # a block has met itself already
        mirrored = tf.fill(tf.shape(s)[:1], tf.cast(i != j, s.dtype) if touching else tf.ones([], s.dtype))
        total = blocks.add(total, j, tf.linalg.matvec(exp, mirrored, transpose_a=True))
    return total


def _sum_over_class(walk):
    """The sum of s_ip over P(i), the class of i without i: x_i . (c_i - x_i), c_i the sum of its rows; [n, T]."""
    of_class = blocks.sum_over_own_class(walk.a, walk.k, walk.k.rows)  # [n, T, D], c_i
    return tf.reduce_sum(walk.a.rows * (of_class - walk.a.rows), -1)


class _LogSum(NamedTuple):
    """exp(shift) * total, a sum of exponentials; the shift stays 0 where nothing reaches far."""

    shift: tf.Tensor
    total: tf.Tensor

    @classmethod
    def start(cls, walk: Walk) -> _LogSum:
        zero = tf.zeros_like(walk.a.rows[..., 0])  # [n, T]
        return cls(tf.where(walk.reach.far, walk.reach.floor, zero), zero)

    def positive_total(self) -> tf.Tensor:
        return tf.where(self.total > 0, self.total, 1)

    def log(self) -> tf.Tensor:
        return self.shift + tf.math.log(self.positive_total())

    def log_or(self, floor) -> tf.Tensor:
        """The logarithm, or `floor` of nothing."""
        return tf.where(self.total > 0, self.log(), floor)

    def rise(self, values, weights, reach: Reach):
        """The shift after values [T, U] have joined, [T], and weights * exp(values - shift), [T, U]."""
        values = tf.where(weights > 0, values, reach.floor)
        shift = tf.where(reach.far, tf.maximum(self.shift, tf.reduce_max(values, 1)), self.shift)
        return shift, weights * tf.exp(values - shift[:, None])


def _no_positives(walk):
    """Sums over positives before the first tile: of scores or, "in", of exp of scores; of slopes; of weights."""
    mode, zero = walk.mode, tf.zeros_like(walk.a.rows[..., 0])  # [n, T]
    if mode.by_class_sums:
        return {}
    sums = {"scores": _LogSum.start(walk) if mode.inside else zero}
    if not mode.denominator.linear:
        sums["slopes"] = zero
    if mode.label_sets:
        sums["count"] = zero
    return sums


def _add_tile(walk: Walk, log_d, sums, i, j, touching):
    """The sums after anchors of block i have met keys of block j and, where `symmetric`, anchors j keys i."""
    s = walk.similarity(i, j)  # [T, T]
    if not touching:  # all pairs are negatives: they stand in the denominator alone
        if "rivals" not in sums:
            return sums
        total = _add_exp(walk, sums["rivals"].total, s, i, j, touching)
        return {**sums, "rivals": sums["rivals"]._replace(total=total)}

    def meet(sums, s, i, j):
        before = tf.nest.map_structure(lambda field: field.read(i), sums)
        after = _add_masked(walk, before, s, *walk.ids(i, j), None if log_d is None else blocks.at(log_d, i))
        return tf.nest.map_structure(lambda field, value: field.write(i, value), sums, after)

    once = meet(sums, s, i, j)
    if not walk.symmetric:
        return once
    return tf.cond(i == j, lambda: once, lambda: meet(once, tf.transpose(s), j, i))


def _add_masked(walk, sums, s, anchors, keys, log_d):
    """The sums [T] of the anchors of a tile s [T, U] after they have met its keys."""
    mode, reach = walk.mode, walk.reach
    positives, rivals = walk.weights(anchors, keys)
    sums = dict(sums)
    if "rivals" in sums:
        before = sums["rivals"]
        shift, exp = before.rise(s, rivals, reach)
        sums["rivals"] = _LogSum(shift, before.total * tf.exp(before.shift - shift) + tf.reduce_sum(exp, 1))
    if "scores" not in sums:
        return sums
    x = s if log_d is None else s - log_d[:, None]  # where scores are linear, log D_i joins at the end
    share, score = positives, mode.denominator.score(x)
    if mode.inside:
        before = sums["scores"]
        shift, share = before.rise(score, positives, reach)
        fall = tf.exp(before.shift - shift)
        sums["scores"] = _LogSum(shift, before.total * fall + tf.reduce_sum(share, 1))
        if "slopes" in sums:
            sums["slopes"] *= fall
    else:
        sums["scores"] += tf.reduce_sum(positives * score, 1)
    if "slopes" in sums:
        sums["slopes"] += tf.reduce_sum(share * mode.denominator.slope(x), 1)
    if "count" in sums:
        sums["count"] += tf.reduce_sum(positives, 1)
    return sums
