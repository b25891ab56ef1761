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

from launch.benchmark import memory, step_parts
from supcon_tf import config
from supcon_tf.distribution.strategy import make_strategy
from supcon_tf.networks.networks import build_networks
from supcon_tf.optim.optimizers import build_optimizer
from supcon_tf.training import steps
from supcon_tf.training.state import StageState
from supcon_tf.training.updates import compile_update

CLASSES, VIEWS, WIDTHS = 10, 2, (512, 128)
LOSS = {"temperature": 0.1}


def measure(
    images: int,
    microbatches: int = 1,
    replicas: int = 1,
    encoder: str = "resnet18",
    width: float = 1.0,
    side: int = 32,
    calls: int = 3,
    jit_compile: bool = False,
    parts: bool = False,
) -> dict:
    """Time and memory of an update of so many images in two views.

    The first call also traces; with `calls=0` it is all there is. `replicas` are logical devices that share the cores.
    `parts` adds the seconds of what an update consists of, each run alone (`launch.benchmark.step_parts`).
    """
    strategy = _strategy(replicas)
    state = _state(strategy, encoder, width, side)
    step = steps.contrastive_step(
        state, microbatches=microbatches, loss=LOSS, use_labels=True, weight_decay=1e-4, batch_size=images
    )
    update = _metrics_of(compile_update(step, state, strategy, jit_compile=jit_compile))
    arrays = _arrays(images, side)
    batch = next(iter(strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensors(arrays))))
    before = memory.resident_mb()
    memory.forget_peak()
    first = _seconds(update, *batch)
    first_mb = memory.peak_mb() - before
    times = [_seconds(update, *batch) for _ in range(calls)]
    seconds = statistics.median(times or [first])
    found = {
        "what": "step", "images": images, "microbatches": microbatches, "replicas": replicas, "encoder": encoder,
        "width": width, "side": side, "jit_compile": jit_compile, "calls": calls, "first_call_seconds": first,
        "seconds": seconds, "images_per_second": images / seconds, "first_call_mb": first_mb,
        "peak_mb": memory.peak_mb() - before,
    }  # fmt: skip
    return {**found, **(_parts(strategy, state, *arrays, calls) if parts else {})}


def in_turn(images: int, calls: int = 5, width: float = 1.0, side: int = 32) -> dict:
    """The update here and in PyTorch in turn, so that both see the same machine; the median of the ratios."""
    from launch.benchmark import torch_step

    strategy = _strategy(1)
    state = _state(strategy, "resnet18", width, side)
    arrays = _arrays(images, side)
    step = steps.contrastive_step(state, loss=LOSS, use_labels=True, weight_decay=1e-4, batch_size=images)
    update, batch = _metrics_of(compile_update(step, state, strategy)), [tf.constant(array) for array in arrays]
    theirs = torch_step.contrastive_step(*arrays, width=width, temperature=LOSS["temperature"])
    pairs = [(_seconds(update, *batch), _seconds(theirs)) for _ in range(calls + 1)][1:]  # the first traces
    return {
        "what": "step_beside_pytorch", "images": images, "width": width, "side": side, "calls": calls,
        "seconds": statistics.median(ours for ours, _ in pairs),
        "pytorch_seconds": statistics.median(other for _, other in pairs),
        "of_pytorch": statistics.median(ours / other for ours, other in pairs),
    }  # fmt: skip


def _strategy(replicas) -> tf.distribute.Strategy:
    if replicas > 1:  # replicas on one CPU wait for one another, each in a thread of its own
        tf.config.threading.set_inter_op_parallelism_threads(4 * replicas)
    return make_strategy("mirrored" if replicas > 1 else "one_device", replicas=replicas)


def _state(strategy, encoder, width, side) -> StageState:
    with strategy.scope():
        networks = build_networks(
            config.Encoder(name=encoder, width=width), config.Projection(widths=WIDTHS),
            image_shape=(side, side, 3), classes=CLASSES, cross_replica_batch_norm=strategy.num_replicas_in_sync > 1,
        )  # fmt: skip
        optimizer = build_optimizer("momentum", learning_rate=0.1)
        return StageState.create(networks, optimizer, steps.trained_variables(networks, "contrastive"))


def _arrays(images, side):
    """Noise float32 [B, V, S, S, 3], and labels [B]."""
    random = np.random.default_rng(0)
    batch = random.standard_normal([images, VIEWS, side, side, 3], dtype=np.float32)
    return batch, random.integers(0, CLASSES, images)


def _metrics_of(update):
    return lambda *batch: update(*batch)[0]


def _seconds(function, *arguments) -> float:
    begin = time.perf_counter()
    result = function(*arguments)
    tf.nest.map_structure(lambda value: value.numpy() if tf.is_tensor(value) else value, result)  # waits
    return time.perf_counter() - begin


def _parts(strategy, state, images, labels, calls) -> dict:
    """Of one replica, seconds of each part of the step alone; of several, of what they exchange."""
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        arrays = tf.constant(images), tf.constant(labels)
        return step_parts.parts_of(state, *arrays, seconds=_seconds, calls=calls, loss=LOSS)
    exchanged = step_parts.communication_seconds(
        strategy, state, images=len(images), views=VIEWS, width=WIDTHS[-1], seconds=_seconds, calls=calls
    )
    return {"communication_seconds": exchanged}


if __name__ == "__main__":
    case = json.loads(sys.argv[1])
    if case.pop("loop", False):
        from launch.benchmark import loop_overhead

        print(json.dumps(loop_overhead.measure(**case)), flush=True)
    else:
        print(json.dumps(in_turn(**case) if case.pop("pytorch", False) else measure(**case)), flush=True)
