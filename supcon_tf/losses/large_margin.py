"""Large-margin softmax (Liu et al., 2016, arXiv:1612.02295): the max-margin classifier of the paper's Table 2.

The paper's comparison cites max-margin classifiers, and its 92.4 on CIFAR-10 and 70.5 on CIFAR-100 are 100 - 7.58 and
100 - 29.53, the errors that Liu et al. report (from memory; where its 78.0 on ImageNet is from is not known). So it is
a loss of logits and no loss of pairs: cross-entropy in which the angle between an image and the weights of its class
has to be m times smaller. Where psi(theta) = (-1)^k cos(m theta) - 2 k for theta in [k pi / m, (k + 1) pi / m], Eq. 5
and 6 put |W_y| |x| psi(theta_y) in the place of the logit |W_y| |x| cos(theta_y).
"""

from __future__ import annotations

import math

import tensorflow as tf


def with_angles(features: tf.Tensor, logits: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """What `large_margin_logits` needs of a linear classifier, side by side: [m, 3 C].

    Args:
        features: x, float32 [m, F].
        logits: of the classifier, its bias included, [m, C].
        kernel: W, [F, C].

    Returns:
        The logits, the cosines of the angles between x and the column W_c of each class, and |W_c| |x|.
    """
    lengths = _length(features, 1) * _length(kernel, 0)  # [m, C]
    return tf.concat([logits, tf.matmul(features, kernel) / lengths, lengths], 1)


def large_margin_logits(labels: tf.Tensor, outputs: tf.Tensor, *, margin: int, share=1.0) -> tf.Tensor:
    """The logits with that of each image's class made harder.

    Args:
        labels: int [B], each a class.
        outputs: [B, 3 C], of `with_angles`.
        margin: m, an integer; 1 leaves logits as they are.
        share: 1 / (1 + lambda) of the source, which lowers lambda as it trains: how much of the margin counts, a number
            or scalar from 0 to 1.

    Returns:
        [B, C].

    Example:
        Image and weights at 60 degrees, so cos = 1/2; psi = cos 120 degrees = -1/2 for m = 2.

        >>> outputs = tf.constant([[1.0, 0.2, 0.5, 0.1, 2.0, 2.0]])  # two classes: logits, cosines, lengths
        >>> large_margin_logits(tf.constant([0]), outputs, margin=2).numpy().round(3).tolist()
        [[-1.0, 0.20000000298023224]]
    """
    logits, cosines, lengths = tf.split(outputs, 3, 1)  # [B, C] each
    own = tf.one_hot(labels, logits.shape[1], dtype=logits.dtype)  # [B, C]
    cosine, length = (tf.reduce_sum(own * values, 1) for values in (cosines, lengths))  # [B]
    lowered = length * (psi(cosine, margin) - cosine)  # [B], at most 0
    return logits + own * (share * lowered)[:, None]


def psi(cosine: tf.Tensor, margin: int) -> tf.Tensor:
    """psi of cos(theta), for theta from 0 to pi: falls from 1 to 1 - 2 m, and is finite, with its slope, everywhere."""
    previous, current = tf.ones_like(cosine), cosine  # Chebyshev: cos(0 theta), cos(1 theta)
    for _ in range(margin - 1):
        previous, current = current, 2 * cosine * current - previous
    turns = tf.zeros_like(cosine)  # k
    for j in range(1, margin):
        turns += tf.cast(cosine < math.cos(j * math.pi / margin), cosine.dtype)
    return (1 - 2 * tf.math.floormod(turns, 2)) * current - 2 * turns


def _length(values, axis):
    """Lengths along an axis, kept; of zeros about 1e-15, with a gradient of 0."""
    return tf.sqrt(tf.maximum(tf.reduce_sum(values**2, axis, keepdims=True), 1e-30))
