"""Metric-learning losses that the paper's loss is compared with: triplet, N-pairs, lifted structure, pairwise margin.

Each is a function of labels and projections that gives one value an image, as `supervised_contrastive_loss` does: the
mean of the values over the global batch is the loss, whatever the number of replicas. All views of all images are
compared, those of other replicas with the exact gradient. The definitions are TensorFlow Addons', where it has them,
but for rows that have nobody: without a positive, or without a negative, they cost 0, and are counted.

"Max-margin" of the paper's Table 2 is none of these: it is a classifier (`losses.large_margin`).
"""

from __future__ import annotations

from typing import Callable, Optional

import tensorflow as tf

from supcon_tf.losses import distances
from supcon_tf.losses.soundness import refusal
from supcon_tf.tracing import as_written


@as_written
def triplet_semihard(labels, projections, *, margin: float = 1.0, normalize: bool = True, replicas=None) -> tf.Tensor:
    """Triplet loss with semi-hard negatives (Schroff et al., 2015, arXiv:1503.03832, Sec. 3.2).

    For every anchor a and positive p the negative n is the nearest that is farther than p, else the farthest:
    max(0, D_ap - D_an + margin), D Euclidean; the mean over all such pairs (a, p) of the global batch, as
    `tfa.losses.triplet_semihard_loss`. (The paper's own triplets are of squared distances, with a margin of 0.2.)

    Args:
        labels: one class an image, integer [B] or [B, 1], or one-hot [B, C]; negative, or a row of zeros, is
            unlabelled: a class of its own.
        projections: float [B, V, D], or [B, D] for V = 1.
        margin: by how much a negative should be farther than a positive; unit rows are at most 2 apart.
        normalize: bring every row to unit length first.
        replicas: `distribution.collectives.replicas()` compares with the images of all replicas; None: there is one.

    Returns:
        [B], float64 for float64 projections, else float32. Memory grows with (B V) (G V), over all images G.

    Raises:
        ValueError: labels or projections are of a wrong type, shape or number, labels are sets, or this is one of
            several replicas and nothing is said of them. Of values in a graph see `soundness`.

    Example:
        The two of class 0 are 1.41 apart, and 1.79 and 1.90 from the third, which has no positive.

        >>> rows = tf.constant([[1.0, 0.0], [0.0, 1.0], [-0.6, -0.8]])
        >>> values = triplet_semihard([0, 0, 1], rows, margin=1.0)
        >>> [round(float(value), 3) for value in values]
        [0.938, 0.775, 0.0]
    """
    batch = distances.read(labels, projections, normalize=normalize, replicas=replicas)
    pairs = distances.pairs_of(batch)
    far = pairs.distance.dtype.max
    ordered = tf.sort(tf.where(pairs.negative, pairs.distance, far), axis=1)  # [M, N], negatives first
    count = tf.math.count_nonzero(pairs.negative, 1, keepdims=True, dtype=tf.int32)  # [M, 1]
    nearest = tf.searchsorted(ordered, tf.stop_gradient(pairs.distance), side="right")  # [M, N], that is farther than p
    chosen = tf.gather(ordered, tf.clip_by_value(nearest, 0, tf.maximum(count - 1, 0)), batch_dims=1)  # [M, N]
    costly = pairs.positive & (count > 0)  # [M, N]
    costs = tf.where(costly, tf.nn.relu(pairs.distance - tf.where(costly, chosen, 0) + margin), 0)  # [M, N]
    return batch.per_image(tf.reduce_sum(costs, 1), _positive_pairs(batch))


@as_written
def triplet_hard(labels, projections, *, margin: float = 1.0, normalize: bool = True, replicas=None) -> tf.Tensor:
    """Triplet loss of the hardest positive and negative of each anchor (Hermans et al., 2017, arXiv:1703.07737, Eq. 5).

    max(0, max_p D_ap - min_n D_an + margin), the mean over all rows, as `tfa.losses.triplet_hard_loss`; there an anchor
    without positives still pushes its nearest negative away, here it costs 0.

    Args: as of `triplet_semihard`, and what comes out and is raised.

    Example:
        >>> rows = tf.constant([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
        >>> [round(float(value), 3) for value in triplet_hard([0, 0, 1], rows, margin=0.5)]
        [0.0, 0.5, 0.0]
    """
    batch = distances.read(labels, projections, normalize=normalize, replicas=replicas)
    pairs = distances.pairs_of(batch)
    hardest = tf.reduce_max(tf.where(pairs.positive, pairs.distance, 0), 1)  # [M], farthest positive
    nearest = tf.reduce_min(tf.where(pairs.negative, pairs.distance, pairs.distance.dtype.max), 1)  # [M]
    costly = tf.reduce_any(pairs.positive, 1) & tf.reduce_any(pairs.negative, 1)  # [M]
    costs = tf.where(costly, tf.nn.relu(hardest - tf.where(costly, nearest, 0) + margin), 0)  # [M]
    return batch.per_image(costs, batch.images * batch.views)


@as_written
def n_pairs(labels, projections, *, normalize: bool = True, replicas=None) -> tf.Tensor:
    """N-pairs loss (Sohn, 2016, Eq. 6), of the two views of each image.

    View 0 of each image is an anchor a_i, view 1 its key k_i: the cross-entropy of softmax_j(a_i . k_j) with the keys
    of the anchor's class, in equal shares; the mean over images, as `tfa.losses.npairs_loss(labels, a k^T)`. Where
    every image has a class of its own it is Sohn's loss, log(1 + sum_j exp(a_i . k_j - a_i . k_i)): one positive, no
    temperature. Sohn's penalty on the lengths of rows has no object where rows are of unit length.

    The paper's N-pairs (Sec. 3.2.2 and 4) have one view, and one other image of the class as the only positive: that is
    `supervised_contrastive_loss` of [B, 1, D] with temperature=1, base_temperature=None, positives_cap=1.

    Args: as of `triplet_semihard` but the margin; projections are [B, 2, D].

    Raises:
        ValueError: as there, or there are not two views.

    Example:
        >>> views = tf.constant([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]])
        >>> [round(float(value), 3) for value in n_pairs([0, 1], views)]  # log(1 + exp(-1))
        [0.313, 0.313]
    """
    batch = distances.read(labels, projections, normalize=normalize, replicas=replicas)
    if batch.views != 2:
        raise refusal(f"N-pairs are pairs: `projections` must have V = 2 views, [B, 2, D]; got V = {batch.views}.")
    anchors, keys = batch.projections[:, 0], batch.gather(batch.projections[:, 1])  # [B, D], [G, D]
    similarity = tf.matmul(anchors, keys, transpose_b=True)  # [B, G], a_i . k_j
    classes = _alone(batch.labels)  # [G]
    own = tf.gather(classes, batch.own(tf.shape(anchors)[0]))  # [B]
    same = tf.cast(own[:, None] == classes[None, :], similarity.dtype)  # [B, G]
    share = same / tf.reduce_sum(same, 1, keepdims=True)  # [B, G]
    costs = tf.reduce_logsumexp(similarity, 1) - tf.reduce_sum(share * similarity, 1)  # [B]
    return batch.per_image(costs, batch.images)


@as_written
def lifted_structure(labels, projections, *, margin: float = 1.0, normalize: bool = True, replicas=None) -> tf.Tensor:
    """Lifted structured loss (Oh Song et al., 2016, arXiv:1511.06452, Eq. 4).

    For a pair of positives J_ij = log(sum_k exp(margin - D_ik) + sum_l exp(margin - D_jl)) + D_ij, over the negatives k
    of i and l of j; the mean of max(0, J_ij)^2 / 2 over all pairs, as `tfa.losses.lifted_struct_loss`. The source takes
    rows of any length: `normalize=False`; those of this package's projection heads have unit length.

    Args: as of `triplet_semihard`, and what comes out and is raised.

    Example:
        >>> rows = tf.constant([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
        >>> [round(float(value), 3) for value in lifted_structure([0, 0, 1], rows)]
        [1.561, 1.561, 0.0]
    """
    batch = distances.read(labels, projections, normalize=normalize, replicas=replicas)
    pairs = distances.pairs_of(batch)
    lowest = pairs.distance.dtype.min / 4  # so that sums of it are numbers
    pushes = tf.reduce_logsumexp(tf.where(pairs.negative, margin - pairs.distance, lowest), 1)  # [M]
    of_all = batch.gather(pushes)  # [N]
    left, right = pushes[:, None], of_all[None, :]  # [M, 1], [1, N]
    both = tf.maximum(left, right) + tf.math.softplus(-tf.abs(left - right))  # [M, N], log(e^left + e^right)
    costly = pairs.positive & (tf.maximum(left, right) > lowest / 2)  # [M, N]
    costs = tf.where(costly, tf.nn.relu(tf.where(costly, both + pairs.distance, 0)) ** 2 / 2, 0)  # [M, N]
    return batch.per_image(tf.reduce_sum(costs, 1), _positive_pairs(batch))


@as_written
def pair_margin(labels, projections, *, margin: float = 1.0, normalize: bool = True, replicas=None) -> tf.Tensor:
    """Hinge loss of pairs (Hadsell et al., 2006): D^2 of positives, max(0, margin - D)^2 of negatives.

    The mean over positive pairs and the mean over negative pairs, added, each with one half: otherwise the negatives,
    C - 1 times as many, would be all that counts. On as many pairs of each it is `tfa.losses.contrastive_loss`, and
    twice Eq. 4 of the source.

    Args: as of `triplet_semihard`, and what comes out and is raised.

    Example:
        >>> rows = tf.constant([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
        >>> values = pair_margin([0, 0, 1], rows, margin=2.0)
        >>> [round(float(value), 3) for value in values]
        [1.5, 1.629, 0.129]
    """
    batch = distances.read(labels, projections, normalize=normalize, replicas=replicas)
    pairs = distances.pairs_of(batch)
    pulls = tf.reduce_sum(tf.where(pairs.positive, pairs.distance**2, 0), 1)  # [M]
    pushes = tf.reduce_sum(tf.where(pairs.negative, tf.nn.relu(margin - pairs.distance) ** 2, 0), 1)  # [M]
    positives = _positive_pairs(batch)
    rows = tf.cast(batch.images * batch.views, tf.float64)
    negatives = rows * (rows - 1) - positives
    return (batch.per_image(pulls, positives) + batch.per_image(pushes, negatives)) / 2


# By their names in `names.LOSSES`.
FUNCTIONS = {
    "triplet_semihard": triplet_semihard,
    "triplet_hard": triplet_hard,
    "n_pairs": n_pairs,
    "lifted_structure": lifted_structure,
    "pair_margin": pair_margin,
}


def with_margin(name: str, margin: Optional[float], **how) -> Callable:
    """The loss called `name`, as (labels, projections) to [B], with a margin where it has one and one is given."""
    if name != "n_pairs" and margin is not None:
        how["margin"] = margin
    return lambda labels, projections: FUNCTIONS[name](labels, projections, **how)


def _alone(labels: tf.Tensor) -> tf.Tensor:
    """Classes int64 [G] in which every unlabelled image is alone."""
    numbers = tf.range(tf.size(labels, out_type=tf.int64), dtype=tf.int64)
    return tf.where(labels < 0, -1 - numbers, labels)


def _positive_pairs(batch: distances.Batch) -> tf.Tensor:
    """How many pairs (row, other row of its class) the global batch has: float64 scalar."""
    classes = tf.sort(_alone(batch.labels))  # [G]
    of_class = tf.searchsorted(classes, classes, side="right") - tf.searchsorted(classes, classes, side="left")  # [G]
    return tf.reduce_sum(tf.cast(batch.views * (of_class * batch.views - 1), tf.float64))
