"""Moving averages of batch norm that takes each replica's own moments: kept the same on all replicas.

Each replica moves averages of its own. Left so, every replica would evaluate another network, and a checkpoint, which
holds one value of a variable, could not bring them back. So after an update all take the mean over replicas.
"""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.distribution.collectives import gather_rows
from supcon_tf.keras_generations import inner_layers
from supcon_tf.networks.networks import Networks


def local_averages(networks: Networks) -> list:
    """Moving averages, float32, of the batch norms that are not cross-replica; a follower's too."""
    every = (networks, networks.follower) if networks.follower else (networks,)
    parts = (part for one in every for part in one.parts().values())
    layers = (layer for part in parts for layer in inner_layers(part))
    local = [layer for layer in layers if getattr(layer, "synchronized", None) is False]
    return [average for layer in local for average in (layer.moving_mean, layer.moving_variance)]


def take_mean(averages: list) -> None:
    """Gives these variables of a replica their mean over all replicas; call it in replica context.

    Equal ones keep every bit, as those of a frozen encoder must: the mean is that of what they differ by.
    """
    if not averages or tf.distribute.get_replica_context().num_replicas_in_sync == 1:
        return
    own = tf.concat([tf.convert_to_tensor(average) for average in averages], 0)  # [n], of all layers
    of_all = tf.reshape(gather_rows(own), [-1, *own.shape])  # [R, n]
    mean = of_all[0] + tf.reduce_mean(of_all - of_all[0], 0)  # [n]
    for average, value in zip(averages, tf.split(mean, [average.shape[0] for average in averages])):
        average.assign(value)
