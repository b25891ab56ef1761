"""The forward pass of the loss by tiles: sums over the keys of each anchor."""

from __future__ import annotations

import functools
from typing import NamedTuple

import tensorflow as tf

from supcon_tf.losses.tiled import blocks
from supcon_tf.losses.tiled.blocks import Blocks
from supcon_tf.losses.tiled.compiling import as_graph
from supcon_tf.losses.tiled.walk import Mode, Reach, Walk, by_reach


@as_graph
def forward(a: Blocks, k: Blocks, *, mode: Mode, symmetric: bool):
    """Losses of the anchors [n, T], whether each is counted, and a dict of what the backward pass must know of each."""
    return by_reach(_forward, a, k, mode, symmetric)


def _forward(walk: Walk):
    a, k, mode, reach = walk.a, walk.k, walk.mode, walk.reach
    one_positive = mode.denominator_mode == "one_positive"
    sums = {"d": _LogSum.start(a, reach)}
    if not (one_positive or mode.linear_positives):
        sums.update(_no_positives(a, reach, mode))
    sums = walk.over(sums, functools.partial(_add_tile, walk, None))
    log_d = tf.where(sums["d"].total > 0, sums["d"].log(), reach.floor)  # [n, T], log D_i
    if one_positive:  # here D_i are the negatives; each positive joins them alone, and so needs to know them first
        sums = walk.over(_no_positives(a, reach, mode), functools.partial(_add_tile, walk, log_d))

    count = sums["count"] if mode.label_sets else tf.cast(a.ids.positives, log_d.dtype)  # [n, T], |P(i)|
    counted, safe_count = count > 0, tf.where(count > 0, count, 1)
    summary = {"log_d": log_d, **({"count": count} if mode.label_sets else {})}
    if mode.linear_positives:
        of_class = blocks.sum_over_own_class(a, k, k.rows)  # [n, T, D], c_i
        mean = tf.reduce_sum(a.rows * (of_class - a.rows), -1) / safe_count  # [n, T]
    elif mode.summation_location == "out":
        mean = sums["p"] / safe_count
    else:  # the logarithm of the mean of exponentials
        summary["log_p"] = sums["p"].log()
        mean = summary["log_p"] - tf.math.log(safe_count)
    if one_positive:
        of_all = safe_count if mode.summation_location == "out" else sums["p"].positive_total()
        summary["slope"] = sums["slope"] / of_all  # [n, T], how the loss grows with log D_i
        return tf.where(counted, -mean, 0), counted, summary
    counted &= log_d > reach.floor
    return tf.where(counted, log_d - mean, 0), counted, summary


class _LogSum(NamedTuple):
    """exp(shift) * total, a sum of exponentials; the shift stays 0 in a safe reach, else it follows the maximum."""

    shift: tf.Tensor
    total: tf.Tensor

    @classmethod
    def start(cls, a: Blocks, reach: Reach) -> _LogSum:
        zero = tf.zeros_like(a.real)
        return cls(tf.where(reach.safe, zero, reach.floor), zero)

    def positive_total(self) -> tf.Tensor:
        return tf.where(self.total > 0, self.total, 1)

    def log(self) -> tf.Tensor:
        return self.shift + tf.math.log(self.positive_total())

    def rise(self, values, weights, reach: Reach):
        """The shift after values [T, U] have joined, [T], and weights * exp(values - shift), [T, U]."""
        values = tf.where(weights > 0, values, reach.floor)
        shift = tf.where(reach.safe, self.shift, tf.maximum(self.shift, tf.reduce_max(values, 1)))
        return shift, weights * tf.exp(values - shift[:, None])


def _no_positives(a, reach, mode):
    """Sums over positives before the first tile."""
    sums = {"p": tf.zeros_like(a.real) if mode.summation_location == "out" else _LogSum.start(a, reach)}
    if mode.denominator_mode == "one_positive":
        sums["slope"] = tf.zeros_like(a.real)
    if mode.label_sets:
        sums["count"] = tf.zeros_like(a.real)
    return sums


def _add_tile(walk: Walk, log_d, sums, i, j, special):
    """The sums after anchors of block i have met keys of block j and, where `symmetric`, anchors j keys i."""
    s = walk.similarity(i, j, special)  # [T, T]
    if walk.is_plain(special):  # all pairs stand in the denominator, and need no maximum
        return sums if "d" not in sums else _add_plain(walk, sums, s, i, j, special)

    def look(sums, s, i, j):
        before = tf.nest.map_structure(lambda field: field.read(i), sums)
        after = _add_masked(walk, before, s, *walk.ids(i, j), None if log_d is None else blocks.at(log_d, i))
        return tf.nest.map_structure(lambda field, value: field.write(i, value), sums, after)

    once = look(sums, s, i, j)
    if not walk.symmetric:
        return once
    return tf.cond(i == j, lambda: once, lambda: look(once, tf.transpose(s), j, i))


def _add_plain(walk, sums, s, i, j, special):
    """exp of a tile [T, T], and its sums over rows and, where `symmetric`, over columns."""
    exp = tf.exp(s)
    total = blocks.add(sums["d"].total, i, tf.reduce_sum(exp, 1))
    if walk.symmetric:  # a block has met itself already
        mirrored = tf.fill(tf.shape(s)[:1], tf.cast(i != j, s.dtype) if special else tf.ones([], s.dtype))
        total = blocks.add(total, j, tf.linalg.matvec(exp, mirrored, transpose_a=True))
    return {**sums, "d": sums["d"]._replace(total=total)}


def _add_masked(walk, sums, s, anchors, keys, log_d):
    """The sums [T] of the anchors of a tile s [T, U] after they have met its keys."""
    mode, reach = walk.mode, walk.reach
    positives, rivals = walk.weights(anchors, keys)
    sums = dict(sums)
    if "d" in sums:
        shift, exp = sums["d"].rise(s, rivals, reach)
        sums["d"] = _LogSum(shift, sums["d"].total * tf.exp(sums["d"].shift - shift) + tf.reduce_sum(exp, 1))
    if "p" not in sums:
        return sums
    share, score = positives, s
    if mode.denominator_mode == "one_positive":  # log( exp s / (exp s + D) ) = -softplus(log D - s)
        score = -tf.math.softplus(log_d[:, None] - s)
    if mode.summation_location == "out":
        sums["p"] += tf.reduce_sum(positives * score, 1)
    else:
        shift, share = sums["p"].rise(score, positives, reach)
        fall = tf.exp(sums["p"].shift - shift)
        sums["p"] = _LogSum(shift, sums["p"].total * fall + tf.reduce_sum(share, 1))
        if "slope" in sums:
            sums["slope"] *= fall
    if "slope" in sums:
        sums["slope"] += tf.reduce_sum(share * tf.math.sigmoid(log_d[:, None] - s), 1)
    if "count" in sums:
        sums["count"] += tf.reduce_sum(positives, 1)
    return sums
