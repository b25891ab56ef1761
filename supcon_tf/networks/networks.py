"""The networks of a run: encoder, projection head and classifier."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Callable, Optional

import numpy as np
import tensorflow as tf

from supcon_tf.layers.heads import ClassificationHead, ProjectionHead
from supcon_tf.layers.normalization import unit_rows
from supcon_tf.losses.large_margin import with_angles
from supcon_tf.networks.registry import build_encoder


@dataclasses.dataclass
class Networks:
    """Encoder, projection head and classifier: r = Enc(x), z = Proj(r), logits = Class(r) (Sec. 3.1).

    Attributes:
        encoder: images [M, S, S, ch] to features [M, F].
        projection: features to projections [M, D].
        classifier: features to logits [M, C]; None where nobody classifies.
        normalize_features: features have unit length before both heads.
        jit_compile: XLA compiles each pass by itself: for several replicas, whose meetings keep XLA from being put
            around the whole step. Batch norm must then be local, or replicas would meet inside.
        follower: networks of the same shape for a queue (`training.momentum_queue`).
    """

    encoder: tf.keras.Model
    projection: tf.keras.layers.Layer
    classifier: Optional[tf.keras.layers.Layer]
    normalize_features: bool
    jit_compile: bool = False
    follower: Optional[Networks] = None

    def __post_init__(self):
        self._compiled = {}  # passes by function and mode; each is traced once for a shape and a replica
        weights = self.classifier.get_weights() if self.classifier is not None else []
        self._first_classifier = [np.array(weight) for weight in weights]  # copies

    def features(self, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Images [M, S, S, ch] to features float32 [M, F], of unit length where the run asks for it."""
        return self._pass(_features, images, training)

    def project(self, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Images [M, S, S, ch] to projections float32 [M, D] of unit length."""
        return self._pass(_project, images, training)

    def project_and_classify(self, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Images [M, S, S, ch] to float32 [M, D + C]: projections, and logits that send no gradient to the encoder."""
        return self._pass(_project_and_classify, images, training)

    def classify(self, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Images [M, S, S, ch] to logits float32 [M, C]."""
        return self._pass(_classify, images, training)

    def classify_with_angles(self, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Images [M, S, S, ch] to float32 [M, 3 C]: logits, and what a large margin needs (`losses.large_margin`)."""
        return self._pass(_classify_with_angles, images, training)

    def renew_classifier(self) -> None:
        """Gives the classifier the weights that it was made with."""
        self.classifier.set_weights(self._first_classifier)

    def parts(self) -> dict[str, tf.keras.layers.Layer]:
        """The networks that there are, by name, as checkpoints and reports call them."""
        parts = {"encoder": self.encoder, "projection": self.projection, "classifier": self.classifier}
        return {name: part for name, part in parts.items() if part is not None}

    def variables_of(self, parts: Sequence[str]) -> list:
        """The trainable variables of these parts, in a fixed order."""
        return [variable for name in parts for variable in self.parts()[name].trainable_variables]

    def _pass(self, forward: Callable, images: tf.Tensor, training: bool) -> tf.Tensor:
        """A pass through networks, compiled by XLA where they ask for it; its gradient is then compiled too."""
        if not self.jit_compile:
            return forward(self, images, training=training)
        if (forward, training) not in self._compiled:
            run = functools.partial(forward, self, training=training)
            self._compiled[forward, training] = tf.function(run, jit_compile=True, autograph=False)
        return self._compiled[forward, training](images)


def _features(networks: Networks, images: tf.Tensor, *, training: bool) -> tf.Tensor:
    features = networks.encoder(images, training=training)  # [M, F]
    return unit_rows(features) if networks.normalize_features else tf.cast(features, tf.float32)


def _project(networks: Networks, images: tf.Tensor, *, training: bool) -> tf.Tensor:
    projections = networks.projection(_features(networks, images, training=training), training=training)  # [M, D]
    return tf.cast(projections, tf.float32)


def _project_and_classify(networks: Networks, images: tf.Tensor, *, training: bool) -> tf.Tensor:
    features = _features(networks, images, training=training)  # [M, F]
    projections = tf.cast(networks.projection(features, training=training), tf.float32)  # [M, D]
    return tf.concat([projections, networks.classifier(tf.stop_gradient(features))], -1)  # [M, D + C]


def _classify(networks: Networks, images: tf.Tensor, *, training: bool) -> tf.Tensor:
    return networks.classifier(_features(networks, images, training=training))  # [M, C]


def _classify_with_angles(networks: Networks, images: tf.Tensor, *, training: bool) -> tf.Tensor:
    features = _features(networks, images, training=training)  # [M, F]
    logits, kernel = networks.classifier(features), tf.convert_to_tensor(networks.classifier.dense.kernel)
    return with_angles(features, logits, kernel)  # [M, 3 C]


def build_networks(
    encoder,
    projection,
    *,
    image_shape: tuple,
    classes: int,
    cross_replica_batch_norm: bool = False,
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
        weights=encoder.weights,
        frozen=encoder.frozen,
        pixels=encoder.pixels,
    )
    width = int(network.output_shape[-1])
    head = ProjectionHead(
        widths=projection.widths,
        use_batch_norm=projection.batch_norm,
        cross_replica_batch_norm=cross_replica_batch_norm,
        last_batch_norm=projection.last_batch_norm,
        kernels=projection.kernels,
    )
    classifier = ClassificationHead(classes, zero_init=zero_initialize_classifier)
    head.build((None, width))
    classifier.build((None, width))
    return Networks(network, head, classifier, encoder.normalize_features, jit_compile)
