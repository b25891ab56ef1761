"""The warp of SimAugment: four points of the image are moved, the rest follows smoothly (TensorFlow Addons)."""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.addons import tensorflow_addons
from supcon_tf.augment.geometry import unit_range

POINTS = 2  # Along each side, evenly within the image: the authors' code.
MAX_LENGTH = 23 / 224  # Of the side. The authors' code has 23 pixels, and warps nothing but 224 x 224 images.


def random_warp(image: tf.Tensor, seed: tf.Tensor, *, probability: float) -> tf.Tensor:
    """Sparse image warp, by chance (Sec. 4 of the paper; off in all of the authors' scripts).

    Each control point moves by a normal vector times one length that is uniform in [0, 23 / 224) of the side.

    Args:
        image: uint8 or float [S, S, ch], S known before the graph runs.
        seed: int32 or int64 [2].
        probability: of acting. 0 needs no TensorFlow Addons.

    Returns:
        float32 [S, S, ch] in [0, 1].

    Raises:
        ValueError: TensorFlow Addons cannot be imported here.
    """
    image = unit_range(image)
    if probability == 0:
        return image
    addons = check_warp(probability)
    act_seed, flow_seed = tf.unstack(tf.random.split(seed, 2))
    draws = tf.random.stateless_uniform([2], act_seed)
    flow = tf.random.stateless_normal([1, POINTS**2, 2], flow_seed) * draws[1] * (MAX_LENGTH * image.shape[0])
    return tf.cond(draws[0] < probability, lambda: _warp(image, flow, addons), lambda: image)


def check_warp(probability: float):
    """TensorFlow Addons, where a warp of this probability needs it; ValueError where that cannot be imported."""
    return tensorflow_addons("The warp of `sim_augment` (`warp_probability` above 0)") if probability else None


def _warp(image: tf.Tensor, flow: tf.Tensor, addons) -> tf.Tensor:
    """Moves the control points by `flow`, float32 [1, POINTS^2, 2], rows and columns in pixels."""
    steps = [(place + 1) * image.shape[0] / (POINTS + 1) for place in range(POINTS)]
    points = tf.constant([[(row, column) for row in steps for column in steps]], tf.float32)  # [1, POINTS^2, 2]
    warped, _ = addons.image.sparse_image_warp(image[None], points, points + flow)
    return tf.clip_by_value(tf.ensure_shape(warped[0], image.shape), 0.0, 1.0)
