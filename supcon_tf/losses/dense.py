"""The supervised contrastive loss as the paper writes it, over the whole anchors x keys matrix.

Memory grows with A N. P(i) are the positives of anchor i, N(i) its negatives, A(i) = P(i) and N(i); the anchor itself
is in none of them, so it never meets a maximum: with unit rows its similarity 1 / tau would drive all others to 0.
"""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

from supcon_tf.losses import pairs


def anchor_losses(
    anchors: tf.Tensor,
    keys: tf.Tensor,
    anchor_ids: pairs.RowIds,
    key_ids: pairs.RowIds,
    *,
    temperature: float,
    summation_location: str,
    denominator_mode: str,
    kept_images: Optional[int],
) -> tf.Tensor:
    """One unscaled loss per anchor, by Eq. 2 ("out") or Eq. 3 ("in").

    Args:
        anchors: float32 or float64 [A, D], the rows whose loss is asked for.
        keys: same type [N, D], all rows of the global batch.
        anchor_ids: ids of the anchors.
        key_ids: ids of the keys.
        temperature: tau > 0.
        summation_location: "out" or "in", where the mean over positives stands to the logarithm.
        denominator_mode: "all", "one_positive" or "only_negatives".
        kept_images: see `pairs.row_ids`.

    Returns:
        Same type [A]; 0 for an anchor with nobody to compare: no positives, or an empty denominator.
    """
    similarity = tf.matmul(anchors, keys, transpose_b=True) / temperature  # [A, N], z_i . z_a / tau
    weights, negatives = pairs.compare(anchor_ids, key_ids, kept_images=kept_images, dtype=similarity.dtype)
    positives = weights > 0  # [A, N]
    log_ratio = _log_ratio(similarity, positives, negatives, denominator_mode)  # [A, N]
    if denominator_mode == "only_negatives":
        positives &= tf.reduce_any(negatives, 1, keepdims=True)

    count = tf.reduce_sum(tf.where(positives, weights, 0), 1)  # [A], |P(i)|
    safe_count = tf.where(count > 0, count, 1)
    if summation_location == "out":  # Eq. 2: -1/|P(i)| sum_p log ratio_ip
        losses = -tf.reduce_sum(tf.where(positives, weights * log_ratio, 0), 1) / safe_count  # [A]
    else:  # Eq. 3: -log( 1/|P(i)| sum_p ratio_ip )
        log_weights = tf.math.log(tf.where(positives, weights, 1))  # [A, N]
        losses = tf.math.log(safe_count) - _log_sum_exp(log_ratio + log_weights, positives)[:, 0]  # [A]
    return tf.where(count > 0, losses, 0)


def _log_ratio(similarity, positives, negatives, denominator_mode):
    """log( exp s_ip / denominator_ip ), meant at the positives p of each anchor i; [A, N]."""
    if denominator_mode == "all":  # denominator_ip = sum over A(i) of exp s_ia
        return similarity - _log_sum_exp(similarity, positives | negatives)
    log_negatives = _log_sum_exp(similarity, negatives)  # [A, 1]
    if denominator_mode == "only_negatives":  # denominator_ip = sum over N(i) of exp s_ia
        return similarity - log_negatives
    # denominator_ip = exp s_ip + sum over N(i) of exp s_ia, and log( x / (x + y) ) = -softplus(log y - log x)
    return -tf.math.softplus(log_negatives - similarity)


def _log_sum_exp(values, mask):
    """log of the sum of exp over the masked entries of each row, [A, 1].

    An empty row gives about the lowest number of the type, not -inf: so every number on the way, forward and backward,
    is finite, and a user who hunts a nan with `tf.debugging.enable_check_numerics` is not stopped here.
    """
    return tf.reduce_logsumexp(tf.where(mask, values, values.dtype.min), 1, keepdims=True)
