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
are made from the ids of the rows (`Walk.weights`). Everywhere else all pairs are negatives, and all modes the same.
"""

from __future__ import annotations

from typing import Callable, Optional

import tensorflow as tf

from supcon_tf.losses import pairs
from supcon_tf.losses.tiled import blocks
from supcon_tf.losses.tiled.backward import backward
from supcon_tf.losses.tiled.forward import forward
from supcon_tf.losses.tiled.walk import Mode


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
    jit_compile: bool = False,
) -> tf.Tensor:
    """One unscaled loss per anchor, as `dense.anchor_losses`; the gradient is that of all anchors of all replicas.

    Args:
        anchors: float32 or float64 [M, D], the rows of this replica; the gradient is by these.
        keys: same type [N, D], the rows of all replicas and whatever else anchors meet, without gradient; None where
            the anchors are all there are.
        anchor_ids: ids of the anchors.
        key_ids: ids of the keys.
        temperature: tau > 0.
        summation_location: "out" or "in".
        denominator_mode: "all", "one_positive" or "only_negatives".
        kept_images: see `pairs.row_ids`.
        exchange: gathers [M, k] over replicas to [N, k], with zeros for keys that are nobody's anchors; used in the
            backward pass, with k = 2 for the default mode, and up to 5.
        tile_rows: T, rows of a block; None chooses by their number and the device.
        jit_compile: compile both passes with XLA; `exchange` stays outside.

    Returns:
        Same type [M]; 0 for an anchor with nobody to compare.
    """
    mode = Mode(summation_location, denominator_mode, kept_images, key_ids.label_set is not None)
    symmetric = keys is None
    how = {"mode": mode, "symmetric": symmetric, "jit_compile": jit_compile}
    scale = temperature**-0.5

    @tf.custom_gradient
    def losses(anchors):
        rows = anchors * scale  # [M, D], x
        everything = rows if symmetric else keys * scale  # [N, D]
        a = blocks.cut(rows, anchor_ids, size=tile_rows, by_class=mode.by_class)
        k = a if symmetric else blocks.cut(everything, key_ids, size=tile_rows, by_class=mode.by_class)
        value, counted, summary = forward(a, k, **how)  # [n, T] each

        def by_anchors(upstream):
            of_anchors = {**summary, "weight": tf.where(counted, a.place(upstream), 0)}  # [n, T] each
            of_keys = of_anchors
            if not symmetric:
                sent = tf.stack([a.take_back(field) for field in of_anchors.values()], 1)  # [M, 2 and more]
                received = tf.unstack(exchange(sent), num=len(of_anchors), axis=1)  # [N] each
                of_keys = {name: k.place(field) for name, field in zip(of_anchors, received)}
            by_rows = backward(a, k, of_anchors, of_keys, **how)  # [n, T, D]
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
