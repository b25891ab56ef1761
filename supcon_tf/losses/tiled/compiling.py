"""How the passes of the loss by tiles are run."""

from __future__ import annotations

import functools

import tensorflow as tf


def on_cpu() -> bool:
    """Whether this process has no accelerator."""
    return all(device.device_type == "CPU" for device in tf.config.list_logical_devices())


def as_graph(function):
    """The function as a graph of its own when XLA is to compile it, or where eager calls would make its walk slow."""

    @functools.cache
    def graph(jit_compile, **statics):
        return tf.function(functools.partial(function, **statics), autograph=False, jit_compile=jit_compile or None)

    @functools.wraps(function)
    def run(*tensors, jit_compile=False, **statics):
        if jit_compile or tf.executing_eagerly():
            return graph(jit_compile, **statics)(*tensors)
        return function(*tensors, **statics)

    return run
