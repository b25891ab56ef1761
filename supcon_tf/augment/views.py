"""Several views of one image."""

from __future__ import annotations

import functools
from typing import Callable, Union

import tensorflow as tf

from supcon_tf.augment.policies import Augmentation

Views = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (image [height, width, ch], seed [2]) -> [V, S, S, ch]


def view_seed(seed: int, *, epoch: Union[int, tf.Tensor], example: Union[int, tf.Tensor]) -> tf.Tensor:
    """A seed for the views of an example in an epoch, int64 [2]: seeded by the example alone, epochs would repeat.

    Args:
        seed: of the whole training.
        epoch, example: int scalars; any number that does not come twice serves as well, as epoch 0.

    Example:
        >>> examples = tf.data.Dataset.range(3).enumerate()  # (number of the example, image)
        >>> seeds = [list(examples.map(lambda n, _: view_seed(7, epoch=epoch, example=n))) for epoch in (0, 1)]
        >>> bool(tf.reduce_all(seeds[0][2] == seeds[1][2]))
        False
    """
    epoch, example = tf.cast(epoch, tf.int64), tf.cast(example, tf.int64)  # another type would be another seed
    return tf.random.fold_in(tf.random.fold_in(tf.constant([seed, 1], tf.int64), epoch), example)


def several(augment: Augmentation, *, count: int = 2) -> Views:
    """A function that draws `count` independent views of an image; view v depends on (image, seed, v) alone.

    Two views are the paper's (Khosla et al., 2020, Sec. 3.1).

    Args:
        augment: a function of (image, seed) to a view [S, S, ch]: of `policies.policy`, or one of your own.
        count: V, at least 1; the first views stay the same when more are asked for.

    Returns:
        A function of (image [height, width, ch], seed int32 or int64 [2]) to the views, [V, S, S, ch]; `view_seed`
        makes seeds that differ between epochs.

    Raises:
        ValueError: `count` < 1.

    Example:
        >>> from supcon_tf.augment.policies import policy
        >>> two = several(policy("crop_flip", size=8), count=2)
        >>> two(tf.zeros([12, 12, 1]), tf.constant([0, 1])).shape
        TensorShape([2, 8, 8, 1])
    """
    if count < 1:
        raise ValueError(f"An image needs at least one view; got count={count}.")
    return functools.partial(_drawn, augment=augment, count=count)


def _drawn(image: tf.Tensor, seed: tf.Tensor, *, augment: Augmentation, count: int) -> tf.Tensor:
    return tf.stack([augment(image, tf.random.fold_in(seed, view)) for view in range(count)])
