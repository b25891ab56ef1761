"""From a source to batches: an infinite stream of views for training, every example once for evaluation.

Randomness goes by number (`data.order`): the views of example n of the training stream are drawn from (seed, n). So a
batch depends on nothing but the seed and its step: not on parallelism, not on TensorFlow's global seed, not on where a
run was interrupted, and not on how many hosts make it, each its own rows.
"""

from __future__ import annotations

import functools
from typing import Callable, Optional

import numpy as np
import tensorflow as tf

from supcon_tf.augment.color import whiten
from supcon_tf.augment.evaluation_crops import Crop
from supcon_tf.augment.views import Views
from supcon_tf.data import order
from supcon_tf.data.sets.source import Source

STREAM_BLOCK = 8192  # Encoded images shuffled together when a set is read from disk: about 1 GB of ImageNet.
_ORDER, _VIEWS = 0, 1  # Second word of the seed: what the randomness is for.


def training(
    source: Source,
    views: Views,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    images_per_class: int = 0,
    input_context: Optional[tf.distribute.InputContext] = None,
    parallel_calls: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Shuffled, augmented, whitened batches without end.

    Every epoch is a permutation of the training images; a batch may straddle two epochs. Sets that give no image by
    its number (see `Source.fetch`) are shuffled in blocks of `STREAM_BLOCK` images; see
    `order.lanes`.

    Args:
        source: of `sets.load_source`.
        views: from (image, seed) to the views [V, S, S, ch] of an image (`augment.views.several`).
        batch_size: images per global batch, at most the number of training images.
        seed: decides order and views.
        start_step: batches already used; the stream goes on as if it had never stopped.
        images_per_class: K, images of each class of a batch (`order.balanced`); 0 takes images as they come.
        input_context: of one of several input pipelines, as `strategy.distribute_datasets_from_function` gives it.
            The pipeline then makes its own slice of each global batch, in batches for one replica each.
        parallel_calls: images augmented at once. Changes the speed, never a byte.

    Returns:
        tf.data.Dataset of (images float32 [B, V, S, S, ch], labels int64 [B], or float32 [B, C] where the source has
        label sets); B is batch_size without a context.

    Raises:
        ValueError: a size or count is out of range, or as `views` and `order.Share`.
    """
    count = source.count("train")
    if not 1 <= batch_size <= count:
        raise ValueError(
            f"The global batch must hold 1 to {count} images, as many as there are to train on (more would put an "
            f"image twice into one batch); got batch_size={batch_size}."
        )
    if start_step < 0:
        raise ValueError(f"`start_step` counts batches already used; got {start_step}.")
    share = order.Share.of(batch_size, input_context)
    where = {"seed": _seed(seed, _ORDER), "first": start_step * batch_size, "share": share}
    fetch = source.fetch("train")
    if images_per_class and source.facts.label_sets:
        raise ValueError(
            f"images_per_class={images_per_class} needs one class an image, and those of '{source.facts.name}' have "
            "several labels; use 0."
        )
    if images_per_class and not fetch:
        raise ValueError(
            f"images_per_class={images_per_class} needs any image at any time, and '{source.facts.name}' can only be "
            "read in its order: it is too large for memory. Use a folder of images, fewer examples, or 0."
        )
    if images_per_class:
        examples = order.balanced(_classes(source, images_per_class), images_per_class=images_per_class, **where)
    elif fetch:
        examples = order.epochs(count, **where)
    else:
        stream = functools.partial(source.stream, "train")
        examples = order.lanes(stream, count, block=STREAM_BLOCK, **where)

    def numbered_views(n: tf.Tensor, example) -> tuple[tf.Tensor, tf.Tensor]:
        image, label = fetch(example) if fetch else (source.decode(example[0]), example[1])
        number_seed = tf.random.fold_in(_seed(seed, _VIEWS), n)
        return whiten(views(image, number_seed), mean=source.facts.mean, std=source.facts.std), label  # [V, S, S, ch]

    return (
        examples.map(numbered_views, num_parallel_calls=parallel_calls, deterministic=True)
        .batch(share.per_replica, drop_remainder=True)  # [B, V, S, S, ch], [B]
        .apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
        .prefetch(tf.data.AUTOTUNE)
    )


def _classes(source: Source, images_per_class: int) -> np.ndarray:
    """One class an image, int64 [n]; ValueError where some have none: they would be a class of their own."""
    labels = source.labels("train")
    unlabelled = int((labels < 0).sum())
    if unlabelled:
        raise ValueError(
            f"images_per_class={images_per_class} needs one class an image, and {unlabelled:,} of the {len(labels):,} "
            f"training images of '{source.facts.name}' have no label; use 0."
        )
    return labels


def evaluation(
    source: Source,
    split: str,
    crop: Crop,
    *,
    batch_size: int,
    input_context: Optional[tf.distribute.InputContext] = None,
    change: Optional[Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = None,
) -> tf.data.Dataset:
    """Every example of a split exactly once, in stored order, without randomness.

    The last batch is filled up with flat images of weight 0: all batches have one shape, and all replicas equally many
    of them. Images are cut by `crop`, and whitened.

    Args:
        source: of `sets.load_source`.
        split: "train" or "test".
        crop: from an image to what the encoder sees of it, [S, S, ch] (`augment.evaluation_crops.evaluation_crop`).
        batch_size: images per global batch; rounded up to a multiple of the replicas.
        input_context: as in `training`.
        change: from what `crop` makes of an image, float32 [S, S, ch] in [0, 1], and the image's number in the split,
            int64 [], to what is evaluated in its place; such as a corruption.

    Returns:
        tf.data.Dataset of (images float32 [B, S, S, ch], labels, weights float32 [B]), labels and B as in `training`;
        weight 1 for an example, 0 for filling, whose label is 0.

    Raises:
        ValueError: no such split, batch_size < 1, or as `crop`.
    """
    if batch_size < 1:
        raise ValueError(f"An evaluation batch holds at least one image; got batch_size={batch_size}.")
    replicas = input_context.num_replicas_in_sync if input_context else 1
    batch_size += -batch_size % replicas
    share, count, facts = order.Share.of(batch_size, input_context), source.count(split), source.facts
    fetch = source.fetch(split)
    examples = tf.data.Dataset.range(count) if fetch else source.stream(split)

    def prepare(n: tf.Tensor, example) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        image, label = fetch(n) if fetch else (source.decode(example[0]), example[1])
        image = change(crop(image), n) if change else crop(image)
        return whiten(image, mean=facts.mean, std=facts.std), label, tf.constant(1.0)  # [S, S, ch]

    filled = range(count, count - count % -batch_size)  # the numbers that fill the last batch
    own_filling = sum(share.first <= n % batch_size < share.first + share.rows for n in filled)
    own = examples.enumerate().filter(lambda n, example: share.has(n))
    prepared = own.map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    filling = tf.nest.map_structure(lambda spec: tf.zeros(spec.shape, spec.dtype), prepared.element_spec)
    return (
        prepared.concatenate(tf.data.Dataset.from_tensors(filling).repeat(own_filling))
        .batch(share.per_replica, drop_remainder=True)  # [B, S, S, ch], [B], [B]
        .prefetch(tf.data.AUTOTUNE)
    )


def _seed(seed: int, purpose: int) -> tf.Tensor:
    return tf.constant([seed, purpose], tf.int64)
