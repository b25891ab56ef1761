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
are made from the ids of the rows (`walk`). Everywhere else all pairs are negatives, and all modes the same.
"""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional

import tensorflow as tf

from supcon_tf.losses.modes import Mode
from supcon_tf.losses.pairs import Rows
from supcon_tf.losses.tiled import blocks
from supcon_tf.losses.tiled.backward import backward
from supcon_tf.losses.tiled.forward import forward
from supcon_tf.tracing import as_written


class Tiling(NamedTuple):
    """How the matrix is cut into tiles, and these are computed."""

    rows: Optional[int] = None  # T, rows of a block; None chooses by their number and the device
    accelerated: bool = False  # whether there is an accelerator, which wants larger tiles
    jit_compile: bool = False  # compile both passes with XLA; `exchange` stays outside


def numbers_sent(mode: Mode) -> int:
    """k, how many numbers an anchor tells the holders of its keys, in the backward pass.

    log D_i and the incoming gradient; "in", the log of the sum over positives, too; where scores are not linear, the
    mean of their slopes; with label sets, the weight of the positives.
    """
    return 2 + mode.inside + (not mode.denominator.linear) + mode.label_sets


@as_written
def anchor_losses(
    anchors: Rows,
    keys: Rows,
    *,
    mode: Mode,
    temperature: float,
    exchange: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
    tiling: Tiling = Tiling(),  # noqa: B008
) -> tf.Tensor:
    """One unscaled loss per anchor, as `dense.anchor_losses`; the gradient is that of all anchors of all replicas.

    Args:
        anchors: float32 or float64 [M, D], the rows of this replica; the gradient is by these.
        keys: same type [N, D], the rows of all replicas and whatever else anchors meet, without gradient; `anchors`
            itself where they are all there are.
        mode: what stands in the denominator, and where the mean over positives (`modes`).
        temperature: tau > 0.
        exchange: gathers [M, k] over replicas to [N, k], with zeros for keys that are nobody's anchors; used in the
            backward pass, with k = `numbers_sent(mode)`, 2 for the default.
        tiling: how tiles are cut and computed.

    Returns:
        Same type [M]; 0 for an anchor with nobody to compare.
    """
    symmetric = keys is anchors
    how = {"mode": mode, "symmetric": symmetric, "jit_compile": tiling.jit_compile}
    scale = temperature**-0.5

    @tf.custom_gradient
    def losses(values):
        a, places = _cut(anchors._replace(values=values * scale), tiling, mode)  # [n, T, D], x
        if symmetric:
            k, key_places = a, places
        else:
            k, key_places = _cut(keys._replace(values=tf.stop_gradient(keys.values) * scale), tiling, mode)
        value, counted, summary = forward(a, k, **how)  # [n, T] each

        def by_anchors(upstream):
            of_anchors = {**summary, "weight": tf.where(counted, places.place(upstream), 0)}  # [n, T] each
            of_keys = of_anchors
            if not symmetric:
                sent = tf.stack([places.take_back(field) for field in of_anchors.values()], 1)  # [M, k]
                received = tf.unstack(exchange(sent), num=len(of_anchors), axis=1)  # [N] each
                of_keys = {name: key_places.place(field) for name, field in zip(of_anchors, received)}
            by_rows = backward(a, k, of_anchors, of_keys, **how)  # [n, T, D]
            return places.take_back(by_rows) * scale

        def gradient(upstream):
            return _once_only(by_anchors)(upstream, values)

        return places.take_back(value), gradient

    return losses(anchors.values)


def _cut(rows: Rows, tiling: Tiling, mode: Mode):
    size = tiling.rows or blocks.tile_rows(blocks.size_of(rows.values)[0], accelerated=tiling.accelerated)
    return blocks.cut(rows, size=size, by_class=mode.tells_classes)


def _once_only(by_anchors):
    """The gradient as a function of (upstream, values) that refuses to be differentiated: it would be wrong."""

    @tf.custom_gradient
    def gradient(upstream, values):
        del values  # named so that a second tape comes by here

        def second(*_):
            raise NotImplementedError(
                "the loss by tiles has no second derivatives. Pass tile_rows=0, or for up to 512 rows on one replica, "
                "their number known, leave `tile_rows` at None: the loss is then computed from the whole matrix, and "
                "has them."
            )

        return by_anchors(upstream), second

    return gradient
