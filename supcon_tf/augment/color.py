"""What the pixels say: colour jitter in both published variants, greyscale and whitening.

"pytorch" is torchvision's: brightness multiplies, contrast blends with the mean grey, saturation with the grey image.
"simclr" is the one of SimCLR's TensorFlow code: brightness is added, contrast is about each channel's own mean, and
saturation is that of HSV. In both, hue turns the colour circle, and the four come in random order, clipped after each.

A change takes a list of channels [..., S, S] and an amount that broadcasts with them, and returns such a list within
[0, 1]. Channel by channel, its arithmetic runs along whole rows: on a host, four times as fast as along pixels.
"""

from __future__ import annotations

import tensorflow as tf

from supcon_tf import names
from supcon_tf.augment.geometry import UINT8_SCALE, unit_range

GREY_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in Pillow and torchvision.
MAX_STRENGTH = 2.5  # Above it the hue shift of 0.2 * strength leaves the half circle.


def multiply_brightness(channels: list, factor: tf.Tensor) -> list:
    """`factor` times the image."""
    return [_clipped(x * factor) for x in channels]


def add_brightness(channels: list, amount: tf.Tensor) -> list:
    """The image plus `amount`."""
    return [_clipped(x + amount) for x in channels]


def grey_contrast(channels: list, factor: tf.Tensor) -> list:
    """Blend with the image's mean grey: 0 is flat grey, 1 the image."""
    mean = _mean(_luma(channels))
    return [_clipped(mean + factor * (x - mean)) for x in channels]


def channel_contrast(channels: list, factor: tf.Tensor) -> list:
    """Blend of each channel with its own mean."""
    return [_clipped(mean + factor * (x - mean)) for x, mean in zip(channels, map(_mean, channels))]


def grey_saturation(channels: list, factor: tf.Tensor) -> list:
    """Blend with the grey image: 0 is grey, 1 the image."""
    grey = _luma(channels)
    return [_clipped(grey + factor * (x - grey)) for x in channels]


def hsv_saturation(channels: list, factor: tf.Tensor) -> list:
    """Saturation of HSV times `factor`, at most 1; hue and value stay."""
    value, chroma = _value_and_chroma(channels)
    scale = tf.minimum(factor * chroma, value) / tf.maximum(chroma, _TINY)
    return [_clipped(value - (value - x) * scale) for x in channels]


def turn_hue(channels: list, turn: tf.Tensor) -> list:
    """Hue of HSV turned by `turn` of the circle; saturation and value stay."""
    red, green, blue = channels
    value, chroma = _value_and_chroma(channels)
    inverse = 1.0 / tf.maximum(chroma, _TINY)
    sixths = tf.where(
        value == red,
        (green - blue) * inverse,
        tf.where(value == green, 2.0 + (blue - red) * inverse, 4.0 + (red - green) * inverse),
    )
    sixths = sixths + 6.0 * turn
    sixths = sixths - 6.0 * tf.floor(sixths * (1 / 6))  # [0, 6]: red at 0, green at 2, blue at 4
    shares = tf.abs(sixths - 3.0) - 1.0, 2.0 - tf.abs(sixths - 2.0), 2.0 - tf.abs(sixths - 4.0)
    return [_clipped(value - chroma + chroma * _clipped(share)) for share in shares]


_TINY = 1e-12  # Chroma of a grey pixel, whose hue does not matter.

# Grey images have the first two only.
JITTERS = {
    "pytorch": (multiply_brightness, grey_contrast, grey_saturation, turn_hue),
    "simclr": (add_brightness, channel_contrast, hsv_saturation, turn_hue),
}


def jitter_draws(seed: tf.Tensor, *, strength: float, variant: str, changes: int) -> tuple:
    """The random choices of `jitter` for one image.

    Args:
        seed: int32 or int64 [2].
        strength, variant: as in `jitter`.
        changes: 4, or 2 of a grey image.

    Returns:
        amounts float32 [4], order int32 [changes], chance float32 []: the jitter acts where it is below `probability`.
    """
    draws = tf.random.stateless_uniform([9], seed)
    low, high = max(0.0, 1 - 0.8 * strength), 1 + 0.8 * strength
    amounts = low + (high - low) * draws[:3]
    if variant == "simclr":
        amounts = tf.concat([(2 * draws[:1] - 1) * 0.8 * strength, amounts[1:]], 0)
    amounts = tf.concat([amounts, (2 * draws[3:4] - 1) * 0.2 * strength], 0)
    return amounts, tf.argsort(draws[4 : 4 + changes]), draws[8]  # Uniform draws sort into a uniform order.


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
    check_jitter(strength, variant)
    image = unit_range(image)
    require_grey_or_rgb(image)
    if strength == 0:
        return image

    changes = 4 if image.shape[-1] == 3 else 2
    amounts, order, chance = jitter_draws(seed, strength=strength, variant=variant, changes=changes)
    return tf.cond(chance < probability, lambda: _changed(image, amounts, order, variant), lambda: image)


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
    return tf.cond(act, lambda: _grey_in_all_channels(image), lambda: image)


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
    scale, shift = [1 / value for value in std], [-mean / std for mean, std in zip(mean, std)]
    if images.dtype == tf.uint8:
        scale, images = [UINT8_SCALE * value for value in scale], tf.cast(images, tf.float32)
    # Rows as one axis: TensorFlow multiplies by a vector as long as a row four times as fast as by one of 3.
    width = (images.shape[-2] if images.shape.rank > 1 else None) or 1
    rows = tf.reshape(unit_range(images), [-1, width * len(mean)])
    white = rows * tf.constant(scale * width, tf.float32) + tf.constant(shift * width, tf.float32)
    return tf.ensure_shape(tf.reshape(white, tf.shape(images)), images.shape)


def require_grey_or_rgb(image: tf.Tensor) -> None:
    """Raises ValueError unless the image has 1 or 3 channels, known before the graph runs."""
    if image.shape.rank != 3 or image.shape[-1] not in (1, 3):
        raise ValueError(f"Colour needs one image [S, S, ch] with 1 or 3 channels; got shape {image.shape}.")


def check_jitter(strength: float, variant: str) -> None:
    """Raises ValueError where `jitter` has no such variant, or the strength is out of range."""
    names.one_of("jitter", variant, names.JITTERS)
    if not 0 <= strength <= MAX_STRENGTH:
        raise ValueError(f"The colour strength must be between 0 and {MAX_STRENGTH}; got {strength}.")


def _grey_in_all_channels(image: tf.Tensor) -> tf.Tensor:
    weights = tf.tile(tf.constant(GREY_WEIGHTS)[:, None], [1, 3])  # A product: sums over the last axis are slow.
    return tf.reshape(tf.matmul(tf.reshape(image, [-1, 3]), weights), tf.shape(image))


def _changed(image: tf.Tensor, amounts: tf.Tensor, order: tf.Tensor, variant: str) -> tf.Tensor:
    planes = _in_order(tf.transpose(image, [2, 0, 1]), amounts, order, variant)  # [ch, S, S]
    return tf.transpose(planes, [1, 2, 0])


# One program for the whole jitter: starting one takes longer than a change of a 32 x 32 image. A loop, because without
# it the compiler would be given each change four times.
@tf.function(jit_compile=True, autograph=False)
def _in_order(planes: tf.Tensor, amounts: tf.Tensor, order: tf.Tensor, variant: str) -> tf.Tensor:
    """The changes of `JITTERS` to [ch, S, S] by their amounts, float32 [4], in an order, int32 [changes]."""
    changes = JITTERS[variant][: order.shape[0]]

    def change_next(place: tf.Tensor, planes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        branches = [lambda n=n: tf.stack(changes[n](tf.unstack(planes), amounts[n])) for n in range(len(changes))]
        return place + 1, tf.switch_case(order[place], branches)

    return tf.while_loop(lambda place, planes: place < len(changes), change_next, [0, planes])[1]


def _luma(channels: list) -> tf.Tensor:
    if len(channels) == 1:
        return channels[0]
    return sum(weight * x for weight, x in zip(GREY_WEIGHTS, channels))


def _mean(channel: tf.Tensor) -> tf.Tensor:
    """[..., 1, 1]"""
    return tf.reduce_mean(channel, [-2, -1], keepdims=True)


def _value_and_chroma(channels: list) -> tuple[tf.Tensor, tf.Tensor]:
    """Of HSV: the largest channel, and by how much it exceeds the smallest."""
    value = tf.maximum(tf.maximum(channels[0], channels[1]), channels[2])
    return value, value - tf.minimum(tf.minimum(channels[0], channels[1]), channels[2])


def _clipped(x: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(x, 0.0, 1.0)
