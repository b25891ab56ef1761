"""What a training step consists of, each part run alone: input, networks, loss, communication, update."""

from __future__ import annotations

import statistics
from typing import Callable

import numpy as np
import tensorflow as tf

from supcon_tf.augment.policies import policy
from supcon_tf.augment.views import several
from supcon_tf.data import pipeline
from supcon_tf.data.sets.source import Facts, Source
from supcon_tf.distribution.collectives import gather_rows


class Noise(Source):
    """Images of random noise in memory, uint8 [S, S, 3], all for training."""

    def __init__(self, images: int, side: int, classes: int):
        names = tuple(str(number) for number in range(classes))
        super().__init__(Facts("noise", classes, names, (side, side, 3), images, 0, "", (0.5,) * 3, (0.5,) * 3))
        self._images = np.random.default_rng(0).integers(0, 256, [images, side, side, 3], dtype=np.uint8)

    def fingerprint(self) -> str:
        return f"noise {self._images.shape}"

    def decode(self, encoded):
        raise NotImplementedError("noise is held decoded")

    def _labels(self, split):
        return np.arange(len(self._images), dtype=np.int64) % self.facts.classes

    def _stream(self, split, first, end):
        raise NotImplementedError("noise is held decoded")

    def _image_of(self, split):
        images = tf.constant(self._images)
        return lambda number: tf.gather(images, number)


def parts_of(state, images, labels, *, seconds, calls: int, loss: Callable) -> dict:
    """Median seconds of each part of the contrastive step of one replica, alone on the machine.

    Args:
        state: of a contrastive stage on one replica.
        images: float32 [B, V, S, S, 3].
        labels: [B].
        seconds: of a call of a function with its arguments.
        calls: after the one that traces.
        loss: (labels, projections) to one loss per image.

    Returns:
        "input_seconds": to make such a batch (SimAugment) from uint8 images in memory, by all cores; hidden behind
        the step where something else computes it. "networks_seconds": forward and backward under a loss that costs
        nothing. "loss_seconds", "update_seconds".
    """
    batch, views, side = images.shape[:3]
    variables = state.variables
    rows = tf.reshape(images, [-1, *images.shape[2:]])  # [M, S, S, 3]
    views_of = several(policy("sim_augment", size=side, crop_area=(0.2, 1.0), strength=0.5), count=views)
    batches = iter(pipeline.training(Noise(4 * batch, side, 10), views_of, batch_size=batch, seed=0))

    def next_batch():
        return next(batches)[1]

    @tf.function
    def networks(rows):
        with tf.GradientTape() as tape:
            z = state.networks.project(rows, training=True)  # [M, D]
            total = tf.reduce_sum(z**3)
        return z, [tf.reduce_sum(gradient) for gradient in tape.gradient(total, variables)]

    @tf.function
    def loss_alone(z):
        z = tf.reshape(z, [-1, views, z.shape[1]])  # [B, V, D]
        with tf.GradientTape() as tape:
            tape.watch(z)
            total = tf.reduce_mean(loss(labels, z))
        return tape.gradient(total, z)

    @tf.function
    def update():
        state.optimizer.apply_gradients([(tf.zeros(variable.shape), variable) for variable in variables])
        return tf.constant(0)

    cases = {
        "input": (next_batch,), "networks": (networks, rows), "loss": (loss_alone, networks(rows)[0]),
        "update": (update,),
    }  # fmt: skip
    found = {}
    for name, (function, *arguments) in cases.items():
        # What is prefetched costs nothing: as many batches as that are drawn before the clock starts.
        for _ in range(5 if name == "input" else 1):
            seconds(function, *arguments)
        found[f"{name}_seconds"] = statistics.median(seconds(function, *arguments) for _ in range(2 * calls + 1))
    return found


def communication_seconds(strategy, state, *, images: int, views: int, width: int, seconds, calls: int) -> float:
    """Median seconds of what replicas exchange in a step, and nothing else: see `benchmarks.step.communication`.

    Projections, labels, loss statistics; the moments of each batch norm, forward and backward; all gradients.
    """
    variables = state.variables
    norms = [layer for layer in state.networks.encoder.layers if isinstance(layer, tf.keras.layers.BatchNormalization)]
    share = images // strategy.num_replicas_in_sync

    def exchange(start):
        context = tf.distribute.get_replica_context()
        rows = gather_rows(tf.fill([share * views, width], start))  # [N, D]
        labels = gather_rows(tf.fill([share], tf.cast(start, tf.int64)))
        statistics_ = gather_rows(tf.fill([share * views, 2], rows[0, 0]))
        done = rows[0, 0] + statistics_[0, 0] + tf.cast(labels[0], tf.float32)
        for norm in norms:
            for count in (3, 2):  # forward, backward
                moments = context.all_reduce("SUM", tf.fill([count * int(norm.gamma.shape[0])], done))
                done = moments[0] * 0  # the next layer waits for this one
        gradients = context.all_reduce("SUM", [tf.fill(variable.shape, done) for variable in variables])
        return tf.add_n([tf.reduce_sum(gradient[..., :1]) for gradient in gradients])

    @tf.function
    def run():
        return strategy.experimental_local_results(strategy.run(exchange, args=(tf.constant(0.0),)))

    seconds(run)  # traces
    return statistics.median(seconds(run) for _ in range(calls))
