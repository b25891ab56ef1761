"""Features and logits of a whole split, as arrays in the order of the data."""

from __future__ import annotations

from typing import Callable

import numpy as np
import tensorflow as tf

from supcon_tf.training.state import Networks


def embed_split(
    networks: Networks,
    *,
    strategy: tf.distribute.Strategy,
    batches: Callable[[tf.distribute.InputContext], tf.data.Dataset],
) -> dict:
    """Every example of a split through encoder and classifier, in inference mode.

    Args:
        networks: encoder and classifier.
        strategy: spreads the batches over its replicas.
        batches: from an input pipeline to its (images [B, S, S, ch], labels [B], weights [B]), in batches for one
            replica each; rows of weight 0 are padding and are left out.

    Returns:
        "embeddings" float32 [n, F], "logits" float32 [n, C], "labels" int64 [n].
    """

    def forward(images):
        features = networks.features(images, training=False)  # [B, F]
        return features, networks.classifier(features)  # [B, F], [B, C]

    @tf.function
    def one_batch(images):
        return strategy.run(forward, args=(images,))

    def whole(values):
        return strategy.gather(values, axis=0).numpy()  # of all hosts

    parts = {"embeddings": [], "logits": [], "labels": []}
    for images, labels, weights in strategy.distribute_datasets_from_function(batches):
        features, logits = one_batch(images)
        real = whole(weights) > 0  # [B]
        for name, values in (("embeddings", features), ("logits", logits), ("labels", labels)):
            parts[name].append(whole(values)[real])
    return {name: np.concatenate(rows) for name, rows in parts.items()}
