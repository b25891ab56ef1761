"""The supervised contrastive loss as the paper writes it, over the whole anchors x keys matrix.

Memory grows with A N. P(i) are the positives of anchor i, N(i) its negatives, A(i) = P(i) and N(i); the anchor itself
is in none of them, so it never meets a maximum: with unit rows its similarity 1 / tau would drive all others to 0.
"""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.losses import pairs
from supcon_tf.losses.modes import Mode
from supcon_tf.losses.pairs import Rows


def anchor_losses(anchors: Rows, keys: Rows, *, mode: Mode, temperature: float) -> tf.Tensor:
    """One unscaled loss per anchor, by Eq. 2 ("out") or Eq. 3 ("in").

    Args:
        anchors: float32 or float64 [A, D], the rows whose loss is asked for.
        keys: same type [N, D], all rows that anchors are compared with, themselves included.
        mode: what stands in the denominator, and where the mean over positives (`modes`).
        temperature: tau > 0.

    Returns:
        Same type [A]; 0 for an anchor with nobody to compare: no positives, or an empty denominator.
    """
    similarity = tf.matmul(anchors.values, keys.values, transpose_b=True) / temperature  # [A, N], z_i . z_a / tau
    weights, negatives = pairs.compare(
        anchors.ids, keys.ids, kept_images=mode.kept_images, dtype=similarity.dtype
    )  # [A, N]
    positives = weights > 0  # [A, N]
    rivals = mode.denominator.rivals(positives, negatives)  # [A, N]
    if not mode.denominator.positives_compete:  # then there may be positives and no rival
        positives &= tf.reduce_any(rivals, 1, keepdims=True)
    # log( exp s_ip / denominator_ip ), meant at the positives p of each anchor i
    score = mode.denominator.score(similarity - _log_sum_exp(similarity, rivals))  # [A, N]

    count = tf.reduce_sum(tf.where(positives, weights, 0), 1)  # [A], |P(i)|
    safe_count = tf.where(count > 0, count, 1)
    if mode.inside:
        log_weights = tf.math.log(tf.where(positives, weights, 1))  # [A, N]
        total = _log_sum_exp(score + log_weights, positives)[:, 0]  # [A]
    else:
        total = tf.reduce_sum(tf.where(positives, weights * score, 0), 1)  # [A]
    return tf.where(count > 0, mode.loss(total, safe_count), 0)


def _log_sum_exp(values, mask):
    """log of the sum of exp over the masked entries of each row, [A, 1].

    An empty row gives about the lowest number of the type, not -inf: so every number on the way, forward and backward,
    is finite, and a user who hunts a nan with `tf.debugging.enable_check_numerics` is not stopped here.
    """
    return tf.reduce_logsumexp(tf.where(mask, values, values.dtype.min), 1, keepdims=True)
