"""What the pixels say: colour jitter in both published variants, greyscale and whitening.

"pytorch" is torchvision's: brightness multiplies, contrast blends with the mean grey, saturation with the grey image.
"simclr" is the one of SimCLR's TensorFlow code: brightness is added, contrast is about each channel's own mean, and
saturation is that of HSV. In both, hue turns the colour circle, and the four come in random order, clipped after each.
"""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.augment.geometry import unit_range

GREY_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in Pillow and torchvision.
JITTERS = ("pytorch", "simclr")
MAX_STRENGTH = 2.5  # Above it the hue shift of 0.2 * strength leaves the half circle.


def to_grey(image: tf.Tensor) -> tf.Tensor:
    """Luma of an image.

    Args:
        image: float [..., ch], ch = 1 or 3.

    Returns:
        float [..., 1].
    """
    if image.shape[-1] == 1:
        return image
    return tf.reduce_sum(image * tf.constant(GREY_WEIGHTS, image.dtype), axis=-1, keepdims=True)


def adjust_brightness(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """`factor` times the image, clipped to [0, 1]. Image float [S, S, ch], factor float []; same shape out."""
    return _clipped(image * factor)


def adjust_contrast(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend with the image's mean grey: 0 is flat grey, 1 the image. Float [S, S, ch] and []; same shape out."""
    return _blend(tf.reduce_mean(to_grey(image)), image, factor)


def adjust_saturation(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend with the grey image: 0 is grey, 1 the image. Float [S, S, ch] and []; same shape out."""
    return _blend(to_grey(image), image, factor)


def jitter(
    image: tf.Tensor, seed: tf.Tensor, *, strength: float, probability: float = 0.8, variant: str = "pytorch"
) -> tf.Tensor:
    """Random brightness, contrast, saturation and hue, in random order.

    Factors are uniform in 1 +- 0.8 strength (not below 0), the hue's turn in +- 0.2 strength, and the brightness that
    "simclr" adds in +- 0.8 strength. Strength 0.5 is torchvision's ColorJitter(0.4, 0.4, 0.4, 0.1), the paper's CIFAR
    setting; strength 1 its ImageNet setting. Grey images have neither saturation nor hue: only brightness and contrast
    act on them.

    Args:
        image: uint8 or float [S, S, ch], ch = 1 or 3.
        seed: int32 or int64 [2].
        strength: from 0 (identity) to 2.5.
        probability: of acting at all.
        variant: one of `JITTERS`.

    Returns:
        float32 [S, S, ch] in [0, 1].

    Raises:
        ValueError: `strength` is out of range, there is no such variant, or the image has neither 1 nor 3 channels.
    """
    if variant not in JITTERS:
        raise ValueError(f"The colour jitter has the variants {', '.join(JITTERS)}; got {variant!r}.")
    if not 0 <= strength <= MAX_STRENGTH:
        raise ValueError(f"The colour strength must be between 0 and {MAX_STRENGTH}; got {strength}.")
    image = unit_range(image)
    require_grey_or_rgb(image)
    if strength == 0:
        return image

    draws = tf.random.stateless_uniform([9], seed)
    low, high = max(0.0, 1 - 0.8 * strength), 1 + 0.8 * strength
    brightness, contrast, saturation = tf.unstack(low + (high - low) * draws[:3])
    hue = (2 * draws[3] - 1) * 0.2 * strength
    if variant == "pytorch":
        changes = [lambda x: adjust_brightness(x, brightness), lambda x: adjust_contrast(x, contrast)]
        changes += [lambda x: adjust_saturation(x, saturation), lambda x: tf.image.adjust_hue(x, hue)]
    else:
        added = (2 * draws[0] - 1) * 0.8 * strength
        changes = [lambda x: _clipped(x + added), lambda x: _clipped(tf.image.adjust_contrast(x, contrast))]
        changes += [lambda x: tf.image.adjust_saturation(x, saturation), lambda x: tf.image.adjust_hue(x, hue)]
    if image.shape[-1] == 1:
        changes = changes[:2]
    order = tf.argsort(draws[4 : 4 + len(changes)])  # Uniform draws sort into a uniform order.
    return tf.cond(draws[8] < probability, lambda: _in_order(image, changes, order), lambda: image)


def random_grayscale(image: tf.Tensor, seed: tf.Tensor, *, probability: float = 0.2) -> tf.Tensor:
    """Grey in all channels, by chance; a grey image stays as it is.

    Args:
        image: uint8 or float [S, S, ch], ch = 1 or 3.
        seed: int32 or int64 [2].
        probability: of acting.

    Returns:
        float32 [S, S, ch] in [0, 1].
    """
    image = unit_range(image)
    require_grey_or_rgb(image)
    if image.shape[-1] == 1:
        return image
    act = tf.random.stateless_uniform([], seed) < probability
    return tf.cond(act, lambda: tf.broadcast_to(to_grey(image), tf.shape(image)), lambda: image)


def whiten(images: tf.Tensor, *, mean: tuple[float, ...], std: tuple[float, ...]) -> tf.Tensor:
    """Zero mean and unit deviation per channel over the data set.

    Args:
        images: uint8 or float [..., ch].
        mean: ch values on the [0, 1] scale.
        std: ch values on the [0, 1] scale.

    Returns:
        float32 [..., ch].

    Raises:
        ValueError: `mean` or `std` do not have one value a channel.
    """
    if not len(mean) == len(std) == images.shape[-1]:
        raise ValueError(f"Whitening needs one mean and std a channel, {images.shape[-1]}; got {mean} and {std}.")
    return (unit_range(images) - tf.constant(mean, tf.float32)) * tf.constant([1 / value for value in std], tf.float32)


def require_grey_or_rgb(image: tf.Tensor) -> None:
    """Raises ValueError unless the image has 1 or 3 channels, known before the graph runs."""
    if image.shape.rank != 3 or image.shape[-1] not in (1, 3):
        raise ValueError(f"Colour needs one image [S, S, ch] with 1 or 3 channels; got shape {image.shape}.")


def _blend(other: tf.Tensor, image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    return _clipped(other + factor * (image - other))


def _clipped(image: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(image, 0.0, 1.0)


def _in_order(image: tf.Tensor, changes: list, order: tf.Tensor) -> tf.Tensor:
    for place in range(len(changes)):
        branches = [lambda change=change, before=image: change(before) for change in changes]
        image = tf.ensure_shape(tf.switch_case(order[place], branches), image.shape)
    return image
