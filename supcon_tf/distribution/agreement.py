"""Whether all hosts of a run are about to do the same."""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.distribution.collectives import gather_rows
from supcon_tf.distribution.strategy import host_count


def texts_of_hosts(strategy: tf.distribute.Strategy, text: str) -> list[str]:
    """What each host says, in their order; all of them call this at the same point.

    Args:
        strategy: over the hosts.
        text: of this host.
    """
    if host_count(strategy) == 1:
        return [text]
    said = tf.constant(list(text.encode()), tf.int32)  # [n]
    longest = int(tf.reduce_max(_gathered(strategy, tf.reshape(tf.size(said), [1, 1]))))
    padded = tf.pad(said, [[0, longest - tf.size(said)]], constant_values=-1)[None]  # [1, longest]
    rows = _gathered(strategy, padded).numpy()  # [R, longest]
    replicas = len(rows) // host_count(strategy)  # of a host
    return [bytes(row[row >= 0].astype("uint8")).decode() for row in rows[::replicas]]


def _gathered(strategy: tf.distribute.Strategy, row: tf.Tensor) -> tf.Tensor:
    """The row [1, n] of every replica, [R, n]."""

    @tf.function
    def gather():
        return strategy.run(lambda: gather_rows(row))

    return strategy.experimental_local_results(gather())[0]
