"""Networks small enough to trace and train in milliseconds: a ResNet takes half a minute to trace on two replicas."""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.layers.heads import ClassificationHead, ProjectionHead
from supcon_tf.layers.normalization import batch_norm
from supcon_tf.networks.networks import Networks

CLASSES, SIDE, FEATURES = 3, 8, 16


def tiny_networks(
    *,
    cross_replica_batch_norm: bool = True,
    classes: int = CLASSES,
    last_batch_norm: bool = False,
    normalized: bool = False,
) -> Networks:
    """Two convolutions with batch norm, both heads; the same weights at every call. `normalized`: pixels are, first."""
    tf.keras.utils.set_random_seed(1)
    inputs = x = tf.keras.Input([SIDE, SIDE, 1])
    if normalized:
        x = tf.keras.layers.Normalization()(x)
    for filters in (8, FEATURES):
        x = tf.keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = tf.keras.layers.ReLU()(batch_norm(cross_replica=cross_replica_batch_norm)(x))
    encoder = tf.keras.Model(inputs, tf.keras.layers.GlobalAveragePooling2D()(x))
    head = ProjectionHead(
        widths=(16, 8), cross_replica_batch_norm=cross_replica_batch_norm, last_batch_norm=last_batch_norm
    )
    classifier = ClassificationHead(classes)
    head.build((None, FEATURES))
    classifier.build((None, FEATURES))
    return Networks(encoder, head, classifier, normalize_features=True)
