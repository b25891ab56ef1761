"""Features and logits of a whole split, as arrays in the order of the data."""

from __future__ import annotations

from typing import Callable, Optional

import numpy as np
import tensorflow as tf

from supcon_tf.distribution.streams import Stream
from supcon_tf.networks.networks import Networks

Batches = Callable[[tf.distribute.InputContext], tf.data.Dataset]


def forward_on(networks: Networks, strategy: tf.distribute.Strategy) -> Callable:
    """A function from the images of all replicas to their features and logits, traced once for any number of splits.

    Args:
        networks: encoder and classifier.
        strategy: whose replicas make a pass each.
    """

    def forward(images):
        features = networks.features(images, training=False)  # [B, F]
        return features, networks.classifier(features)  # [B, F], [B, C]

    return on_replicas(forward, strategy)


def on_replicas(forward: Callable, strategy: tf.distribute.Strategy) -> Callable:
    """From a function of images [B, S, S, ch] to features and logits, one of the images of all replicas to those."""

    @tf.function
    def one_batch(images):
        return strategy.run(forward, args=(images,))

    return one_batch


def embed_split(networks: Networks, *, strategy: tf.distribute.Strategy, batches: Batches, **how) -> dict:
    """Every example of a split through encoder and classifier, in inference mode; `how` as in `embedding_on`."""
    return embedding_on(networks, strategy=strategy, batches=batches, **how)()


def embedding_on(
    networks: Networks,
    *,
    strategy: tf.distribute.Strategy,
    batches: Batches,
    progress: Callable = iter,
    forward: Optional[Callable] = None,
) -> Callable[[], dict]:
    """A function that does so now, and as often as it is called.

    Args:
        networks: encoder and classifier; not asked where `forward` is at hand.
        strategy: spreads the batches over its replicas.
        batches: from an input pipeline to its (images [B, S, S, ch], labels, weights [B]), in batches for one replica
            each (`data.pipeline.evaluation`); rows of weight 0 are padding and are left out.
        progress: from the batches to the batches, to count them as they go by.
        forward: of `forward_on` or `on_replicas`, where it is at hand.

    Returns:
        A function without arguments to "embeddings" float32 [n, F], "logits" float32 [n, C] and "labels", int64 [n] or
        float32 [n, C].
    """
    spread = strategy.distribute_datasets_from_function(batches)
    one_batch = forward or forward_on(networks, strategy)

    def whole(values):
        return strategy.gather(values, axis=0).numpy()  # of all hosts

    def embed() -> dict:
        parts = {"embeddings": [], "logits": [], "labels": []}
        with Stream(spread) as stream:
            for images, labels, weights in progress(stream):
                features, logits = one_batch(images)
                real = whole(weights) > 0  # [B]
                for name, values in (("embeddings", features), ("logits", logits), ("labels", labels)):
                    parts[name].append(whole(values)[real])
        return {name: np.concatenate(rows) for name, rows in parts.items()}

    return embed
