"""The heavy augmentations as Keras layers, for an accelerator: colour jitter and blur of a whole batch.

Each image has a seed of its own, and a view is the one that `augment.color` and `augment.blur` make of it on the host,
to float32 rounding. On the host they run compiled by XLA, image by image; here by whatever compiles the model.
"""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.augment import blur, color
from supcon_tf.augment.geometry import unit_range


class ColorJitter(tf.keras.layers.Layer):
    """`augment.color.jitter` of a batch.

    Args:
        strength: from 0 (identity) to 2.5.
        probability: of acting on an image.
        variant: one of `augment.color.JITTERS`.

    Raises:
        ValueError: `strength` is out of range, or there is no such variant.
    """

    def __init__(self, *, strength: float, probability: float = 0.8, variant: str = "pytorch", **keywords):
        super().__init__(**keywords)
        color.check_jitter(strength, variant)
        self.strength, self.probability, self.variant = strength, probability, variant

    def call(self, images: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """uint8 or float [M, S, S, ch], ch = 1 or 3, and int32 or int64 [M, 2] -> float32 [M, S, S, ch] in [0, 1]."""
        images = unit_range(images)
        if self.strength == 0:
            return images
        changes = color.JITTERS[self.variant][: 4 if images.shape[-1] == 3 else 2]
        amounts, orders, chances = _each(
            seeds,
            lambda seed: color.jitter_draws(seed, strength=self.strength, variant=self.variant, changes=len(changes)),
            (tf.float32, tf.int32, tf.float32),
        )
        channels = tf.unstack(images, axis=-1)  # ch times [M, S, S]
        for place in range(len(changes)):
            changed = [change(channels, amounts[:, n, None, None]) for n, change in enumerate(changes)]
            turn = orders[:, place, None, None]  # [M, 1, 1]
            channels = [_select(turn, options) for options in zip(*changed)]
        acts = chances[:, None, None, None] < self.probability
        return tf.where(acts, tf.stack(channels, -1), images)

    def get_config(self) -> dict:
        own = {"strength": self.strength, "probability": self.probability, "variant": self.variant}
        return {**super().get_config(), **own}


class GaussianBlur(tf.keras.layers.Layer):
    """`augment.blur.random_blur` of a batch, each image by a width of its own, as two products with banded matrices.

    Args:
        probability: of acting on an image.
        taps: odd length of the kernel; 0 takes `blur.kernel_size` of the images.

    Raises:
        ValueError: `taps` is even.
    """

    def __init__(self, *, probability: float = 0.5, taps: int = 0, **keywords):
        super().__init__(**keywords)
        if taps and taps % 2 == 0:
            raise ValueError(f"A blur kernel needs an odd number of taps, or it would shift the image; got {taps}.")
        self.probability, self.taps = probability, taps

    def call(self, images: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """uint8 or float [M, S, S, ch] and int32 or int64 [M, 2] -> float32 [M, S, S, ch] in [0, 1]."""
        images = unit_range(images)
        taps, side = self.taps or blur.kernel_size(images.shape[1]), images.shape[1]
        sigmas, chances = _each(seeds, blur.blur_draws, (tf.float32, tf.float32))
        matrices = tf.einsum("mt,tyx->myx", blur.gaussian_weights(sigmas, taps), _shifts(side, taps))  # [M, S, S]
        rows = tf.einsum("myh,mhwc->mywc", matrices, images)
        blurred = tf.clip_by_value(tf.einsum("mxw,mywc->myxc", matrices, rows), 0.0, 1.0)
        return tf.where(chances[:, None, None, None] < self.probability, blurred, images)

    def get_config(self) -> dict:
        return {**super().get_config(), "probability": self.probability, "taps": self.taps}


def _each(seeds: tf.Tensor, draw, types: tuple) -> tuple:
    """`draw` of every seed, [M, 2], stacked."""
    return tf.map_fn(draw, seeds, fn_output_signature=types)


def _select(turn: tf.Tensor, options: tuple) -> tf.Tensor:
    """For each image the option, [M, S, S], whose number stands in `turn`, int32 [M, 1, 1]."""
    chosen = options[0]
    for number in range(1, len(options)):
        chosen = tf.where(turn == number, options[number], chosen)
    return chosen


def _shifts(side: int, taps: int) -> tf.Tensor:
    """float32 [taps, S, S]: entry (t, y, x) is 1 where tap t of output y reads input x, borders mirrored."""
    places = tf.range(side)[None, :] + tf.range(taps)[:, None] - taps // 2  # [taps, S]
    places = tf.abs(places)
    return tf.one_hot(tf.where(places < side, places, 2 * (side - 1) - places), side)
