"""Features and logits of a whole split, as arrays in the order of the data."""

from __future__ import annotations

from typing import Callable

import numpy as np
import tensorflow as tf

from supcon_tf.networks.networks import Networks

Batches = Callable[[tf.distribute.InputContext], tf.data.Dataset]


def embed_split(
    networks: Networks, *, strategy: tf.distribute.Strategy, batches: Batches, progress: Callable = iter
) -> dict:
    """Every example of a split through encoder and classifier, in inference mode; see `embedding_on`."""
    return embedding_on(networks, strategy=strategy, batches=batches, progress=progress)()


def embedding_on(
    networks: Networks, *, strategy: tf.distribute.Strategy, batches: Batches, progress: Callable = iter
) -> Callable[[], dict]:
    """A function that does so now, and as often as it is called.

    Args:
        networks: encoder and classifier.
        strategy: spreads the batches over its replicas.
        batches: from an input pipeline to its (images [B, S, S, ch], labels, weights [B]), in batches for one replica
            each (`data.pipeline.evaluation`); rows of weight 0 are padding and are left out.
        progress: from the batches to the batches, to count them as they go by.

    Returns:
        A function without arguments to "embeddings" float32 [n, F], "logits" float32 [n, C] and "labels", int64 [n] or
        float32 [n, C].
    """
    spread = strategy.distribute_datasets_from_function(batches)

    def forward(images):
        features = networks.features(images, training=False)  # [B, F]
        return features, networks.classifier(features)  # [B, F], [B, C]

    @tf.function
    def one_batch(images):
        return strategy.run(forward, args=(images,))

    def whole(values):
        return strategy.gather(values, axis=0).numpy()  # of all hosts

    def embed() -> dict:
        parts = {"embeddings": [], "logits": [], "labels": []}
        for images, labels, weights in progress(spread):
            features, logits = one_batch(images)
            real = whole(weights) > 0  # [B]
            for name, values in (("embeddings", features), ("logits", logits), ("labels", labels)):
                parts[name].append(whole(values)[real])
        return {name: np.concatenate(rows) for name, rows in parts.items()}

    return embed
