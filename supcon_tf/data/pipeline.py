"""From a source to batches: an infinite stream of views for training, every example once for evaluation.

Randomness goes by number. Example `n` of the training stream (n = 0, 1, 2, ... across all epochs) is image
`n mod count` of permutation `n // count`, and its views are drawn from (seed, n). So a batch depends on nothing but the
seed and its step: not on parallelism, not on TensorFlow's global seed, not on where a run was interrupted.
"""

from __future__ import annotations

from typing import Callable

import tensorflow as tf

from supcon_tf.augment.color import whiten
from supcon_tf.augment.geometry import central_square, resize
from supcon_tf.augment.views import views
from supcon_tf.data.sources import Source

STREAM_BLOCK = 8192  # Encoded images shuffled together when a set is read from disk: about 1 GB of ImageNet.
_ORDER, _VIEWS = 0, 1  # Second word of the seed: what the randomness is for.


def training(
    source: Source,
    *,
    batch_size: int,
    seed: int,
    view_count: int,
    policy: str,
    size: int,
    start_step: int = 0,
    parallel_calls: int = tf.data.AUTOTUNE,
    **parameters,
) -> tf.data.Dataset:
    """Shuffled, augmented, whitened batches without end.

    Every epoch is a permutation of the training images; a batch may straddle two epochs. Sets too large for memory are
    shuffled in blocks of `STREAM_BLOCK` images whose borders move from epoch to epoch.

    Args:
        source: of `sources.load`.
        batch_size: images per global batch, at most the number of training images.
        seed: decides order and views.
        view_count: V.
        policy: augmentation by name; see `augment.policies`.
        size: side of a view in pixels, S.
        start_step: batches already used; the stream goes on as if it had never stopped.
        parallel_calls: images augmented at once. Changes the speed, never a byte.
        **parameters: `crop_area`, `flip`, `strength` of `augment.policies`.

    Returns:
        tf.data.Dataset of (images float32 [batch_size, V, S, S, ch], labels int64 [batch_size]).

    Raises:
        ValueError: a size or count is out of range, or as `augment.policies.augment`.
    """
    count = source.count("train")
    if not 1 <= batch_size <= count:
        raise ValueError(
            f"The global batch must hold 1 to {count} images, as many as there are to train on (more would put an "
            f"image twice into one batch); got batch_size={batch_size}."
        )
    if start_step < 0:
        raise ValueError(f"`start_step` counts batches already used; got {start_step}.")
    examples, fetch = _examples(source, "train")
    block = count if source.fits_in_memory("train") else STREAM_BLOCK
    first = start_step * batch_size
    epochs = tf.data.Dataset.range(first // count, tf.int64.max)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        return _shuffled(examples, count, block=block, seed=tf.random.fold_in(_seed(seed, _ORDER), epoch))

    def numbered_views(number: tf.Tensor, example: tuple) -> tuple[tf.Tensor, tf.Tensor]:
        image, label = fetch(*example)
        number_seed = tf.random.fold_in(_seed(seed, _VIEWS), number)
        images = views(image, number_seed, count=view_count, policy=policy, size=size, **parameters)  # [V, S, S, ch]
        return whiten(images, mean=source.facts.mean, std=source.facts.std), label

    return (
        epochs.flat_map(one_epoch)
        .skip(first % count)
        .enumerate(start=first)
        .map(numbered_views, num_parallel_calls=parallel_calls, deterministic=True)
        .batch(batch_size, drop_remainder=True)  # [B, V, S, S, ch], [B]
        .prefetch(tf.data.AUTOTUNE)
        .with_options(_each_host_its_slice())
    )


def evaluation(source: Source, split: str, *, batch_size: int, size: int) -> tf.data.Dataset:
    """Every example of a split exactly once, in stored order, without randomness.

    The last batch is filled up with flat images of weight 0: all batches have one shape, whatever the number of
    replicas that share them. Images are cut to their central square, resized where their size differs, and whitened.

    Args:
        source: of `sources.load`.
        split: "train" or "test".
        batch_size: images per global batch.
        size: side in pixels, S.

    Returns:
        tf.data.Dataset of (images float32 [batch_size, S, S, ch], labels int64 [batch_size], weights float32
        [batch_size]); weight 1 for an example, 0 for filling, whose label is 0.

    Raises:
        ValueError: no such split, or batch_size < 1.
    """
    if batch_size < 1:
        raise ValueError(f"An evaluation batch holds at least one image; got batch_size={batch_size}.")
    missing = -source.count(split) % batch_size
    examples, fetch = _examples(source, split)
    facts = source.facts

    def prepare(*example: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        image, label = fetch(*example)
        image = resize(central_square(image), size=size)  # [S, S, ch]
        return whiten(image, mean=facts.mean, std=facts.std), label, tf.constant(1.0)

    filling = (tf.zeros([size, size, facts.image_shape[-1]]), tf.constant(0, tf.int64), tf.constant(0.0))
    return (
        examples.map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .concatenate(tf.data.Dataset.from_tensors(filling).repeat(missing))
        .batch(batch_size, drop_remainder=True)  # [B, S, S, ch], [B], [B]
        .prefetch(tf.data.AUTOTUNE)
        .with_options(_each_host_its_slice())
    )


def _each_host_its_slice() -> tf.data.Options:
    """Several hosts share each global batch; by default TensorFlow would give each host files of its own."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return options


def _seed(seed: int, purpose: int) -> tf.Tensor:
    return tf.constant([seed, purpose], tf.int64)


def _examples(source: Source, split: str) -> tuple[tf.data.Dataset, Callable]:
    """What flows through the shuffle, and how it becomes (image, label): numbers for arrays, encoded images else."""
    if not source.fits_in_memory(split):
        return source.stream(split), lambda encoded, label: (source.decode(encoded), label)
    with tf.device("CPU:0"):  # tf.data runs on the host; a constant made near an accelerator would land on it.
        images, labels = (tf.constant(array) for array in source.arrays(split))
    numbers = tf.data.Dataset.range(source.count(split)).map(lambda number: (number,))
    return numbers, lambda number: (tf.gather(images, number), tf.gather(labels, number))


def _shuffled(examples: tf.data.Dataset, count: int, *, block: int, seed: tf.Tensor) -> tf.data.Dataset:
    """A permutation of the examples that `seed` alone decides: `Dataset.shuffle` would heed the global seed too."""
    whole = block >= count
    offset = tf.constant(0, tf.int64) if whole else tf.random.stateless_uniform([], seed, 0, block, tf.int64)
    blocks = examples.take(offset).batch(block).concatenate(examples.skip(offset).batch(block))

    def shuffle(number: tf.Tensor, columns: tuple) -> tuple:
        places = tf.range(tf.shape(columns[0])[0])
        order = tf.random.experimental.stateless_shuffle(places, tf.random.fold_in(seed, number))
        return tuple(tf.gather(column, order) for column in columns)

    return blocks.enumerate().map(shuffle).prefetch(1).unbatch()  # The next block is read while this one is used.
