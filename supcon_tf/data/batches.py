"""Batches of anybody's images for a contrastive `fit`: P classes x K images, or shuffled, with random views or without.

Every pass over such a dataset is an epoch with an order and views of its own, drawn from the seed, the epoch and the
place in it: not from TensorFlow's global seed, nor by how many images are made at once.
"""

from __future__ import annotations

import itertools
from typing import Callable, Optional

import numpy as np
import tensorflow as tf

from supcon_tf.augment.layers import TwoViews
from supcon_tf.augment.views import Views, view_seed
from supcon_tf.data import order
from supcon_tf.data.examples import Examples, Numbered, held, numbered, require_pairs

SHUFFLED = 1024  # images of a dataset that are shuffled together


def balanced_batches(
    data: Examples,
    *,
    classes: int,
    images_per_class: int,
    views: Optional[Views] = None,
    batches: Optional[int] = None,
    seed: int = 0,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Batches of P classes with K images each (Hermans et al., 2017, arXiv:1703.07737).

    Every image meets K - 1 others of its class.

    The order is that of the trainer (`order.balanced`): a permutation of the classes is dealt P at a time, and for each
    class its own permutation of its images K at a time. What does not fill a hand waits for the next round. So all
    classes come equally often, whatever their sizes, and no image is twice in a batch, unless its class has fewer than
    K: then all of them are there, some more than once. Rows are shuffled, so that replicas get of all classes.

    A pass over the dataset, such as an epoch of `fit`, draws anew. The n-th pass is the same in every process with this
    seed; a look at the first batch (`next(iter(...))`, `take(1)`) is a pass, too.

    What is held in memory: arrays, once more; of files nothing but their paths; of a set of `load` what that says; any
    other dataset is read once, and all its images as they come out of it, up to 4 GiB (a line says how much).

    Args:
        data: a finite dataset of (image, label); or (images, labels), images being an array [n, height, width, ch] or
            paths of n files; lists and Pandas columns do as well.
        classes: P, from 2 to the number of classes.
        images_per_class: K.
        views: `TwoViews`, or any function of (image, seed int64 [2]) to views, as of `augment.several`; the layer's own
            seed is not used. None: images as they are, which must have one size.
        batches: of an epoch; None: as many as the images fill, at least 1.
        seed: decides order and views.
        first_epoch: number of the first pass: k goes on where k passes ended.

    Returns:
        tf.data.Dataset of (images [P K, V, S, S, ch] float32 in [0, 1], or [P K, height, width, ch] as they came
        without `views`; labels int64 [P K]), for `fit`, also of several replicas.

    Raises:
        ValueError: P, K or a count is out of range; labels are missing, negative, or no classes; batches or an endless
            dataset come in; a dataset takes more than 4 GiB.
        ImportError: files, and Pillow is not installed.

    Example:
        >>> images, labels = np.zeros([60, 12, 12, 3], np.uint8), np.arange(60) % 10
        >>> views = TwoViews("crop_flip", size=8)
        >>> data = balanced_batches((images, labels), classes=4, images_per_class=3, views=views, seed=1)
        >>> batch, classes = next(iter(data))
        >>> batch.shape, np.unique(classes, return_counts=True)[1].tolist(), len(data)
        (TensorShape([12, 2, 8, 8, 3]), [3, 3, 3, 3], 5)
    """
    found = numbered(data) or held(data)
    found = found.of_classes()
    labels = found.labels
    there, rows = len(np.unique(labels)), classes * images_per_class
    if not 2 <= classes <= there:
        raise ValueError(f"a batch must hold 2 to {there} classes, as many as the labels have; got classes={classes}.")
    if images_per_class < 1:
        raise ValueError(f"a batch must hold 1 or more images of a class; got images_per_class={images_per_class}.")
    count = max(len(labels) // rows, 1) if batches is None else batches
    if count < 1:
        raise ValueError(f"an epoch must have 1 or more batches; got batches={batches}.")
    share, by = order.Share.of(rows, None), _seed(seed)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        first = epoch * count * rows
        drawn = order.balanced(labels, images_per_class=images_per_class, seed=by, first=first, share=share)
        return drawn.take(count * rows)

    examples = _passes(one_epoch, first_epoch).map(_drawn(found, views, seed), tf.data.AUTOTUNE)
    return _batched(examples, rows, count)


def shuffled_batches(
    data: Examples,
    batch_size: int,
    *,
    views: Optional[Views] = None,
    seed: int = 0,
    first_epoch: int = 0,
    shuffle_buffer: int = SHUFFLED,
) -> tf.data.Dataset:
    """Batches of shuffled images, with random views of each: what `fit` of a contrastive model takes.

    A pass over the dataset, such as an epoch of `fit`, draws anew. The n-th pass is the same in every process with this
    seed; a look at the first batch (`next(iter(...))`, `take(1)`) is a pass, too. A rest that fills no batch is left
    out: it would have another loss; it is another rest in each epoch.

    Arrays, files and sets of `load` are shuffled as a whole. Any other dataset is read through, and images are shuffled
    as they pass, so it must not be sorted by class.

    What is held in memory: as in `balanced_batches`; of any other dataset `shuffle_buffer` images, as their views,
    4 V S S ch bytes each (224 pixels, 1,024 images: 1.2 GB), or as they are without `views`.

    Args:
        data: as in `balanced_batches`; a dataset may have labels of any kind that the loss knows, as [C] of 0 and 1.
        batch_size: B.
        views, seed, first_epoch: as in `balanced_batches`.
        shuffle_buffer: images of a dataset that are shuffled together; 1 leaves their order.

    Returns:
        tf.data.Dataset of (images [B, V, S, S, ch] float32 in [0, 1], or [B, height, width, ch] as they came without
        `views`; labels [B] or [B, C]), for `fit`, also of several replicas.

    Raises:
        ValueError: a size is out of range; there are no labels; batches or an endless dataset come in.
        ImportError: files, and Pillow is not installed.

    Example:
        >>> images = tf.data.Dataset.from_tensor_slices((tf.zeros([20, 12, 12, 3], tf.uint8), tf.range(20) % 4))
        >>> data = shuffled_batches(images, 8, views=TwoViews("sim_augment", size=8), seed=1)
        >>> batch, classes = next(iter(data))
        >>> batch.shape, classes.shape, len(data)
        (TensorShape([8, 2, 8, 8, 3]), TensorShape([8]), 2)
    """
    if batch_size < 1 or shuffle_buffer < 1:
        raise ValueError(f"sizes must be 1 or more; got batch_size={batch_size}, shuffle_buffer={shuffle_buffer}.")
    found = numbered(data)
    count = int(tf.data.experimental.cardinality(data)) if found is None else len(found.labels)
    if 0 <= count < batch_size:
        raise ValueError(f"a batch must hold at most the {count:,} images there are; got batch_size={batch_size}.")
    batches = count // batch_size
    if found is None:
        streamed = _streamed(data, views, seed, first_epoch, shuffle_buffer)
        return _batched(streamed, batch_size, batches if count >= 0 else None)
    share, by = order.Share.of(batch_size, None), _seed(seed)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        return order.epochs(count, seed=by, first=epoch * count, share=share).take(batches * batch_size)

    examples = _passes(one_epoch, first_epoch).map(_drawn(found, views, seed), tf.data.AUTOTUNE)
    return _batched(examples, batch_size, batches)


def _streamed(
    dataset: tf.data.Dataset, views: Optional[Views], seed: int, first_epoch: int, buffer: int
) -> tf.data.Dataset:
    """The examples of a dataset that can only be read from its beginning, shuffled as they pass."""
    require_pairs(dataset)
    draw, same = _views_of(views), _one_shape(lambda: next(iter(dataset.take(1)))[0], dataset.element_spec[0], views)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        def drawn(number: tf.Tensor, example: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            image, label = same(example[0]), example[1]
            return (draw(image, view_seed(seed, epoch=epoch, example=number)) if draw else image), label

        examples = dataset.enumerate().map(drawn, tf.data.AUTOTUNE)
        if buffer == 1:
            return examples
        if not tf.executing_eagerly():
            tf.compat.v1.set_random_seed(1)  # of this graph alone: `shuffle` would heed that of the whole program
        by = tf.random.stateless_uniform([], tf.random.fold_in(_seed(seed), epoch), 0, tf.int64.max, tf.int64)
        return examples.shuffle(buffer, seed=by)

    return _passes(one_epoch, first_epoch)


def _passes(one_epoch: Callable[[tf.Tensor], tf.data.Dataset], first: int) -> tf.data.Dataset:
    """A dataset whose passes are `one_epoch(first)`, `one_epoch(first + 1)`, ...: numbers int64 []."""
    if first < 0:
        raise ValueError(f"epochs are counted from 0; got first_epoch={first}.")
    numbers = itertools.count(first)

    def next_number(_: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.numpy_function(lambda: np.int64(next(numbers)), [], tf.int64), [])

    return tf.data.Dataset.range(1).map(next_number).flat_map(one_epoch)


def _drawn(
    found: Numbered, views: Optional[Views], seed: int
) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """From (n of the stream over all epochs, number of the image) to (views, label)."""
    draw = _views_of(views)
    image_spec = tf.data.Dataset.range(1).map(lambda number: found.fetch(number)[0]).element_spec
    same = _one_shape(lambda: found.fetch(tf.constant(0, tf.int64))[0], image_spec, views)

    def drawn(n: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, label = found.fetch(number)
        image = same(image)
        return (draw(image, view_seed(seed, epoch=0, example=n)) if draw else image), label

    return drawn


def _views_of(views: Optional[Views]) -> Optional[Views]:
    """The function of (image, seed) that draws the views, or None."""
    if isinstance(views, TwoViews):
        return views.call  # of a function of its own, for each image has a seed
    if isinstance(views, tf.keras.layers.Layer) or not (views is None or callable(views)):
        raise ValueError(
            f"`views` must be `sc.TwoViews(...)`, or a function of (image, seed) as `sc.augment.several` makes it; got "
            f"{type(views).__name__}."
        )
    return views


def _one_shape(
    first: Callable[[], tf.Tensor], spec: tf.TensorSpec, views: Optional[Views]
) -> Callable[[tf.Tensor], tf.Tensor]:
    """A check that an image has the shape of the first, or its channels where views are drawn.

    The first is looked at where the shape is not known, as of `tf.io.decode_image`.
    """
    if spec.shape.is_fully_defined() or (views is not None and spec.shape.rank == 3 and spec.shape[-1] is not None):
        return lambda image: image
    shape = first().shape
    if shape.rank != 3:
        raise ValueError(
            f"the first image has shape {shape}, and one image is [height, width, ch]: decode by "
            "`tf.io.decode_image(..., channels=3, expand_animations=False)`."
        )
    if views is None:
        checked = 3
        message = (
            f"images must have one size to be a batch; the first is {shape}, another is not. Draw views of them "
            "(`views=sc.TwoViews(...)`), or bring them to one size (`sc.data.load(..., size=...)`)."
        )
    else:
        checked = 1
        message = f"images must have the channels of the first, {shape[-1]}; another has not. Decode with `channels=3`."
        shape = tf.TensorShape([None, None, shape[-1]])

    def same(image: tf.Tensor) -> tf.Tensor:
        sides = tf.shape(image)[-checked:]
        with tf.control_dependencies([tf.debugging.assert_equal(sides, shape[-checked:], message)]):
            return tf.ensure_shape(tf.identity(image), shape)

    return same


def _batched(examples: tf.data.Dataset, batch_size: int, batches: Optional[int]) -> tf.data.Dataset:
    """Whole batches in one order, which replicas share."""
    data = examples.batch(batch_size, drop_remainder=True)
    if batches is not None:
        data = data.apply(tf.data.experimental.assert_cardinality(batches))
    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return data.with_options(options).prefetch(tf.data.AUTOTUNE)


def _seed(seed: int) -> tf.Tensor:
    return tf.constant([seed, 0], tf.int64)  # of the order; views have the second word 1
