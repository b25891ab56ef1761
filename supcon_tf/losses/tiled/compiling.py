"""How the passes of the loss by tiles are run."""

from __future__ import annotations

import functools

import tensorflow as tf

_GRAPHS = 32  # of a pass that are kept, those used last: one for each mode, width of rows and way to run in use


def as_graph(function):
    """The function as a graph of its own when XLA is to compile it, or where eager calls would make its walk slow.

    Eager calls share a graph whatever their batch: from its second size on it is traced for any. Calls from a graph,
    which has as many sizes as the program, keep them, for XLA.
    """

    @functools.lru_cache(maxsize=_GRAPHS)
    def graph(widths, jit_compile, eager, **statics):
        del widths  # a graph for any batch is not one for any D or C
        return tf.function(
            functools.partial(function, **statics),
            autograph=False,
            jit_compile=jit_compile or None,
            reduce_retracing=eager,
        )

    @functools.wraps(function)
    def run(*tensors, jit_compile=False, **statics):
        eager = tf.executing_eagerly()
        if not (jit_compile or eager):
            return function(*tensors, **statics)
        given = [tensor for tensor in tf.nest.flatten(tensors) if tensor is not None]
        widths = tuple(tensor.shape[2] for tensor in given if tensor.shape.rank == 3)  # of [n, T, D] and [n, T, C]
        return graph(widths, jit_compile, eager, **statics)(*tensors)

    run.graphs = graph
    return run
