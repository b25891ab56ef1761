"""Augmentation policies by name: one image and one seed in, one view out."""

from __future__ import annotations

import difflib

import tensorflow as tf

from supcon_tf.augment import blur, color, geometry

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
) -> tf.Tensor:
    """One random view of an image; the same (image, seed) gives the same view, eagerly and inside tf.data.

    Args:
        image: uint8 or float [height, width, ch], ch = 1 or 3.
        seed: int32 or int64 [2].
        policy: one of `POLICIES`: "none" is the evaluation crop, "crop_flip" is random crop and flip, "sim_augment"
            adds colour jitter, greyscale and, from 64 pixels up, blur (SimAugment, Sec. 4 of the paper).
        size: side of the view in pixels, S.
        crop_area: smallest and largest share of the image's area in a crop (paper's code: 0.08 ImageNet, 0.2 CIFAR).
        flip: whether left and right may be swapped; False where they mean something, as in digits.
        strength: of the colour jitter. 0 leaves crop and flip alone.

    Returns:
        float32 [S, S, ch] in [0, 1].

    Raises:
        ValueError: the policy is unknown, or an argument is out of its range.
    """
    color.require_grey_or_rgb(image)
    view = _policy(policy)(image, seed, size=size, crop_area=crop_area, flip=flip, strength=strength)
    return tf.ensure_shape(view, [size, size, image.shape[-1]])


def _none(image: tf.Tensor, seed: tf.Tensor, *, size: int, **_) -> tf.Tensor:
    return geometry.resize(geometry.central_square(image), size=size)


def _crop_flip(image: tf.Tensor, seed: tf.Tensor, *, size: int, crop_area: tuple, flip: bool, **_) -> tf.Tensor:
    crop_seed, flip_seed = tf.unstack(tf.random.split(seed, 2))
    view = geometry.random_resized_crop(image, crop_seed, size=size, area_range=crop_area)
    return geometry.random_flip(view, flip_seed) if flip else view


def _sim_augment(
    image: tf.Tensor, seed: tf.Tensor, *, size: int, crop_area: tuple, flip: bool, strength: float
) -> tf.Tensor:
    view = _crop_flip(image, seed, size=size, crop_area=crop_area, flip=flip)
    if strength == 0:
        return view
    jitter_seed, grey_seed, blur_seed = tf.unstack(tf.random.split(tf.random.fold_in(seed, 1), 3))
    view = color.jitter(view, jitter_seed, strength=strength)
    view = color.random_grayscale(view, grey_seed)
    if size < MIN_BLUR_SIDE:
        return view
    return blur.random_blur(view, blur_seed, taps=blur.kernel_size(size))


POLICIES = {"none": _none, "crop_flip": _crop_flip, "sim_augment": _sim_augment}


def _policy(name: str):
    if name not in POLICIES:
        nearest = difflib.get_close_matches(name, POLICIES, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"Unknown augmentation policy {name!r}; there are {', '.join(POLICIES)}.{hint}")
    return POLICIES[name]
