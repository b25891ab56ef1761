"""What the projections of one global batch look like: whether a contrastive stage goes well.

Pairs are those of the first `SAMPLE_ROWS` rows; the batch is in random order.
"""

from __future__ import annotations

import math
from typing import Optional

import tensorflow as tf

from supcon_tf.losses import pairs

SAMPLE_ROWS = 512  # 130,816 pairs: about 20 ms on a CPU, most of it to sort them
QUANTILES = (5, 50, 95)  # per cent


def describe(projections: tf.Tensor, labels: tf.Tensor, *, kept_images: Optional[int] = None) -> dict:
    """Measures of one global batch, each a float32 scalar; NaN where the sample has no pair of the kind.

    Args:
        projections: float32 [G, V, D], rows of unit length; in a graph G may be unknown.
        labels: int64 [G], negative for unlabelled; or label sets float32 [G, C] from 0 to 1.
        kept_images: as in `losses.pairs.row_ids`.

    Returns:
        "alignment", "uniformity", "effective_rank"; "positives_min", "positives_mean" (positives of an anchor) and
        "positives_none" (share of anchors without any), over all rows, with label sets over the sampled ones, where
        a row is a positive that has any label of the anchor; "positive_similarity_p5" and so on, quantiles
        of z_i . z_j over the sampled pairs.
    """
    views, width = projections.shape[1:]
    rows = tf.reshape(projections, [-1, width])  # [N, D]
    ids = pairs.row_ids(labels, views=views, kept_images=kept_images)
    sample = tf.reshape(projections[: max(SAMPLE_ROWS // views, 1)], [-1, width])  # [m, D]: whole images, at least one
    sample_ids = pairs.select(ids, tf.range(tf.shape(sample)[0]))
    similarity = tf.matmul(sample, sample, transpose_b=True)  # [m, m]
    weights, negatives = pairs.compare(sample_ids, sample_ids, kept_images=kept_images)
    once = sample_ids.row[:, None] < sample_ids.row[None, :]  # [m, m], each pair of rows in one order
    # A cap need not be mutual: a pair is positive where either row counts the other.
    positives = (weights > 0) | (tf.transpose(weights) > 0)  # [m, m]
    positive = tf.boolean_mask(similarity, positives & once)
    count = tf.cast(ids.positives if labels.shape.rank == 1 else _sharing(sample_ids, ids), tf.float32)  # [N] or [m]
    return {
        "alignment": alignment(positive),
        "uniformity": uniformity(tf.boolean_mask(similarity, once)),
        "effective_rank": effective_rank(rows if width <= SAMPLE_ROWS else sample),
        "positives_min": tf.reduce_min(count),
        "positives_mean": tf.reduce_mean(count),
        "positives_none": tf.reduce_mean(tf.cast(count == 0, tf.float32)),
        **_quantiles("positive_similarity", positive),
        **_quantiles("negative_similarity", tf.boolean_mask(similarity, negatives & once)),
    }


def _sharing(anchors: pairs.RowIds, keys: pairs.RowIds) -> tf.Tensor:
    """How many keys each anchor is drawn to at all, int32 [A]."""
    return tf.math.count_nonzero(pairs.compare(anchors, keys)[0] > 0, 1, dtype=tf.int32)


def alignment(positive_similarity: tf.Tensor) -> tf.Tensor:
    """Mean of ||z_i - z_p||^2 over positive pairs, from their z_i . z_p [n] (Wang & Isola, 2020, arXiv:2005.10242).

    For rows of unit length ||z_i - z_p||^2 = 2 - 2 z_i . z_p. 0 is best: all positives in one place.
    """
    return tf.maximum(2 - 2 * tf.reduce_mean(positive_similarity), 0)  # rounding may leave less


def uniformity(similarity: tf.Tensor) -> tf.Tensor:
    """log of the mean of exp(-2 ||z_i - z_j||^2) over pairs of rows, from their z_i . z_j [n] (Wang & Isola, 2020).

    0 when all rows are equal; -4 is about what rows spread evenly over a sphere of many dimensions have.
    """
    return tf.reduce_logsumexp(4 * similarity - 4) - tf.math.log(tf.cast(tf.size(similarity), tf.float32))


def effective_rank(rows: tf.Tensor) -> tf.Tensor:
    """exp of the entropy of the normalised singular values of the second moment of the rows (Roy & Vetterli, 2007).

    About 0 and not about the mean: equal rows have rank 1, where about the mean only rounding would be left of them.

    Args:
        rows: float32 [n, D]; in a graph n may be unknown.

    Returns:
        Scalar from 1 to min(n, D): directions that the rows use.
    """
    tall = rows.shape[0] is None or rows.shape[0] >= rows.shape[1]
    moment = tf.matmul(rows, rows, transpose_a=tall, transpose_b=not tall)  # the smaller side squared
    return rank_of_moment(moment)


def rank_of_moment(moment: tf.Tensor) -> tf.Tensor:
    """The effective rank of rows whose second moment, or any multiple of it, is [D, D]."""
    values = tf.maximum(tf.linalg.eigvalsh(moment), 0)  # singular values: the matrix is symmetric, none is below 0
    share = tf.math.divide_no_nan(values, tf.reduce_sum(values))
    return tf.exp(-tf.reduce_sum(tf.math.xlogy(share, share)))


def _quantiles(name: str, values: tf.Tensor) -> dict:
    """Quantiles of values [n], linear between neighbours; NaN for n = 0."""
    ordered = tf.concat([tf.sort(values), [math.nan]], 0)  # the last is read for n = 0 alone
    last = tf.maximum(tf.size(values) - 1, 0)
    found = {}
    for per_cent in QUANTILES:
        place = tf.cast(last, tf.float32) * per_cent / 100
        below = tf.cast(place, tf.int32)
        low, high = ordered[below], ordered[tf.minimum(below + 1, last)]
        found[f"{name}_p{per_cent}"] = low + (high - low) * (place - tf.cast(below, tf.float32))
    return found
