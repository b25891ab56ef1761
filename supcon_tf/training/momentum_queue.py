"""The memory of a contrastive stage: projections of past images, by a network that follows the trained one slowly.

With it a small batch meets many images (end of Sec. 4.4 of the paper, after MoCo: He et al., 2020, arXiv:1911.05722).
The first update begins with the follower as a copy. After each update

1. the follower takes a small part of the way to the trained encoder and projection head;
2. it projects the last view of each image, without a gradient, in the batch norm mode of the stage;
3. the projections of the global batch take the places of the oldest in the queue, with their labels.

The next updates compare their anchors with all of them. A queue that is not yet full counts as far as it is filled.

In a program of one's own weights may be loaded until the first update, and layers frozen and unfrozen at any time: the
follower takes both. It follows frozen weights too, so that one which is unfrozen has been followed all along.
"""

from __future__ import annotations

import functools
from typing import NamedTuple, Optional

import tensorflow as tf

from supcon_tf.distribution.collectives import gather_rows
from supcon_tf.keras_generations import freeze_alike, give_weights, tensorflow_variable, weights_to_train
from supcon_tf.losses.queue import Queue
from supcon_tf.networks.networks import Networks
from supcon_tf.training.gradient_cache import outputs_of

FOLLOWED = ("encoder", "projection")


class Memory(NamedTuple):
    """The variables of a queue."""

    rows: tf.Variable  # float32 [Q, D]
    labels: tf.Variable  # int64 [Q], -1 at the start
    added: tf.Variable  # int64 [], images since the start


class MomentumQueue:
    """Q rows of past images; make it inside `strategy.scope()`, before the stage's first step.

    Args:
        networks: that are trained, with a `follower`, which becomes a copy of them.
        size: Q, at least the images of the global batch.
        momentum: share of itself that the follower keeps at each step; 0.999 in MoCo.
        batch_statistics: batch norm of the follower takes the moments of the batch; False: its moving averages.
        microbatches: parts of a replica's images that go through the follower one after the other.
        memory: who keeps the queue, where that is not this object.
    """

    def __init__(
        self,
        networks: Networks,
        *,
        size: int,
        momentum: float,
        batch_statistics: bool = True,
        microbatches: int = 1,
        memory: Optional[Memory] = None,
    ):
        self._follower, self._momentum, self._microbatches = networks.follower, momentum, microbatches
        self._project = functools.partial(self._follower.project, training=batch_statistics)
        leaders, followers = networks.parts(), self._follower.parts()
        self._parts = [(followers[name], leaders[name]) for name in FOLLOWED]
        for follower, leader in self._parts:
            freeze_alike(follower, leader)  # on which the order of weights depends
            give_weights(follower, leader.get_weights())
        self._pairs = [pair for part in self._parts for pair in zip(*map(weights_to_train, part))]
        self._copied = [pair for part in self._parts for pair in zip(*map(_numbers, part))]
        self._rows, self._labels, self._added = memory or _empty(size, networks.projection.widths[-1])

    def begin(self) -> None:
        """Makes the follower a copy, as long as the queue is empty; call it as an update begins."""
        for part in self._parts:
            freeze_alike(*part)
        tf.distribute.get_replica_context().merge_call(self._copy)

    def read(self) -> Queue:
        """The queue as it is now: what `supervised_contrastive_loss` takes."""
        size = self._labels.shape[0]
        filled = tf.cast(tf.minimum(tf.convert_to_tensor(self._added), size), tf.int32)
        return Queue(tf.convert_to_tensor(self._rows), tf.convert_to_tensor(self._labels), filled)

    def add(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        """Moves the follower, and puts the images of all replicas in the places of the oldest.

        Args:
            images: float32 [B, S, S, ch], one view of each image of this replica.
            labels: integer [B], negative for unlabelled.
        """
        replicas = tf.distribute.get_replica_context()
        replicas.merge_call(self._follow)
        rows = gather_rows(outputs_of(self._project, images, microbatches=self._microbatches))  # [G, D]
        labels = gather_rows(tf.cast(labels, tf.int64))  # [G]
        count = tf.size(labels, tf.int64)
        places = (tf.convert_to_tensor(self._added) + tf.range(count)) % self._labels.shape[0]  # [G]
        replicas.merge_call(self._write, args=(places, rows, labels))

    def parts(self) -> dict:
        """What a checkpoint has to hold, by name."""
        followers = self._follower.parts()
        return {
            **{f"following_{name}": followers[name] for name in FOLLOWED},
            "queue_rows": self._rows,
            "queue_labels": self._labels,
            "queue_added": self._added,
        }

    def _copy(self, strategy) -> None:
        for follower, leader in self._copied:
            strategy.extended.update(follower, _equal_while_empty, args=(leader, self._added))

    def _follow(self, strategy) -> None:
        for follower, leader in self._pairs:
            strategy.extended.update(follower, self._closer, args=(leader,))

    def _closer(self, follower, leader):
        return follower.assign_add((1 - self._momentum) * (tf.convert_to_tensor(leader) - follower))

    def _write(self, strategy, places, rows, labels) -> None:
        """Every replica writes the same; without a gather of what each has by itself already."""
        for variable, values in ((self._rows, rows), (self._labels, labels)):
            strategy.extended.update(variable, _put, args=(places, values))
        strategy.extended.update(
            self._added, lambda added, places: added.assign_add(tf.size(places, tf.int64)), (places,)
        )


def _empty(size: int, width: int) -> Memory:
    return Memory(
        tf.Variable(tf.zeros([size, width]), trainable=False, name="queue_rows"),
        tf.Variable(-tf.ones([size], tf.int64), trainable=False, name="queue_labels"),
        tf.Variable(0, dtype=tf.int64, trainable=False, name="queue_added"),
    )


def _numbers(layer: tf.keras.layers.Layer) -> list[tf.Variable]:
    """All weights in a layer, TensorFlow's own, but for what random layers draw from."""
    weights = [tensorflow_variable(weight) for weight in layer.weights]
    return [weight for weight in weights if weight.dtype.is_floating]


def _equal_while_empty(follower, leader, added):
    leader, added = tf.convert_to_tensor(leader), tf.convert_to_tensor(added)
    return follower.assign(tf.where(added == 0, leader, tf.convert_to_tensor(follower)))


def _put(variable, places, values):
    return variable.assign(tf.tensor_scatter_nd_update(tf.convert_to_tensor(variable), places[:, None], values))
