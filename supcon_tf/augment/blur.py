"""Gaussian blur, in two one-dimensional passes."""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.augment.geometry import unit_range

SIGMA_RANGE = (0.1, 2.0)  # In pixels, whatever the image's size: the authors' code.


def kernel_size(side: int) -> int:
    """Taps of the blur for images of this side: a tenth of it, made odd (SimCLR; 224 -> 23, 96 -> 9)."""
    return side // 10 // 2 * 2 + 1


def gaussian_blur(image: tf.Tensor, sigma: tf.Tensor, *, taps: int) -> tf.Tensor:
    """Convolution with a normalised Gaussian of odd length. Borders are mirrored, so that a flat image stays flat.

    Args:
        image: uint8 or float [height, width, ch].
        sigma: float [], in pixels, > 0.
        taps: odd length of the kernel, at most 2 * min(height, width) - 1.

    Returns:
        float32 [height, width, ch] in [0, 1].

    Raises:
        ValueError: `taps` is even.
    """
    if taps % 2 == 0:
        raise ValueError(f"A blur kernel needs an odd number of taps, or it would shift the image; got {taps}.")
    radius, channels = taps // 2, image.shape[-1]
    offsets = tf.range(-radius, radius + 1, dtype=tf.float32)
    weights = tf.nn.softmax(-tf.square(offsets) / (2.0 * tf.square(tf.cast(sigma, tf.float32))))  # [taps]
    kernel = tf.tile(weights[:, None, None], [1, channels, 1])  # [taps, ch, 1]

    padded = tf.pad(unit_range(image), [[radius, radius], [radius, radius], [0, 0]], mode="REFLECT")
    rows = tf.nn.depthwise_conv2d(padded[None], kernel[:, None], [1, 1, 1, 1], "VALID")  # kernel [taps, 1, ch, 1]
    both = tf.nn.depthwise_conv2d(rows, kernel[None], [1, 1, 1, 1], "VALID")  # kernel [1, taps, ch, 1]
    return tf.clip_by_value(tf.ensure_shape(both[0], image.shape), 0.0, 1.0)  # A sum of weights may round above 1.


def random_blur(image: tf.Tensor, seed: tf.Tensor, *, taps: int, probability: float = 0.5) -> tf.Tensor:
    """Blur of a random width, sigma uniform in [0.1, 2.0] pixels, by chance (SimCLR, App. A).

    Args:
        image: uint8 or float [S, S, ch].
        seed: int32 or int64 [2].
        taps: odd length of the kernel; see `kernel_size`.
        probability: of acting.

    Returns:
        float32 [S, S, ch] in [0, 1].
    """
    image = unit_range(image)
    if probability == 0:
        return image
    draws = tf.random.stateless_uniform([2], seed)
    sigma = SIGMA_RANGE[0] + (SIGMA_RANGE[1] - SIGMA_RANGE[0]) * draws[0]
    return tf.cond(draws[1] < probability, lambda: gaussian_blur(image, sigma, taps=taps), lambda: image)
