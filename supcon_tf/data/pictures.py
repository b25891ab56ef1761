"""Images for people to look at: stored ones by number, and the augmented views that a run would train on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from supcon_tf.augment.geometry import central_square, resize
from supcon_tf.augment.views import views
from supcon_tf.data.sources import Source


def pictures(source: Source, split: str, numbers: Sequence[int], *, size: int) -> np.ndarray:
    """Images of a split by their numbers in stored order, as evaluation shows them to the encoder but not whitened.

    Args:
        source: of `sources.load`.
        split: "train" or "test".
        numbers: k of them, ascending.
        size: side in pixels, S.

    Returns:
        float32 [k, S, S, ch] in [0, 1].
    """
    wanted = {int(number) for number in numbers}
    shape = (0, size, size, source.facts.image_shape[-1])
    if not wanted:
        return np.zeros(shape, np.float32)
    images = (
        source.decode(encoded)
        for n, (encoded, _) in enumerate(source.stream(split).take(max(wanted) + 1))
        if n in wanted
    )
    return np.stack([resize(central_square(image), size=size).numpy() for image in images])


def preview(source: Source, count: int, *, view_count: int, seed: int, size: int, **parameters) -> np.ndarray:
    """Views of the first `count` training images under an augmentation.

    Args:
        source: of `sources.load`.
        count: images, k.
        view_count: V.
        seed: decides the views.
        size: side in pixels, S.
        **parameters: `policy`, `crop_area`, `flip`, `strength` of `augment.policies.augment`.

    Returns:
        float32 [k, V, S, S, ch] in [0, 1].
    """
    images = [source.decode(encoded) for encoded, _ in source.stream("train").take(count)]
    seeds = [tf.constant([seed, number], tf.int64) for number in range(len(images))]
    drawn = [views(i, s, count=view_count, size=size, **parameters).numpy() for i, s in zip(images, seeds)]
    return np.clip(np.stack(drawn), 0, 1)
