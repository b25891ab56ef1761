"""Several views of one image."""

from __future__ import annotations

import functools
from typing import Callable

import tensorflow as tf

from supcon_tf.augment.policies import Augmentation

Views = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (image [height, width, ch], seed [2]) -> [V, S, S, ch]


def several(augment: Augmentation, *, count: int = 2) -> Views:
    """A function that draws `count` independent views of an image; view v depends on (image, seed, v) alone.

    Args:
        augment: a function of (image, seed) to a view [S, S, ch]: of `policies.policy`, or one of your own.
        count: V, at least 1. The paper uses 2; the first views stay the same when more are asked for.

    Returns:
        A function of (image [height, width, ch], seed int32 or int64 [2]) to the views, [V, S, S, ch].

    Raises:
        ValueError: `count` < 1.

    Example:
        >>> two = several(policy("crop_flip", size=8), count=2)
        >>> two(tf.zeros([12, 12, 1]), tf.constant([0, 1])).shape
        TensorShape([2, 8, 8, 1])
    """
    if count < 1:
        raise ValueError(f"An image needs at least one view; got count={count}.")
    return functools.partial(_drawn, augment=augment, count=count)


def _drawn(image: tf.Tensor, seed: tf.Tensor, *, augment: Augmentation, count: int) -> tf.Tensor:
    return tf.stack([augment(image, tf.random.fold_in(seed, view)) for view in range(count)])
