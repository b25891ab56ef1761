"""How the functions of the loss by tiles are run."""

from __future__ import annotations

import functools

import tensorflow as tf


def on_cpu() -> bool:
    """Whether this process has no accelerator."""
    return all(device.device_type == "CPU" for device in tf.config.list_logical_devices())


def as_graph(function):
    """The function as a graph when it is called eagerly, where its walk would be a slow Python loop."""

    @functools.cache
    def graph(**statics):
        return tf.function(functools.partial(function, **statics), autograph=False)

    @functools.wraps(function)
    def run(*tensors, **statics):
        return graph(**statics)(*tensors) if tf.executing_eagerly() else function(*tensors, **statics)

    return run
