"""Accuracy of a weighted vote of nearest neighbours, which needs no classifier (Wu et al., 2018, arXiv:1805.01978).

The k training images whose frozen features are nearest to a test image, by cosine similarity s, vote for their classes
with weight exp(s / T). Training images come by in batches and leave nothing behind but the k best of each test image:
the test x train matrix is never held, nor the features of the training images.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
import tensorflow as tf

from supcon_tf.distribution.collectives import gather_rows
from supcon_tf.distribution.streams import Stream
from supcon_tf.evaluation.features import Batches
from supcon_tf.layers.normalization import unit_rows
from supcon_tf.networks.networks import Networks


def knn_accuracy_on(
    networks: Networks,
    *,
    strategy: tf.distribute.Strategy,
    train_batches: Batches,
    test_batches: Batches,
    classes: int,
    neighbours: int,
    temperature: float,
) -> Callable[[], dict]:
    """A function that measures now: `{"knn_accuracy": share of test examples whose neighbours vote for their class}`.

    Every replica embeds its share of both splits; all training rows meet all test rows, each test row on one replica.
    A replica holds features [q, F] of its q test rows (of unit length, whether or not the run has them so), and at a
    time similarities [q, k + B].

    Args:
        networks: the encoder.
        strategy: spreads the batches over its replicas.
        train_batches: from an input pipeline to its (images [B, S, S, ch], labels [B], weights [B]) in inference
            mode, in batches for one replica each; weight 0 marks padding.
        test_batches: likewise.
        classes: C.
        neighbours: k, at most the number of training images.
        temperature: T; infinity counts every neighbour as one vote.
    """
    train, test = (strategy.distribute_datasets_from_function(batches) for batches in (train_batches, test_batches))

    @tf.function
    def embedded(images):
        return strategy.run(lambda images: unit_rows(networks.features(images, training=False)), args=(images,))

    @tf.function
    def begin(parts):
        def join(parts):
            queries, labels, weights = (tf.concat(column, 0) for column in zip(*parts))  # [q, F], [q], [q]
            return queries, labels, weights, nobody(queries, neighbours)

        return strategy.run(join, args=(parts,))

    @tf.function
    def nearer(queries, best, *rows):
        def merge(queries, best, *rows):
            return merged(queries, best, *map(gather_rows, rows))

        return strategy.run(merge, args=(queries, best, *rows))

    @tf.function
    def count(best, labels, weights):
        def right(best, labels, weights):
            voted = vote(*best, classes=classes, temperature=temperature)  # [q]
            return tf.reduce_sum(weights * tf.cast(voted == labels, tf.float32)), tf.reduce_sum(weights)

        return [strategy.reduce("SUM", value, axis=None) for value in strategy.run(right, args=(best, labels, weights))]

    def measure() -> dict:
        with Stream(test) as stream:
            queries, labels, weights, best = begin([(embedded(batch[0]), *batch[1:]) for batch in stream])
        with Stream(train) as stream:
            for images, *rest in stream:
                best = nearer(queries, best, embedded(images), *rest)
        found, seen = np.array(count(best, labels, weights), np.float64)
        return {"knn_accuracy": float(found / seen)}

    return measure


def nobody(queries: tf.Tensor, neighbours: int) -> tuple:
    """What `merged` begins with for queries [q, F]: no neighbour yet in any of the k places."""
    shape = [tf.shape(queries)[0], neighbours]
    similarity = tf.ensure_shape(tf.fill(shape, -np.float32(np.inf)), [None, neighbours])
    return similarity, tf.ensure_shape(tf.zeros(shape, tf.int64), [None, neighbours])


def merged(queries: tf.Tensor, best: tuple, rows: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tuple:
    """The k best of each query, with further rows taken into account.

    Args:
        queries: float32 [q, F] of unit length.
        best: (similarities float32 [q, k], descending; their labels int64 [q, k]).
        rows: float32 [n, F] of unit length.
        labels: int64 [n].
        weights: float32 [n], 0 for rows that are padding.

    Returns:
        As `best`. Of equal similarities those that came first are kept.
    """
    neighbours = best[0].shape[1]
    near = nearest(queries, rows, labels, weights, neighbours=tf.minimum(neighbours, tf.shape(rows)[0]))
    similarity, labels = (tf.concat(pair, 1) for pair in zip(best, near))  # [q, at most 2k]
    similarity, places = tf.math.top_k(similarity, neighbours)  # [q, k]
    return similarity, tf.gather(labels, places, batch_dims=1)


def nearest(queries: tf.Tensor, rows: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor, *, neighbours) -> tuple:
    """The k nearest of the rows alone, as `merged` has them; k is at most n."""
    similarity = tf.matmul(queries, rows, transpose_b=True)  # [q, n]
    similarity = tf.where(weights > 0, similarity, -np.inf)
    similarity, places = tf.math.top_k(similarity, neighbours)  # [q, k]
    return similarity, tf.gather(labels, places)


def vote(similarity: tf.Tensor, labels: tf.Tensor, *, classes: int, temperature: float) -> tf.Tensor:
    """The class with the largest sum of exp(s / T) over the neighbours of each query, the first of equal ones.

    Args:
        similarity: float32 [q, k], descending; minus infinity where there is no neighbour.
        labels: int64 [q, k].
        classes: C.
        temperature: T.

    Returns:
        int64 [q].
    """
    return tf.argmax(votes(similarity, labels, classes=classes, temperature=temperature), 1)


def votes(similarity: tf.Tensor, labels: tf.Tensor, *, classes: int, temperature: float) -> tf.Tensor:
    """The sums that `vote` compares, float32 [q, C], each over exp(s / T) of the nearest neighbour of the query."""
    # Over the nearest: the same factor for all neighbours of a query, and no exponential is too large.
    weight = tf.exp((similarity - similarity[:, :1]) / temperature)  # [q, k]
    weight = tf.where(similarity > -np.inf, weight, 0)
    count = tf.shape(labels, out_type=tf.int64)[0]
    places = tf.range(count)[:, None] * classes + labels  # [q, k], where the class of a neighbour is in [q, C]
    sums = tf.math.unsorted_segment_sum(tf.reshape(weight, [-1]), tf.reshape(places, [-1]), count * classes)
    return tf.reshape(sums, [count, classes])
