"""Augmentation policies by name: a function, made once, of one image and one seed to one view."""

from __future__ import annotations

import functools
from typing import Callable, Optional

import tensorflow as tf

from supcon_tf.augment import blur, color, geometry
from supcon_tf.augment.autoaugment import auto_augment
from supcon_tf.augment.randaugment import check_layers, rand_augment
from supcon_tf.augment.warp import check_warp, random_warp
from supcon_tf.names import AUTO_POLICIES, POLICIES, STACKED_ORDERS, one_of

MIN_BLUR_SIDE = 64  # The authors blur ImageNet (224) and leave CIFAR (32) sharp.

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (image [height, width, ch], seed [2]) -> [S, S, ch]


def policy(
    name: str,
    *,
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
) -> Augmentation:
    """A function that draws a view of an image; the same (image, seed) gives the same view, eagerly and in tf.data.

    All policies but "none" crop at random, resize and flip first. Then (paper, Sec. 4 and supplement; authors' code):

    * "none": the central square, resized; "crop_flip": nothing more;
    * "sim_augment": colour jitter, greyscale, warp, blur; with `strength` 0 nothing;
    * "auto_augment": the policy of AutoAugment that `auto_policy` names;
    * "rand_augment": RandAugment;
    * "stacked_rand_augment": jitter, RandAugment, greyscale, warp, blur in the order of the authors' code; RandAugment
      stands before the jitter in that of the paper. With `strength` 0 nothing.

    Args:
        name: one of `names.POLICIES`.
        size: side of the view in pixels, S.
        crop_area: smallest and largest share of the image's area in a crop (paper's code: 0.08 ImageNet, 0.2 CIFAR).
        flip: whether left and right may be swapped; False where they mean something, as in digits.
        strength: of the colour jitter, 0 to 2.5.
        jitter: variant of the colour jitter, one of `names.JITTERS`.
        jitter_probability: of the colour jitter.
        grayscale_probability: of greyscale.
        warp_probability: of the warp, which needs TensorFlow Addons.
        blur_probability: of the blur; None is 0.5 from 64 pixels up and 0 below.
        auto_policy: one of `names.AUTO_POLICIES`.
        rand_layers: operations of RandAugment.
        rand_magnitude: level of RandAugment's operations, 0 to 10.
        stacked_order: one of `names.STACKED_ORDERS`.

    Returns:
        A function of (image, seed) to float32 [S, S, ch] in [0, 1]; image uint8 in [0, 255] or float in [0, 1]
        [height, width, ch], ch = 1 or 3, and seed int32 or int64 [2]. It raises ValueError for another image.

    Raises:
        ValueError: a name is unknown, an argument is out of its range, or the warp is asked for without TensorFlow
            Addons.

    Example:
        >>> view = policy("sim_augment", size=32, strength=0.5)
        >>> view(tf.zeros([48, 40, 3], tf.uint8), tf.constant([0, 1])).shape
        TensorShape([32, 32, 3])
    """
    if blur_probability is None:
        blur_probability = 0.5 if size >= MIN_BLUR_SIDE else 0.0
    actions: dict[str, Augmentation] = {
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
    steps = _steps(name, strength, stacked_order)
    if "jitter" in steps:
        color.check_jitter(strength, jitter)
    if "warp" in steps:
        check_warp(warp_probability)
    if "rand_augment" in steps:
        check_layers(rand_layers, rand_magnitude)
    if "auto_augment" in steps:
        one_of("auto_policy", auto_policy, AUTO_POLICIES)
    return functools.partial(_view, actions=actions, steps=steps, size=size)


def _view(
    image: tf.Tensor, seed: tf.Tensor, *, actions: dict[str, Augmentation], steps: tuple[str, ...], size: int
) -> tf.Tensor:
    """One view: some of the actions, each with a seed that is its own whichever others act."""
    color.require_grey_or_rgb(image)
    image = geometry.require_unit_range(image)
    seeds = dict(zip(actions, tf.unstack(tf.random.split(seed, len(actions)))))
    for step in steps:
        image = actions[step](image, seeds[step])
    return tf.ensure_shape(image, [size, size, image.shape[-1]])


def _steps(name: str, strength: float, stacked_order: str) -> tuple[str, ...]:
    """What is done to an image, in order."""
    steps = POLICIES[one_of("policy", name, POLICIES)]
    one_of("stacked_order", stacked_order, STACKED_ORDERS)
    if strength == 0 and "jitter" in steps:
        return POLICIES["crop_flip"]
    if {"jitter", "rand_augment"} <= set(steps) and stacked_order == "paper":
        return ("crop", "flip", "rand_augment", "jitter", "grayscale", "warp", "blur")
    return steps
