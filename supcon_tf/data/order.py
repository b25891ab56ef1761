"""Which image stands where: the endless stream of examples that training draws its batches from.

Example n of the stream (n = 0, 1, 2, ... over all epochs) is row n mod b of global batch n // b, of b rows. What it is
depends on (seed, n) alone. An input pipeline that makes only some rows of each batch, as each of several hosts does,
leaves the others out here, before an image is touched.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Callable, Optional

import numpy as np
import tensorflow as tf

LANES = 64  # Places in the files that are read at once; a power of two, as are most batches and numbers of hosts.


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


def balanced(
    labels: np.ndarray, *, images_per_class: int, seed: tf.Tensor, first: int, share: Share
) -> tf.data.Dataset:
    """Batches of equally many images of each of their classes: P classes x K images over the global batch.

    A permutation of the classes is dealt out P at a time, and for each class its own permutation of its images K at a
    time; then comes the next permutation. What is left over when P or K does not divide stays out of that round: other
    classes, other images each time. So no class is in a batch twice, and no image, unless its class has fewer than K:
    then all its images are there, some of them more than once. Rows of a batch are shuffled.

    Args:
        labels: int [n] of the set's images.
        images_per_class: K, which divides the batch.
        seed, first, share: as in `epochs`; `first` is the first example of a batch.

    Returns:
        As `epochs`.

    Raises:
        ValueError: K does not divide the batch, or the batch asks for more classes than there are.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    per_batch = share.batch_size // images_per_class  # P
    if share.batch_size % images_per_class or per_batch > len(classes):
        raise ValueError(
            f"A batch of {share.batch_size} images with {images_per_class} of each class must hold a whole number of "
            f"the {len(classes)} classes, and none twice: make images_per_class a divisor of the batch, and at least "
            f"{-(-share.batch_size // len(classes))}."
        )
    by_class = tf.constant(np.argsort(labels, kind="stable"))  # [n]
    starts, sizes = tf.constant(np.cumsum(sizes) - sizes), tf.constant(sizes)  # [C], [C]
    class_seed, image_seed, row_seed = (tf.random.fold_in(seed, purpose) for purpose in range(3))
    deals = len(classes) // per_batch  # batches of a permutation of the classes

    def one_batch(batch: tf.Tensor) -> tf.data.Dataset:
        def images_of(place: tf.Tensor) -> tf.Tensor:
            own_seed = tf.random.fold_in(image_seed, place)
            dealt = _dealt(batch // deals, tf.gather(sizes, place), images_per_class, own_seed)
            return tf.gather(by_class, tf.gather(starts, place) + dealt)

        places = _dealt(batch, len(classes), per_batch, class_seed)  # [P]
        numbers = tf.reshape(tf.map_fn(images_of, places), [share.batch_size])  # [P K]
        numbers = tf.gather(numbers, _shuffle(share.batch_size, row_seed, batch))
        return _wanted(batch * share.batch_size, numbers, first, share)

    return tf.data.Dataset.range(first // share.batch_size, tf.int64.max).flat_map(one_batch)


def lanes(
    stream: Callable[[tf.Tensor, tf.Tensor], tf.data.Dataset],
    count: int,
    *,
    block: int,
    seed: tf.Tensor,
    first: int,
    share: Share,
) -> tf.data.Dataset:
    """Permutations of a set that is read from files of many images, from up to `LANES` places at once.

    The set is cut into L equal lanes, L being the greatest divisor of the batch up to `LANES`. Example n of the stream
    comes from lane n - (start of its epoch) mod L, so a batch has equally many of each. A lane is read round from a
    place that is another in every epoch, so that images meet others, and shuffled in blocks of `block` / L images. In a
    batch the images of a lane stand together, B / L rows: so a pipeline that makes some rows reads some of the lanes.

    Args:
        stream: the set's examples first .. end - 1, none where first = end.
        count: its examples.
        block: examples shuffled together, over all lanes.
        seed, share: as in `epochs`.
        first: n of the first example wanted, the first of a batch.

    Returns:
        tf.data.Dataset without end of (n, example), n int64 [].
    """
    width = math.gcd(share.batch_size, LANES)  # L
    length = share.batch_size // width  # rows of a lane in a batch
    block = max(block // width, 1)

    def column(number: tf.Tensor) -> tf.data.Dataset:
        """The examples n = number, number + L, number + 2 L, ..., from `first` on."""

        def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
            lane = (number - epoch * count) % width
            longer = tf.minimum(lane, count % width)  # lanes before this one that have one example more
            begin = lane * (count // width) + longer
            end = begin + count // width + tf.cast(lane < count % width, tf.int64)
            return _in_blocks(stream, begin, end, block, tf.random.fold_in(tf.random.fold_in(seed, epoch), lane))

        epoch = (first + number) // count
        done = (first + number - epoch * count) // width  # of this lane, in this epoch
        examples = tf.data.Dataset.range(epoch, tf.int64.max).flat_map(one_epoch).skip(done)
        return examples.enumerate().map(lambda place, example: (first + number + place * width, example))

    columns = range(share.first // length, -(-(share.first + share.rows) // length))
    in_rows = tf.data.Dataset.range(columns.start, columns.stop).interleave(
        column, cycle_length=len(columns), block_length=length, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )

    def own(n: tf.Tensor, example) -> tf.Tensor:
        place = n % share.batch_size
        return share.has(place % width * length + place // width)

    return in_rows.filter(own)


def _in_blocks(stream: Callable, begin: tf.Tensor, end: tf.Tensor, block: int, seed: tf.Tensor) -> tf.data.Dataset:
    """Examples begin .. end - 1, read from one of them to the end and then from the beginning, shuffled in blocks."""
    start = tf.random.stateless_uniform([], seed, begin, end, tf.int64)
    parts = stream(start, end).concatenate(stream(begin, start)).batch(block)

    def shuffled(number: tf.Tensor, columns: tuple) -> tuple:
        order = _shuffle(tf.shape(columns[0])[0], seed, number)
        return tuple(tf.gather(column, order) for column in columns)

    return parts.enumerate().map(shuffled).prefetch(1).unbatch()  # The next block is read while this one is used.


def _dealt(turn: tf.Tensor, count, hand: int, seed: tf.Tensor) -> tf.Tensor:
    """Turn after turn the next `hand` cards of a shuffled pack of `count`; int64 [hand].

    A new pack is opened where the old one does not suffice for a whole hand, or, if no pack does, each time.
    """
    count = tf.cast(count, tf.int64)
    turns = tf.maximum(count // hand, 1)  # of one pack
    pack = _shuffle(count, seed, turn // turns)  # [count]
    return tf.gather(pack, (turn % turns * hand + tf.range(hand, dtype=tf.int64)) % count)


def _shuffle(count, seed: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Permutation `number` of 0 .. count - 1 of this seed: `Dataset.shuffle` would heed the global seed too."""
    return tf.random.experimental.stateless_shuffle(tf.range(count), tf.random.fold_in(seed, number))


def _wanted(start: tf.Tensor, numbers: tf.Tensor, first: int, share: Share) -> tf.data.Dataset:
    """(n, number) of the examples n = start, start + 1, ... that come from `first` on and fall to this pipeline."""
    n = start + tf.range(tf.size(numbers, tf.int64))
    wanted = (n >= first) & share.has(n)
    return tf.data.Dataset.from_tensor_slices((n[wanted], tf.cast(numbers, tf.int64)[wanted]))
