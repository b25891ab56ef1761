"""Which image stands where: the endless stream of examples that training draws its batches from.

Example n of the stream (n = 0, 1, 2, ... over all epochs) is row n mod b of global batch n // b, of b rows. What it is
depends on (seed, n) alone. An input pipeline that makes only some rows of each batch, as each of several hosts does,
leaves the others out here, before an image is touched.
"""

from __future__ import annotations

import dataclasses
from typing import Optional

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Share:
    """The rows of each global batch that one input pipeline makes: a slice, so that all slices in order are the batch.

    Attributes:
        batch_size: rows of the global batch.
        first: of these rows.
        rows: how many of them.
        per_replica: how many of them a replica takes.
    """

    batch_size: int
    first: int
    rows: int
    per_replica: int

    @classmethod
    def of(cls, batch_size: int, context: Optional[tf.distribute.InputContext]) -> Share:
        """The share of a pipeline that `tf.distribute` describes; all rows without a context.

        Raises:
            ValueError: the replicas cannot share the batch equally.
        """
        context = context or tf.distribute.InputContext()
        replicas, pipelines = context.num_replicas_in_sync, context.num_input_pipelines
        if batch_size % replicas or replicas % pipelines:
            raise ValueError(
                f"A global batch of {batch_size} rows cannot be shared equally by {replicas} replicas on {pipelines} "
                "hosts: make it a multiple of the replicas."
            )
        rows = batch_size // pipelines
        return cls(batch_size, context.input_pipeline_id * rows, rows, batch_size // replicas)

    def has(self, n: tf.Tensor) -> tf.Tensor:
        """Whether example n falls to this pipeline: int64 [...] -> bool [...]."""
        row = n % self.batch_size
        return (row >= self.first) & (row < self.first + self.rows)


def epochs(count: int, *, seed: tf.Tensor, first: int, share: Share) -> tf.data.Dataset:
    """Permutations of all images, one after the other.

    Args:
        count: images of the set.
        seed: int64 [2], decides the permutations.
        first: n of the first example wanted.
        share: rows wanted.

    Returns:
        tf.data.Dataset without end of (n, number of the image), int64 [] each.
    """

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = _shuffle(count, tf.random.fold_in(seed, epoch), tf.zeros([], tf.int64))  # [count]
        return _wanted(epoch * count, order, first, share)

    return tf.data.Dataset.range(first // count, tf.int64.max).flat_map(one_epoch)


def blocks(
    examples: tf.data.Dataset, count: int, *, block: int, seed: tf.Tensor, first: int, share: Share
) -> tf.data.Dataset:
    """Permutations of a set that can only be read from its beginning to its end, shuffled in blocks.

    The borders of the blocks move from epoch to epoch, so that images meet others.

    Args:
        examples: the set in its stored order.
        count: its examples.
        block: examples shuffled together.
        seed, first, share: as in `epochs`.

    Returns:
        tf.data.Dataset without end of (n, example), n int64 [].
    """

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        epoch_seed = tf.random.fold_in(seed, epoch)
        offset = tf.random.stateless_uniform([], epoch_seed, 0, block, tf.int64)
        parts = examples.take(offset).batch(block).concatenate(examples.skip(offset).batch(block))

        def shuffled(number: tf.Tensor, columns: tuple) -> tuple:
            order = _shuffle(tf.shape(columns[0])[0], epoch_seed, number)
            return tuple(tf.gather(column, order) for column in columns)

        return parts.enumerate().map(shuffled).prefetch(1).unbatch()  # The next block is read while this one is used.

    stream = tf.data.Dataset.range(first // count, tf.int64.max).flat_map(one_epoch)
    return stream.skip(first % count).enumerate(start=first).filter(lambda n, example: share.has(n))


def _shuffle(count, seed: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Permutation `number` of 0 .. count - 1 of this seed: `Dataset.shuffle` would heed the global seed too."""
    return tf.random.experimental.stateless_shuffle(tf.range(count), tf.random.fold_in(seed, number))


def _wanted(start: tf.Tensor, numbers: tf.Tensor, first: int, share: Share) -> tf.data.Dataset:
    """(n, number) of the examples n = start, start + 1, ... that come from `first` on and fall to this pipeline."""
    n = start + tf.range(tf.size(numbers, tf.int64))
    wanted = (n >= first) & share.has(n)
    return tf.data.Dataset.from_tensor_slices((n[wanted], tf.cast(numbers, tf.int64)[wanted]))
