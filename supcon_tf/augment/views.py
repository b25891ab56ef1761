"""Several views of one image."""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.augment.policies import augment


def views(image: tf.Tensor, seed: tf.Tensor, *, count: int, policy: str, size: int, **parameters) -> tf.Tensor:
    """`count` independent views of an image; view v depends on (image, seed, v) alone.

    Args:
        image: uint8 or float [height, width, ch], ch = 1 or 3.
        seed: int32 or int64 [2].
        count: V, at least 1. The paper uses 2; the first views stay the same when more are asked for.
        policy: name of the policy; see `policies.augment`.
        size: side of a view in pixels, S.
        **parameters: all others of `policies.augment`.

    Returns:
        float32 [V, S, S, ch] in [0, 1].

    Raises:
        ValueError: `count` < 1, or as `policies.augment`.
    """
    if count < 1:
        raise ValueError(f"An image needs at least one view; got count={count}.")
    seeds = [tf.random.fold_in(seed, view) for view in range(count)]
    return tf.stack([augment(image, view_seed, policy=policy, size=size, **parameters) for view_seed in seeds])
