"""The augmentations as Keras layers, for a model of one's own and for `dataset.map`.

`TwoViews` is what feeds a contrastive loss: a batch of images becomes V random views of each. `ColorJitter` and
`GaussianBlur` are the heavy augmentations over a whole batch at once, for an accelerator: there they run by whatever
compiles the model, where `augment.color` and `augment.blur` run on the host, image by image; the pixels are the same,
to float32 rounding.

Every image has a seed of its own. A layer draws them from its `seed`, anew at every call; `seeds` hands them over, and
then the same seeds give the same pixels.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Optional

import tensorflow as tf

from supcon_tf.augment import blur, color
from supcon_tf.augment.geometry import require_unit_range, unit_range
from supcon_tf.augment.policies import policy as make_policy
from supcon_tf.augment.views import several


class RandomLayer(tf.keras.layers.Layer):
    """Base of the layers here: images in, float32 in [0, 1] out, under every precision policy.

    Args:
        seed: decides what is drawn; None draws otherwise in every process.
    """

    def __init__(self, *, seed: Optional[int] = None, **keywords: Any):
        # Without `autocast=False` Keras would round float images to the policy's type before `call`.
        super().__init__(**{"dtype": "float32", "autocast": False, **keywords})
        self.seed = seed
        state = tf.random.Generator.from_non_deterministic_state
        self._generator = state() if seed is None else tf.random.Generator.from_seed(seed)

    def drawn_seeds(self, images: tf.Tensor) -> tf.Tensor:
        """A seed for each image, int64 [M, 2]; others at every call."""
        return tf.transpose(self._generator.make_seeds(tf.shape(images)[0]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


_CHANNELS = (
    "TwoViews wants images [B, height, width, ch] or one image, with ch known; got shape {}. In `map`, decode by "
    "`tf.io.decode_image(..., channels=3, expand_animations=False)`, or call `tf.ensure_shape(image, [None, None, 3])` "
    "before."
)


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class TwoViews(RandomLayer):
    """V random views of each image: what a contrastive loss compares (Sec. 3.1, Aug).

    Args:
        policy: one of `names.POLICIES`; "sim_augment" is SimAugment, the paper's default on ImageNet.
        size: side of a view in pixels, S.
        views: V.
        seed: as of `RandomLayer`.
        options: other arguments of `augment.policies.policy`, such as {"strength": 0.5}.

    Call:
        images: uint8 in [0, 255] or float in [0, 1], [B, height, width, ch], ch = 1 or 3; or one image without B.
        seeds: int [B, 2], or [2] for one image; None draws them.
        Returns float32 [B, V, S, S, ch] in [0, 1], without B for one image.

    Raises:
        ValueError: as `augment.policies.policy`.

    Example:
        >>> two = TwoViews("sim_augment", size=32, options={"strength": 0.5})
        >>> two(tf.zeros([4, 40, 40, 3], tf.uint8)).shape
        TensorShape([4, 2, 32, 32, 3])
        >>> images = tf.data.Dataset.from_tensors(tf.zeros([40, 40, 3], tf.uint8))
        >>> images.map(two).element_spec.shape
        TensorShape([2, 32, 32, 3])
    """

    def __init__(
        self,
        policy: str = "sim_augment",
        *,
        size: int,
        views: int = 2,
        options: Optional[dict[str, Any]] = None,
        **keywords: Any,
    ) -> None:
        super().__init__(**keywords)
        self.policy, self.size, self.views, self.options = policy, size, views, dict(options or {})
        self._draw = several(make_policy(policy, size=size, **self.options), count=views)

    def __call__(self, images: Any, *others: Any, **keywords: Any) -> tf.Tensor:
        shape = getattr(images, "shape", None)
        if isinstance(shape, tf.TensorShape) and shape.rank is None:  # which Keras 3 would ask for as a list
            raise ValueError(_CHANNELS.format(shape))
        return super().__call__(images, *others, **keywords)

    def call(self, images: tf.Tensor, seeds: Optional[tf.Tensor] = None) -> tf.Tensor:
        if images.shape.rank not in (3, 4) or images.shape[-1] is None:
            raise ValueError(_CHANNELS.format(images.shape))
        if images.shape.rank == 3:
            batched = None if seeds is None else seeds[None]
            return self.call(images[None], batched)[0]
        seeds = self.drawn_seeds(images) if seeds is None else tf.cast(seeds, tf.int64)
        shape = [self.views, self.size, self.size, images.shape[-1]]
        spec = tf.TensorSpec(shape, tf.float32)
        return tf.map_fn(lambda pair: self._draw(*pair), (images, seeds), fn_output_signature=spec)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape[:-3], self.views, self.size, self.size, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        own = {"policy": self.policy, "size": self.size, "views": self.views, "options": self.options}
        return {**super().get_config(), **own}


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class ColorJitter(RandomLayer):
    """`augment.color.jitter` of a batch (paper, Sec. 4; SimCLR, App. A).

    Args:
        strength: from 0 (identity) to 2.5.
        probability: of acting on an image.
        variant: one of `names.JITTERS`.
        seed: as of `RandomLayer`.

    Call:
        images: uint8 in [0, 255] or float in [0, 1], [M, S, S, ch], ch = 1 or 3.
        training: False leaves the images as they are, as in `predict` and `evaluate`.
        seeds: int [M, 2]; None draws them.
        Returns float32 [M, S, S, ch] in [0, 1].

    Raises:
        ValueError: `strength` is out of range, or there is no such variant.

    Example:
        >>> model = tf.keras.Sequential([ColorJitter(strength=0.5), GaussianBlur(taps=3)])
        >>> model(tf.zeros([4, 16, 16, 3], tf.uint8)).shape
        TensorShape([4, 16, 16, 3])
    """

    def __init__(self, strength: float = 1.0, *, probability: float = 0.8, variant: str = "pytorch", **keywords: Any):
        super().__init__(**keywords)
        color.check_jitter(strength, variant)
        self.strength, self.probability, self.variant = strength, probability, variant

    def call(self, images: tf.Tensor, training: bool = True, seeds: Optional[tf.Tensor] = None) -> tf.Tensor:
        images = unit_range(require_unit_range(images))
        if self.strength == 0 or not training:
            return images
        seeds = self.drawn_seeds(images) if seeds is None else seeds
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
        return _unhidden(tf.where(acts, tf.stack(channels, -1), images), images)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        own = {"strength": self.strength, "probability": self.probability, "variant": self.variant}
        return {**super().get_config(), **own}


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class GaussianBlur(RandomLayer):
    """`augment.blur.random_blur` of a batch, each image by a width of its own (SimCLR, App. A).

    As two products with banded matrices, one along columns and one along rows.

    Args:
        probability: of acting on an image.
        taps: odd length of the kernel; 0 takes `blur.kernel_size` of their shorter side.
        seed: as of `RandomLayer`.

    Call: as `ColorJitter`; images of any number of channels, and of unlike sides.

    Raises:
        ValueError: `taps` is even, or more than the images have room for (`blur.gaussian_blur`).

    Example:
        >>> GaussianBlur(probability=1.0, taps=3)(tf.zeros([4, 16, 16, 3], tf.uint8)).shape
        TensorShape([4, 16, 16, 3])
    """

    def __init__(self, probability: float = 0.5, *, taps: int = 0, **keywords: Any):
        super().__init__(**keywords)
        if taps:
            blur.require_taps(taps)
        self.probability, self.taps = probability, taps

    def call(self, images: tf.Tensor, training: bool = True, seeds: Optional[tf.Tensor] = None) -> tf.Tensor:
        images = unit_range(require_unit_range(images))
        if not training:
            return images
        seeds = self.drawn_seeds(images) if seeds is None else seeds
        height, width = images.shape[1:3]
        if height is None or width is None:
            raise ValueError(f"GaussianBlur wants images of a known size; got shape {images.shape}. Resize them first.")
        taps = self.taps or blur.kernel_size(min(height, width))
        blur.require_taps(taps, images.shape[1:])
        sigmas, chances = _each(seeds, blur.blur_draws, (tf.float32, tf.float32))
        weights = blur.gaussian_weights(sigmas, taps)  # [M, taps]
        down, across = (tf.einsum("mt,tyx->myx", weights, _shifts(side, taps)) for side in (height, width))
        rows = tf.einsum("myh,mhwc->mywc", down, images)
        blurred = tf.clip_by_value(tf.einsum("mxw,mywc->myxc", across, rows), 0.0, 1.0)
        return _unhidden(tf.where(chances[:, None, None, None] < self.probability, blurred, images), images)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "probability": self.probability, "taps": self.taps}


def _each(seeds: tf.Tensor, draw: Callable[..., Any], types: tuple[tf.DType, ...]) -> tuple[tf.Tensor, ...]:
    """`draw` of every seed, [M, 2], stacked."""
    return tuple(tf.map_fn(draw, seeds, fn_output_signature=types))


def _unhidden(changed: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """`changed`, NaN where an image has NaN, [M, S, S, ch]: clipping would make pixels of it."""
    wrong = tf.reduce_any(tf.math.is_nan(images), axis=[1, 2, 3], keepdims=True)
    return tf.where(wrong, math.nan, changed)


def _select(turn: tf.Tensor, options: tuple[tf.Tensor, ...]) -> tf.Tensor:
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
