"""Whether training goes well: what the projections of one global batch look like, and how far a step moves the weights.

The step hands out its projections, which it has anyway; they are looked at once every `every` steps and at the last
step of a stage, outside the step. So the step itself costs nothing more, and the figures are those of the global
batch whatever the number of replicas. Pairs are those of the first `SAMPLE_ROWS` rows; the batch is in random order.
"""

from __future__ import annotations

import functools
import math
import pathlib
import resource
from typing import Optional

import tensorflow as tf

from supcon_tf.losses import pairs

SAMPLE_ROWS = 512  # 130,816 pairs: about 20 ms on a CPU, most of it to sort them
QUANTILES = (5, 50, 95)  # per cent
_STATUS = pathlib.Path("/proc/self/status")


def describe(projections: tf.Tensor, labels: tf.Tensor, *, kept_images: Optional[int] = None) -> dict:
    """The figures of one global batch, each a float32 scalar; NaN where the sample has no pair of the kind.

    Args:
        projections: float32 [G, V, D], rows of unit length.
        labels: int64 [G], negative for unlabelled; or label sets float32 [G, C] from 0 to 1.
        kept_images: as in `losses.pairs.row_ids`.

    Returns:
        "alignment", "uniformity", "effective_rank"; "positives_min", "positives_mean" (positives of an anchor) and
        "positives_none" (share of anchors without any), over all rows, with label sets over the sampled ones, where
        a row is a positive that has any label of the anchor; "positive_similarity_p5" and so on, quantiles
        of z_i . z_j over the sampled pairs.
    """
    images, views, width = projections.shape
    rows = tf.reshape(projections, [images * views, width])  # [N, D]
    ids = pairs.row_ids(labels, views=views, kept_images=kept_images)
    kept = min(images, max(SAMPLE_ROWS // views, 1)) * views  # m: whole images, at least one
    sample, sample_ids = rows[:kept], pairs.select(ids, tf.range(kept))
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
        rows: float32 [n, D].

    Returns:
        Scalar from 1 to min(n, D): directions that the rows use.
    """
    tall = rows.shape[0] >= rows.shape[1]
    moment = tf.matmul(rows, rows, transpose_a=tall, transpose_b=not tall)  # the smaller side squared
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


class Observer:
    """Looks at one step in `every`, and gathers in `seen`, which is emptied as an epoch ends, what it saw.

    Args:
        variables: that the stage trains.
        strategy: of the variables.
        every: steps between two looks; 0 looks at none.
        total_steps: of the stage; the last step is looked at.
        kept_images: as in `describe`.
    """

    def __init__(self, variables: list, strategy, *, every: int, total_steps: int, kept_images: Optional[int] = None):
        self._variables, self._strategy = variables, strategy
        self._every, self._total_steps = every, total_steps
        self._describe = tf.function(functools.partial(describe, kept_images=kept_images))
        self._before, self.seen = [], []

    def due(self, step: int) -> bool:
        """Whether step `step`, counted from 1, is one to look at."""
        return self._every > 0 and (step % self._every == 0 or step == self._total_steps)

    def unseen(self, done: int, most: int) -> int:
        """How many of the next `most` steps come before one to look at."""
        return next((count for count in range(most) if self.due(done + count + 1)), most)

    def before(self) -> None:
        """Remembers the weights, just before a step to look at."""
        self._before = [tf.identity(tf.convert_to_tensor(variable)) for variable in self._variables]

    def after(self, outputs: tuple) -> None:
        """Looks at what the step gave: projections [B, V, D] and labels of each replica, as `describe`, or none."""
        moved = [tf.convert_to_tensor(now) - then for now, then in zip(self._variables, self._before)]
        figures = {"update_norm": tf.linalg.global_norm(moved)}
        if outputs:
            projections, labels = (self._strategy.gather(value, axis=0) for value in outputs)  # [G, V, D], [G]
            figures.update(self._describe(projections, labels))
        self._before = []
        self.seen.append(figures)

    def figures(self) -> dict[str, float]:
        """The mean of each figure in `seen`, of "positives_min" the least; without those that have none."""
        seen = [{name: float(value) for name, value in figures.items()} for figures in self.seen]
        found = {}
        for name in dict.fromkeys(name for figures in seen for name in figures):
            values = [figures[name] for figures in seen if math.isfinite(figures[name])]
            if values:
                found[name] = min(values) if name == "positives_min" else sum(values) / len(values)
        return found


def memory() -> dict[str, float]:
    """Memory of this process in MB of 1e6 bytes: "memory_mb" resident now, and "memory_peak_mb", the most so far.

    Both where the system has `/proc`, the second alone elsewhere.
    """
    if _STATUS.exists():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
        kib = {"memory_mb": lines["VmRSS"], "memory_peak_mb": lines["VmHWM"]}
        return {name: int(value.split()[0]) * 1024 / 1e6 for name, value in kib.items()}
    return {"memory_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}  # macOS counts bytes
