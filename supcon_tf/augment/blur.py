"""Gaussian blur, in two one-dimensional passes, each compiled by XLA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

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
        ValueError: `taps` is even, or more than the image has room for.
    """
    require_taps(taps, image.shape)
    planes = tf.transpose(unit_range(image), [2, 0, 1])  # [ch, height, width]
    blurred = _along_columns(_along_rows(planes, gaussian_weights(sigma, taps)), gaussian_weights(sigma, taps))
    return tf.ensure_shape(tf.transpose(blurred, [1, 2, 0]), image.shape)


def require_taps(taps: int, shape: Optional[Sequence[Optional[int]]] = None) -> None:
    """Raises ValueError where a kernel is of even length, or reaches past the mirror image of the border.

    Args:
        taps: of the kernel.
        shape: (height, width, ch) of an image, as far as it is known.
    """
    if taps % 2 == 0:
        raise ValueError(f"A blur kernel needs an odd number of taps, or it would shift the image; got {taps}.")
    height, width = tuple(shape)[:2] if shape is not None else (None, None)
    most = 2 * min(side for side in (height, width, taps) if side is not None) - 1
    if taps > most:
        raise ValueError(
            f"A blur kernel of {taps} taps reaches past the mirrored border of images of {height} x {width} pixels: "
            f"take {most} taps or fewer."
        )


def gaussian_weights(sigma: tf.Tensor, taps: int) -> tf.Tensor:
    """A normalised Gaussian of odd length: sigma float [...] -> float32 [..., taps]."""
    offsets = tf.range(-(taps // 2), taps // 2 + 1, dtype=tf.float32)
    return tf.nn.softmax(-tf.square(offsets) / (2.0 * tf.square(tf.cast(sigma, tf.float32)[..., None])))


@tf.function(jit_compile=True, autograph=False)  # One loop over the taps; TensorFlow's convolution takes twice as long.
def _along_rows(planes: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Weighted sum of neighbours to the left and right. [ch, height, width] and [taps]; mirrored borders."""
    taps, width = weights.shape[0], planes.shape[2]
    padded = tf.pad(planes, [[0, 0], [0, 0], [taps // 2, taps // 2]], mode="REFLECT")
    return tf.add_n([weights[tap] * padded[:, :, tap : tap + width] for tap in range(taps)])


@tf.function(jit_compile=True, autograph=False)  # Apart from the other pass, or the compiler would do that one per tap.
def _along_columns(planes: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Weighted sum of neighbours above and below."""
    taps, height = weights.shape[0], planes.shape[1]
    padded = tf.pad(planes, [[0, 0], [taps // 2, taps // 2], [0, 0]], mode="REFLECT")
    blurred = tf.add_n([weights[tap] * padded[:, tap : tap + height] for tap in range(taps)])
    return tf.clip_by_value(blurred, 0.0, 1.0)  # A sum of weights may round above 1.


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
    sigma, chance = blur_draws(seed)
    return tf.cond(chance < probability, lambda: gaussian_blur(image, sigma, taps=taps), lambda: image)


def blur_draws(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The random choices of `random_blur`: sigma, and the chance that it acts where below `probability`; float32 []."""
    draws = tf.random.stateless_uniform([2], seed)
    return SIGMA_RANGE[0] + (SIGMA_RANGE[1] - SIGMA_RANGE[0]) * draws[0], draws[1]
