"""One measured training step in a process of its own: `python -m launch.benchmark.train_step '{"images": 256}'`.

The contrastive update of the trainer, on images of random noise in two views; prints one JSON line.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import numpy as np
import tensorflow as tf

from launch.benchmark import memory
from supcon_tf import config
from supcon_tf.losses.supcon import supervised_contrastive_loss
from supcon_tf.optim.optimizers import build_optimizer
from supcon_tf.training import steps
from supcon_tf.training.loop import compile_update
from supcon_tf.training.state import StageState, build_networks

CLASSES, VIEWS = 10, 2
LOSS = {"temperature": 0.1}


def measure(
    images: int,
    microbatches: int = 1,
    encoder: str = "resnet18",
    width: float = 1.0,
    side: int = 32,
    calls: int = 3,
    jit_compile: bool = False,
    parts: bool = False,
) -> dict:
    """Time and memory of an update, after a first call that traces; `parts` adds the time of what it consists of."""
    strategy = tf.distribute.OneDeviceStrategy("CPU:0" if not tf.config.list_physical_devices("GPU") else "GPU:0")
    state = _state(strategy, encoder, width, side)
    arguments = {"loss": LOSS, "use_labels": True, "weight_decay": 1e-4, "batch_size": images}
    step = steps.contrastive_step(state, microbatches=microbatches, **arguments)
    update = compile_update(step, state, strategy, jit_compile=jit_compile)
    batch, labels = _batch(images, side)
    before = memory.resident_mb()
    memory.forget_peak()
    first, _ = _timed(update, batch, labels)
    peak = memory.peak_mb() - before
    times = [_timed(update, batch, labels)[0] for _ in range(calls)]
    seconds = statistics.median(times) if times else first
    found = {
        "what": "step", "images": images, "microbatches": microbatches, "encoder": encoder, "width": width,
        "side": side, "jit_compile": jit_compile, "calls": calls, "first_call_seconds": first, "seconds": seconds,
        "images_per_second": images / seconds, "first_call_mb": peak,
        "peak_mb": memory.peak_mb() - before,
    }  # fmt: skip
    return {**found, "parts": _parts(state, batch, labels, calls)} if parts else found


def _state(strategy, encoder, width, side) -> StageState:
    with strategy.scope():
        networks = build_networks(
            config.Encoder(name=encoder, width=width), config.Projection(widths=(512, 128)),
            image_shape=(side, side, 3), classes=CLASSES, cross_replica_batch_norm=False,
        )  # fmt: skip
        optimizer = build_optimizer("momentum", learning_rate=0.1)
        return StageState.create(networks, optimizer, steps.trained_variables(networks, "contrastive"))


def _batch(images, side):
    random = np.random.default_rng(0)
    batch = random.standard_normal([images, VIEWS, side, side, 3], dtype=np.float32)
    return tf.constant(batch), tf.constant(random.integers(0, CLASSES, images))


def _timed(function, *arguments):
    begin = time.perf_counter()
    result = function(*arguments)
    tf.nest.map_structure(lambda value: value.numpy(), result)  # waits
    return time.perf_counter() - begin, result


def _parts(state, batch, labels, calls) -> dict:
    """Seconds of the networks, forward and backward with a loss that costs nothing; of the loss; of the update."""
    variables = steps.trained_variables(state.networks, "contrastive")
    flat = tf.reshape(batch, [-1, *batch.shape[2:]])  # [M, S, S, 3]

    @tf.function
    def networks(flat):
        with tf.GradientTape() as tape:
            z = state.networks.project(flat, training=True)  # [M, D]
            total = tf.reduce_sum(z**3)
        return z, [tf.reduce_sum(gradient) for gradient in tape.gradient(total, variables)]

    @tf.function
    def loss(z):
        z = tf.reshape(z, [-1, VIEWS, z.shape[1]])  # [B, V, D]
        with tf.GradientTape() as tape:
            tape.watch(z)
            total = tf.reduce_mean(supervised_contrastive_loss(labels, z, **LOSS))
        return tape.gradient(total, z)

    @tf.function
    def update():
        state.optimizer.apply_gradients([(tf.zeros(variable.shape), variable) for variable in variables])
        return tf.constant(0)

    z = networks(flat)[0]
    cases = {"networks": (networks, flat), "loss": (loss, z), "update": (update,)}
    found = {}
    for name, (function, *arguments) in cases.items():
        _timed(function, *arguments)  # traces
        found[name] = statistics.median(_timed(function, *arguments)[0] for _ in range(max(calls, 1)))
    return found


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))), flush=True)
