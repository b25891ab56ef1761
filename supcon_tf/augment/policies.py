"""Augmentation policies by name: one image and one seed in, one view out."""

from __future__ import annotations

import functools
from typing import Optional

import tensorflow as tf

from supcon_tf.augment import blur, color, geometry
from supcon_tf.augment.autoaugment import auto_augment
from supcon_tf.augment.randaugment import rand_augment
from supcon_tf.augment.warp import random_warp
from supcon_tf.names import POLICIES, STACKED_ORDERS, one_of

MIN_BLUR_SIDE = 64  # The authors blur ImageNet (224) and leave CIFAR (32) sharp.


def augment(
    image: tf.Tensor,
    seed: tf.Tensor,
    *,
    policy: str,
    size: int,
    crop_area: tuple[float, float] = (0.08, 1.0),
    flip: bool = True,
    strength: float = 1.0,
    jitter: str = "pytorch",
    jitter_probability: float = 0.8,
    grayscale_probability: float = 0.2,
    warp_probability: float = 0.0,
    blur_probability: Optional[float] = None,
    auto_policy: str = "imagenet",
    rand_layers: int = 2,
    rand_magnitude: float = 10.0,
    stacked_order: str = "code",
) -> tf.Tensor:
    """One random view of an image; the same (image, seed) gives the same view, eagerly and inside tf.data.

    All policies but "none" crop at random, resize and flip first. Then (paper, Sec. 4 and supplement; authors' code):

    * "none": the central square, resized; "crop_flip": nothing more;
    * "sim_augment": colour jitter, greyscale, warp, blur; with `strength` 0 nothing;
    * "auto_augment": the policy of AutoAugment that `auto_policy` names;
    * "rand_augment": RandAugment;
    * "stacked_rand_augment": jitter, RandAugment, greyscale, warp, blur in the order of the authors' code; RandAugment
      stands before the jitter in that of the paper. With `strength` 0 nothing.

    Args:
        image: uint8 or float [height, width, ch], ch = 1 or 3.
        seed: int32 or int64 [2].
        policy: one of `POLICIES`.
        size: side of the view in pixels, S.
        crop_area: smallest and largest share of the image's area in a crop (paper's code: 0.08 ImageNet, 0.2 CIFAR).
        flip: whether left and right may be swapped; False where they mean something, as in digits.
        strength: of the colour jitter.
        jitter: variant of the colour jitter, one of `color.JITTERS`.
        jitter_probability: of the colour jitter.
        grayscale_probability: of greyscale.
        warp_probability: of the warp, which needs TensorFlow Addons.
        blur_probability: of the blur; None is 0.5 from 64 pixels up and 0 below.
        auto_policy: one of `autoaugment.SUB_POLICIES`.
        rand_layers: operations of RandAugment.
        rand_magnitude: level of RandAugment's operations, 0 to 10.
        stacked_order: one of `STACKED_ORDERS`.

    Returns:
        float32 [S, S, ch] in [0, 1].

    Raises:
        ValueError: the policy is unknown, an argument is out of its range, or the warp is asked for without TensorFlow
            Addons.
    """
    color.require_grey_or_rgb(image)
    if blur_probability is None:
        blur_probability = 0.5 if size >= MIN_BLUR_SIDE else 0.0
    actions = {
        "centre": lambda image, seed: geometry.resize(geometry.central_square(image), size=size),
        "crop": functools.partial(geometry.random_resized_crop, size=size, area_range=crop_area),
        "flip": geometry.random_flip if flip else lambda image, seed: image,
        "jitter": functools.partial(color.jitter, strength=strength, probability=jitter_probability, variant=jitter),
        "grayscale": functools.partial(color.random_grayscale, probability=grayscale_probability),
        "warp": functools.partial(random_warp, probability=warp_probability),
        "blur": functools.partial(blur.random_blur, taps=blur.kernel_size(size), probability=blur_probability),
        "auto_augment": functools.partial(auto_augment, policy=auto_policy),
        "rand_augment": functools.partial(rand_augment, layers=rand_layers, magnitude=rand_magnitude),
    }
    seeds = dict(zip(actions, tf.unstack(tf.random.split(seed, len(actions)))))
    for step in _steps(policy, strength, stacked_order):
        image = actions[step](image, seeds[step])
    return tf.ensure_shape(image, [size, size, image.shape[-1]])


def _steps(policy: str, strength: float, stacked_order: str) -> tuple[str, ...]:
    """What is done to an image, in order."""
    one_of("policy", policy, POLICIES)
    one_of("stacked_order", stacked_order, STACKED_ORDERS)
    if strength == 0 and "jitter" in POLICIES[policy]:
        return POLICIES["crop_flip"]
    if policy == "stacked_rand_augment" and stacked_order == "paper":
        return ("crop", "flip", "rand_augment", "jitter", "grayscale", "warp", "blur")
    return POLICIES[policy]
