"""What this machine's processor is slow in, or wrong: half types that it emulates, oneDNN where it is switched on."""

from __future__ import annotations

import pathlib
import re
import time
from typing import Callable, Optional

import tensorflow as tf

from supcon_tf.records import environment

SLOWER = 1.5  # times float32's time, from which on it is told
SHAPE, KERNEL, CALLS = (16, 16, 16, 16), 3, 3  # images, side, side, channels: milliseconds

# With one of these TensorFlow has oneDNN on by itself.
ONEDNN_SUITS = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile"}
CPU = pathlib.Path("/proc/cpuinfo")


def doubts(precision: str) -> list[str]:
    """A sentence for each thing that a run in `precision` should know of this machine."""
    if any(tf.config.list_logical_devices(kind) for kind in ("GPU", "TPU")):
        return []
    return half_type(precision) + onednn()


def onednn() -> list[str]:
    """One sentence where oneDNN was switched on for a CPU on which it gives wrong gradients; nothing elsewhere.

    By its AVX2 kernels the gradient of a strided 1 x 1 convolution by its weights was wrong in some calls
    (TensorFlow 2.15 and 2.21, 4 to 8 channels, two threads; November 2026); with one thread a process ended by its
    broken memory. `tests/run/test_processor.py` has the case.
    """
    on = environment.onednn() == "on"
    found = re.search(r"^flags\s*:(.*)$", CPU.read_text(), re.MULTILINE) if on and CPU.exists() else None
    if not found or ONEDNN_SUITS & set(found[1].split()):
        return []
    return [
        "TF_ENABLE_ONEDNN_OPTS is on, and this CPU has none of the instructions with which TensorFlow would have it on:"
        " oneDNN's kernels for it gave wrong gradients of strided convolutions. Unset the variable."
    ]


def half_type(precision: str, *, seconds_of: Optional[Callable[[tf.DType], float]] = None) -> list[str]:
    """One sentence where a mixed precision makes steps slower instead of faster; nothing where it does not.

    Some CPUs compute half types, and TensorFlow converts every number there and back on the others: so a convolution is
    timed in both types.

    Args:
        precision: of `names.PRECISIONS`.
        seconds_of: times a convolution in a type; None measures.
    """
    if precision == "float32":
        return []
    half, measure = tf.as_dtype(precision.removeprefix("mixed_")), seconds_of or seconds
    times = measure(half) / measure(tf.float32)
    if times < SLOWER:
        return []
    return [
        f"on this CPU a convolution takes {times:.1f} times as long in {half.name} as in float32, as where there are "
        "no instructions for it: --precision=float32 is faster, and more exact."
    ]


def seconds(dtype: tf.DType) -> float:
    """The shortest time of a small convolution and its gradient."""
    images = tf.ones(SHAPE, dtype)
    kernel = tf.ones([KERNEL, KERNEL, SHAPE[-1], SHAPE[-1]], dtype)

    @tf.function(autograph=False)
    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            outputs = tf.nn.conv2d(images, kernel, 1, "SAME")  # [B, S, S, K]
        return tape.gradient(outputs, kernel)

    gradient()  # traces
    times = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        gradient().numpy()
        times.append(time.perf_counter() - begun)
    return min(times)
