"""The supervised contrastive loss tile by tile: exact, forward and backward, in memory linear in the rows.

With x = z / sqrt(tau), so that s_ij = x_i . x_j is the similarity over the temperature, the loss of anchor i is

    L_i = log D_i - mean over p in P(i) of s_ip                                     (Eq. 2, "out")

where D_i, the denominator, is the sum of exp s_ia over a in A(i). Neither matrix s nor its exponential is ever stored:

* Forward walks over tiles of s, blocks of rows against blocks of rows, and adds up the sum of each row. s is
  symmetric, so the sums over the columns of a tile are those of the tile across the diagonal, which is skipped.
* The positive term needs no matrix: the sum of s_ip over the class of i is x_i . (c_i - x_i), c_i the sum of its rows.
* Backward recomputes each tile. An anchor pulls on its keys as they pull on it: with w_i the incoming gradient,

      dL/dx_i = sum over j of g_ij x_j,     g_ij = w_i exp(s_ij - log D_i) + w_j exp(s_ij - log D_j)

  minus the positive term. So all that a row needs to know of another, besides x_j, is w_j and log D_j: two numbers.

"in" (Eq. 3), the other denominators, caps and label sets differ only in tiles whose blocks share a class, where masks
are made from the ids of the rows (`blocks.overlap`). Everywhere else all pairs are negatives, and all modes the same.
"""

from __future__ import annotations

import functools
from typing import Callable, NamedTuple, Optional

import tensorflow as tf

from supcon_tf.losses import blocks, pairs
from supcon_tf.losses.blocks import Blocks
from supcon_tf.losses.compiling import as_graph

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


@tf.autograph.experimental.do_not_convert
def anchor_losses(
    anchors: tf.Tensor,
    keys: Optional[tf.Tensor],
    anchor_ids: pairs.RowIds,
    key_ids: pairs.RowIds,
    *,
    temperature: float,
    summation_location: str,
    denominator_mode: str,
    kept_images: Optional[int],
    exchange: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
    tile_rows: Optional[int] = None,
) -> tf.Tensor:
    """One unscaled loss per anchor, as `dense.anchor_losses`; the gradient is that of all anchors of all replicas.

    Args:
        anchors: float32 or float64 [M, D], the rows of this replica; the gradient is by these.
        keys: same type [N, D], the rows of all replicas, without gradient; None where the anchors are all there are.
        anchor_ids: ids of the anchors.
        key_ids: ids of the keys.
        temperature: tau > 0.
        summation_location: "out" or "in".
        denominator_mode: "all", "one_positive" or "only_negatives".
        kept_images: see `pairs.row_ids`.
        exchange: gathers [M, k] over replicas to [N, k]; used in the backward pass, with k = 2 for the default mode,
            and up to 5.
        tile_rows: T, rows of a block; None chooses by their number and the device.

    Returns:
        Same type [M]; 0 for an anchor with nobody to compare.
    """
    mode = Mode(summation_location, denominator_mode, kept_images, key_ids.label_set is not None)
    symmetric = keys is None
    scale = temperature**-0.5

    @tf.custom_gradient
    def losses(anchors):
        rows = anchors * scale  # [M, D], x
        everything = rows if symmetric else keys * scale  # [N, D]
        size = tile_rows or blocks.tile_rows(blocks.size_of(everything)[0])
        a = blocks.cut(rows, anchor_ids, size=size, by_class=mode.by_class)
        k = a if symmetric else blocks.cut(everything, key_ids, size=size, by_class=mode.by_class)
        value, counted, summary = _forward(a, k, mode=mode, symmetric=symmetric)  # [n, T] each

        def by_anchors(upstream):
            of_anchors = {**summary, "weight": tf.where(counted, a.place(upstream), 0)}  # [n, T] each
            of_keys = of_anchors
            if not symmetric:
                sent = tf.stack([a.take_back(field) for field in of_anchors.values()], 1)  # [M, 2 and more]
                received = tf.unstack(exchange(sent), num=len(of_anchors), axis=1)  # [N] each
                of_keys = {name: k.place(field) for name, field in zip(of_anchors, received)}
            by_rows = _backward(a, k, of_anchors, of_keys, mode=mode, symmetric=symmetric)  # [n, T, D]
            return a.take_back(by_rows) * scale

        def gradient(upstream):
            return _once_only(by_anchors)(upstream, anchors)

        return a.take_back(value), gradient

    return losses(anchors)


def _once_only(by_anchors):
    """The gradient as a function of (upstream, anchors) that refuses to be differentiated: it would be wrong."""

    @tf.custom_gradient
    def gradient(upstream, anchors):
        del anchors  # named so that a second tape comes by here

        def second(*_):
            raise NotImplementedError(
                "the loss by tiles has no second derivatives. For up to 512 rows on one replica leave `tile_rows` at "
                "None: the loss is then computed from the whole matrix, and has them."
            )

        return by_anchors(upstream), second

    return gradient


class _Reach(NamedTuple):
    """How far similarities reach: by Cauchy and Schwarz, to the largest squared length of a row."""

    safe: object  # bool, or bool scalar tensor: exp of every similarity, and of its negative, is well within the type
    floor: tf.Tensor  # scalar far below every similarity and every log of a ratio; its exp is 0


def _by_reach(rows: tf.Tensor, mode: Mode, function):
    """function(reach) for these rows. Where no tile needs masks, two programs: the usual one has nothing to decide."""
    longest = tf.maximum(tf.reduce_max(tf.reduce_sum(rows**2, -1)), 0)  # the maximum of no rows is -inf
    safe, floor = longest <= _SAFE[rows.dtype], -3 * longest - 1000
    if mode.by_class:
        return function(_Reach(safe, floor))
    return tf.cond(safe, lambda: function(_Reach(True, floor)), lambda: function(_Reach(False, floor)))


# Forward


@as_graph
def _forward(a: Blocks, k: Blocks, *, mode: Mode, symmetric: bool):
    """Losses of the anchors [n, T], whether each is counted, and a dict of what the backward pass must know of each."""
    return _by_reach(k.rows, mode, functools.partial(_forward_within, a, k, mode, symmetric))


def _forward_within(a, k, mode, symmetric, reach):
    one_positive = mode.denominator_mode == "one_positive"
    sums = {"d": _LogSum.start(a, reach)}
    if not (one_positive or mode.linear_positives):
        sums.update(_no_positives(a, reach, mode))
    sums = blocks.walk(a, k, sums, functools.partial(_add_tile, a, k, reach, mode, None, symmetric), symmetric)
    log_d = tf.where(sums["d"].total > 0, sums["d"].log(), reach.floor)  # [n, T], log D_i
    if one_positive:  # here D_i are the negatives; each positive joins them alone, and so needs to know them first
        sums = _no_positives(a, reach, mode)
        sums = blocks.walk(a, k, sums, functools.partial(_add_tile, a, k, reach, mode, log_d, symmetric), symmetric)

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
    def start(cls, a: Blocks, reach: _Reach) -> _LogSum:
        zero = tf.zeros_like(a.real)
        return cls(tf.where(reach.safe, zero, reach.floor), zero)

    def positive_total(self) -> tf.Tensor:
        return tf.where(self.total > 0, self.total, 1)

    def log(self) -> tf.Tensor:
        return self.shift + tf.math.log(self.positive_total())

    def rise(self, values, weights, reach: _Reach):
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


def _add_tile(a, k, reach, mode, log_d, symmetric, sums, pair):
    """The sums after anchors i have met keys j and, where `symmetric`, anchors j keys i."""
    i, j = pair.i, pair.j
    s = _similarity(a, k, pair, blocks.at(a.rows, i), blocks.at(k.rows, j), mode, reach)  # [T, T]

    def plain():  # all pairs stand in the denominator, and need no maximum: exp and its sums over rows and columns
        if "d" not in sums:
            return sums
        exp = tf.exp(s)
        total = blocks.add(sums["d"].total, i, tf.reduce_sum(exp, 1))
        if symmetric:  # a block has met itself already
            mirrored = tf.fill(tf.shape(s)[:1], tf.cast(i != j, s.dtype))
            total = blocks.add(total, j, tf.linalg.matvec(exp, mirrored, transpose_a=True))
        return {**sums, "d": sums["d"]._replace(total=total)}

    def look(sums, s, i, j):
        before = tf.nest.map_structure(lambda field: field.read(i), sums)
        ids = _ids(a, i), _ids(k, j)
        after = _add_masked(before, s, *ids, reach, mode, None if log_d is None else blocks.at(log_d, i))
        return tf.nest.map_structure(lambda field, value: field.write(i, value), sums, after)

    def masked():
        once = look(sums, s, i, j)
        if not symmetric:
            return once
        return tf.cond(i == j, lambda: once, lambda: look(once, tf.transpose(s), j, i))

    return _if_plain(pair, mode, reach, plain, masked)


def _add_masked(sums, s, anchors, keys, reach, mode, log_d):
    """The sums [T] of the anchors of a tile s [T, U] after they have met its keys."""
    positives, rivals = _weights(anchors, keys, mode, s.dtype)
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


# Backward


@as_graph
def _backward(a: Blocks, k: Blocks, of_anchors: dict, of_keys: dict, *, mode: Mode, symmetric: bool):
    """The gradient [n, T, D] of the weighted losses of all anchors, here and elsewhere, by the rows of `a`."""
    return _by_reach(k.rows, mode, functools.partial(_backward_within, a, k, of_anchors, of_keys, mode, symmetric))


def _backward_within(a, k, of_anchors, of_keys, mode, symmetric, reach):
    a_pull = _Pull.of(a, of_anchors, mode, reach)
    k_pull = a_pull if symmetric else _Pull.of(k, of_keys, mode, reach)

    def add_tile(gradient, pair):
        i, j = pair.i, pair.j
        x_i, x_j = blocks.at(a.rows, i), blocks.at(k.rows, j)  # [T, D] each
        s = _similarity(a, k, pair, x_i, x_j, mode, reach)  # [T, T]

        def plain():
            return tf.exp(s) * (blocks.at(a_pull.u, i)[:, None] + blocks.at(k_pull.u, j)[None, :])

        def masked():
            i_ids, j_ids = _ids(a, i), _ids(k, j)
            of_i = _pairwise(s, a_pull.block(i), i_ids, j_ids, mode, reach)
            return of_i + tf.transpose(_pairwise(tf.transpose(s), k_pull.block(j), j_ids, i_ids, mode, reach))

        g = _if_plain(pair, mode, reach, plain, masked)  # [T, T], g_ij
        gradient = blocks.add(gradient, i, tf.matmul(g, x_j))
        if symmetric:
            mirrored = tf.cond(i == j, lambda: tf.zeros_like(x_i), lambda: tf.matmul(g, x_i, transpose_a=True))
            gradient = blocks.add(gradient, j, mirrored)
        return gradient

    start = tf.zeros_like(a.rows)
    if mode.linear_positives:  # minus, over the others p of the class, the sum of (w_i + w_p) / |P| x_p
        mine = a_pull.positive[..., None]  # [n, T, 1]
        start = 2 * mine * a.rows - blocks.sum_over_own_class(a, k, k_pull.positive[..., None] * k.rows)
        with tf.control_dependencies([start]):  # one after the other, for the sake of memory
            start -= mine * blocks.sum_over_own_class(a, k, tf.identity(k.rows))
    return blocks.walk(a, k, start, add_tile, symmetric)


class _Pull(NamedTuple):
    """What an anchor i does to its keys: d L_i / d s_ia, from these numbers and s_ia; [n, T] each."""

    rival: tf.Tensor  # factor of exp(s_ia - log D_i) for a in the denominator
    log_d: tf.Tensor
    u: tf.Tensor  # rival / D_i; used where the reach is safe
    positive: tf.Tensor  # factor of the positive term
    log_p: Optional[tf.Tensor]  # "in": log of the sum of exp over positives

    @classmethod
    def of(cls, rows: Blocks, summary: dict, mode: Mode, reach: _Reach) -> _Pull:
        weight, log_d = summary["weight"], summary["log_d"]
        rival = weight * summary.get("slope", 1)
        usable = (rival != 0) & reach.safe  # else D_i may be 0, or beyond the type
        u = tf.where(usable, rival * tf.exp(tf.where(usable, -log_d, 0)), 0)
        count = summary.get("count", tf.cast(rows.ids.positives, weight.dtype))
        positive = weight / tf.where(count > 0, count, 1) if mode.summation_location == "out" else weight
        return cls(rival, log_d, u, positive, summary.get("log_p"))

    def block(self, i) -> _Pull:
        return _Pull(*(None if field is None else blocks.at(field, i) for field in self))


def _pairwise(s, pull: _Pull, anchors, keys, mode, reach):
    """d L_i / d s_ia times w_i for a tile [T, U] of anchors i and keys a, with masks."""
    positives, rivals = _weights(anchors, keys, mode, s.dtype)
    g = pull.rival[:, None] * rivals * tf.exp(tf.where(rivals > 0, s - pull.log_d[:, None], reach.floor))
    if mode.linear_positives:
        return g
    strength = positives
    score = s
    if mode.denominator_mode == "one_positive":
        above = pull.log_d[:, None] - s
        strength, score = positives * tf.math.sigmoid(above), -tf.math.softplus(above)
    if mode.summation_location == "in":
        strength *= tf.exp(tf.where(positives > 0, score - pull.log_p[:, None], reach.floor))
    return g - pull.positive[:, None] * strength


# Both


def _similarity(a: Blocks, k: Blocks, pair: blocks.Pair, x_i, x_j, mode, reach):
    """s of a tile, [T, T]. Padding, and where classes need no telling apart each row itself, is sunk to the floor."""
    s = tf.matmul(x_i, x_j, transpose_b=True)

    def sunk():
        anchors = _ids(a, pair.i)
        kept = pairs.others(anchors, _ids(k, pair.j)) & (anchors.row >= 0)[:, None]  # [T, T]
        return tf.where(kept, s, reach.floor)

    return tf.cond(pair.padded if mode.by_class else pair.padded | pair.shared, sunk, lambda: s)


def _if_plain(pair: blocks.Pair, mode, reach, plain, masked):
    """plain() where all pairs of a tile are alike and their exp needs no shift, else masked()."""
    if mode.by_class:
        return tf.cond(reach.safe & ~pair.shared, plain, masked)
    return plain() if reach.safe else masked()


def _ids(rows: Blocks, i) -> pairs.RowIds:
    return pairs.RowIds(*(None if field is None else blocks.at(field, i) for field in rows.ids))


def _weights(anchors, keys, mode, dtype):
    """(positives, rivals) of a tile, [T, U] each: how much each key counts as a positive, and in the denominator."""
    if not mode.by_class:
        return None, tf.cast(pairs.others(anchors, keys), dtype)
    positives, negatives = pairs.compare(anchors, keys, kept_images=mode.kept_images, dtype=dtype)
    if mode.denominator_mode == "all":
        return positives, tf.cast((positives > 0) | negatives, dtype)
    return positives, tf.cast(negatives, dtype)
