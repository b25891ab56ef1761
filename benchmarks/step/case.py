"""One measured training step in a process of its own: `python -m benchmarks.step.case '{"images": 256}'`.

The contrastive update of the trainer, on images of random noise in two views; prints one JSON line.
"""

from __future__ import annotations

import json
import statistics
import sys

import tensorflow as tf

from benchmarks import memory
from benchmarks.step import parts as step_parts
from benchmarks.step import setup
from supcon_tf.training.compiled import compile_update


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
    `parts` adds the seconds of what an update consists of, each run alone (`benchmarks.step.parts`).
    """
    strategy = setup.strategy_of(replicas)
    state = setup.state_of(strategy, encoder, width, side)
    step = setup.update_of(state, images, microbatches)
    update = _metrics_of(compile_update(step, state, strategy, jit_compile=jit_compile))
    arrays = setup.batch_of(images, side)
    batch = next(iter(strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensors(arrays))))
    before = memory.resident_mb()
    memory.forget_peak()
    first = setup.seconds_of(update, *batch)
    first_mb = memory.peak_mb() - before
    times = [setup.seconds_of(update, *batch) for _ in range(calls)]
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
    from benchmarks.step import peer

    strategy = setup.strategy_of(1)
    state = setup.state_of(strategy, "resnet18", width, side)
    arrays = setup.batch_of(images, side)
    step = setup.update_of(state, images)
    update, batch = _metrics_of(compile_update(step, state, strategy)), [tf.constant(array) for array in arrays]
    theirs = peer.contrastive_step(*arrays, width=width, temperature=setup.LOSS.keywords["temperature"])
    pairs = [(setup.seconds_of(update, *batch), setup.seconds_of(theirs)) for _ in range(calls + 1)]
    pairs = pairs[1:]  # the first traces
    return {
        "what": "step_beside_pytorch", "images": images, "width": width, "side": side, "calls": calls,
        "seconds": statistics.median(ours for ours, _ in pairs),
        "pytorch_seconds": statistics.median(other for _, other in pairs),
        "of_pytorch": statistics.median(ours / other for ours, other in pairs),
    }  # fmt: skip


def _metrics_of(update):
    return lambda *batch: update(*batch)[0]


def _parts(strategy, state, images, labels, calls) -> dict:
    """Of one replica, seconds of each part of the step alone; of several, of what they exchange."""
    how = {"seconds": setup.seconds_of, "calls": calls}
    if strategy.num_replicas_in_sync == 1:
        return step_parts.parts_of(state, tf.constant(images), tf.constant(labels), loss=setup.LOSS, **how)
    sizes = {"images": len(images), "views": setup.VIEWS, "width": setup.WIDTHS[-1]}
    return {"communication_seconds": step_parts.communication_seconds(strategy, state, **sizes, **how)}


if __name__ == "__main__":
    case = json.loads(sys.argv[1])
    if case.pop("loop", False):
        from benchmarks.step import loop

        print(json.dumps(loop.measure(**case)), flush=True)
    else:
        print(json.dumps(in_turn(**case) if case.pop("pytorch", False) else measure(**case)), flush=True)
