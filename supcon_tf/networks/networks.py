"""The networks of a run: encoder, projection head and classifier."""

from __future__ import annotations

import dataclasses
import functools
from typing import Optional

import tensorflow as tf

from supcon_tf.layers.heads import ClassificationHead, ProjectionHead
from supcon_tf.layers.normalization import unit_rows
from supcon_tf.networks.registry import build_encoder


def _pass(method):
    """A pass through networks, compiled by XLA where they ask for it; its gradient is then compiled too."""

    @functools.wraps(method)
    def run(networks, images, *, training):
        forward = functools.partial(method, networks, training=training)
        return (
            tf.function(forward, jit_compile=True, autograph=False)(images) if networks.jit_compile else forward(images)
        )

    return run


@dataclasses.dataclass
class Networks:
    """Encoder, projection head and classifier: r = Enc(x), z = Proj(r), logits = Class(r) (Sec. 3.1).

    `jit_compile` compiles each pass by itself: for several replicas, whose meetings keep XLA from being put around the
    whole step. Batch norm must then be local, or replicas would meet inside. `follower` are networks of the same shape
    for a queue (`training.momentum_queue`).
    """

    encoder: tf.keras.Model
    projection: tf.keras.layers.Layer
    classifier: tf.keras.layers.Layer
    normalize_features: bool
    jit_compile: bool = False
    follower: Optional[Networks] = None

    @_pass
    def features(self, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Images [M, S, S, ch] to features float32 [M, F], of unit length where the run asks for it."""
        features = self.encoder(images, training=training)  # [M, F]
        return unit_rows(features) if self.normalize_features else tf.cast(features, tf.float32)

    @_pass
    def project(self, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Images [M, S, S, ch] to projections float32 [M, D] of unit length."""
        return self.projection(self.features(images, training=training), training=training)

    @_pass
    def project_and_classify(self, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Images [M, S, S, ch] to float32 [M, D + C]: projections, and logits that send no gradient to the encoder."""
        features = self.features(images, training=training)  # [M, F]
        projections = self.projection(features, training=training)  # [M, D]
        return tf.concat([projections, self.classifier(tf.stop_gradient(features))], -1)  # [M, D + C]

    @_pass
    def classify(self, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Images [M, S, S, ch] to logits float32 [M, C]."""
        return self.classifier(self.features(images, training=training))

    def parts(self) -> dict[str, tf.keras.layers.Layer]:
        """The three networks by name, as checkpoints and reports call them."""
        return {"encoder": self.encoder, "projection": self.projection, "classifier": self.classifier}


def build_networks(
    encoder,
    projection,
    *,
    image_shape: tuple,
    classes: int,
    cross_replica_batch_norm: bool,
    zero_initialize_classifier: bool = False,
    jit_compile: bool = False,
) -> Networks:
    """Networks with all their weights made; call it inside `strategy.scope()`.

    Args:
        encoder: `supcon_tf.config.Encoder`.
        projection: `supcon_tf.config.Projection`.
        image_shape: (S, S, channels).
        classes: C.
        cross_replica_batch_norm: batch norm statistics over the global batch instead of the replica's own.
        zero_initialize_classifier: the classifier starts at 0, where all classes are as likely.
        jit_compile: see `Networks`.
    """
    network = build_encoder(
        encoder.name,
        image_shape=image_shape,
        width=encoder.width,
        stem=encoder.stem,
        cross_replica_batch_norm=cross_replica_batch_norm,
    )
    width = int(network.output_shape[-1])
    head = ProjectionHead(
        widths=projection.widths,
        use_batch_norm=projection.batch_norm,
        cross_replica_batch_norm=cross_replica_batch_norm,
    )
    classifier = ClassificationHead(classes, zero_init=zero_initialize_classifier)
    head.build((None, width))
    classifier.build((None, width))
    return Networks(network, head, classifier, encoder.normalize_features, jit_compile)
