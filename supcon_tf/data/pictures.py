"""Images for people to look at: stored ones by number, and the augmented views that a run would train on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from supcon_tf.augment.evaluation_crops import Crop
from supcon_tf.augment.views import Views
from supcon_tf.data.sets.source import Source


def pictures(source: Source, split: str, numbers: Sequence[int], *, crop: Crop) -> np.ndarray:
    """Images of a split by their numbers in stored order, as evaluation shows them to the encoder but not whitened.

    Args:
        source: of `sets.load_source`.
        split: "train" or "test".
        numbers: k of them, ascending.
        crop: from an image to what the encoder sees of it, [S, S, ch].

    Returns:
        float32 [k, S, S, ch] in [0, 1]; [0] for none.
    """
    return np.array([crop(image).numpy() for image in _stored(source, split, numbers)], np.float32)


def preview(source: Source, count: int, *, views: Views, seed: int) -> np.ndarray:
    """Views of the first `count` training images under an augmentation.

    Args:
        source: of `sets.load_source`.
        count: images, k.
        views: from (image, seed) to V views, [V, S, S, ch], as of `augment.several`.
        seed: decides the views.

    Returns:
        float32 [k, V, S, S, ch] in [0, 1].
    """
    images = _stored(source, "train", range(min(count, source.count("train"))))
    seeds = [tf.constant([seed, number], tf.int64) for number in range(len(images))]
    drawn = [views(image, image_seed).numpy() for image, image_seed in zip(images, seeds)]
    return np.clip(np.stack(drawn), 0, 1)


def _stored(source: Source, split: str, numbers: Sequence[int]) -> list[tf.Tensor]:
    """The images of these numbers, ascending: uint8 [height, width, ch] each."""
    fetch = source.fetch(split)
    if not len(numbers):
        return []
    if fetch:
        return [fetch(tf.constant(number, tf.int64))[0] for number in numbers]
    wanted = {int(number) for number in numbers}
    examples = enumerate(source.stream(split).take(max(wanted) + 1))
    return [source.decode(encoded) for n, (encoded, _) in examples if n in wanted]
