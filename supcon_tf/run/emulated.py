"""Whether this machine is slower in a half type than in float32, as a CPU is that has no instructions for it."""

from __future__ import annotations

import time
from typing import Callable, Optional

import tensorflow as tf

SLOWER = 1.5  # times float32's time, from which on it is told
SHAPE, KERNEL, CALLS = (16, 16, 16, 16), 3, 3  # images, side, side, channels: milliseconds


def doubt(precision: str, *, seconds_of: Optional[Callable[[tf.DType], float]] = None) -> list[str]:
    """One sentence where a mixed precision makes steps slower instead of faster; nothing where it does not.

    Accelerators compute half types; of CPUs some do, and TensorFlow converts every number there and back on the others.
    So a convolution is timed in both types, where there are only CPUs.

    Args:
        precision: of `names.PRECISIONS`.
        seconds_of: times a convolution in a type; None measures.
    """
    if precision == "float32" or any(tf.config.list_logical_devices(kind) for kind in ("GPU", "TPU")):
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
