"""What of this library is measured: one call gives the mean loss and the gradient by the rows.

Rows are of unit length already and are not brought to it (normalize=False): measured is the loss, as for the peers.
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from supcon_tf.losses import dense, pairs, supcon
from supcon_tf.losses.modes import Mode
from supcon_tf.losses.pairs import Rows
from supcon_tf.losses.tiled import blocks  # not by the kernel's door: the floor is measured on the kernel's own walk


def tiled(labels, views, temperature, *, tile_rows=0, unknown_batch=False, **arguments):
    """`supervised_contrastive_loss` by tiles; with tile_rows=0 as large as it chooses."""
    size = tile_rows or blocks.tile_rows(len(labels) * views)
    return _loss(labels, views, temperature, unknown_batch, tile_rows=size, **arguments)


def chosen(labels, views, temperature, *, unknown_batch=False):
    """`supervised_contrastive_loss` as it is called: by tiles or by the whole matrix, as it chooses."""
    return _loss(labels, views, temperature, unknown_batch)


def dense_tensorflow(
    labels, views, temperature, *, summation_location="out", denominator_mode="all", unknown_batch=False
):
    """The same loss over the whole matrix."""
    mode = Mode.of(summation_location, denominator_mode)

    def losses(labels, rows):
        everybody = Rows(rows, pairs.row_ids(tf.cast(labels, tf.int64), views=views))
        return dense.anchor_losses(everybody, everybody, mode=mode, temperature=temperature)

    return _compiled(losses, labels, unknown_batch)


def floor(labels, views, temperature, *, tile_rows=0):
    """The matrix products alone, in the same walk: one forward, three backward for each pair of blocks."""
    del temperature
    count = len(labels) * views
    size = tile_rows or blocks.tile_rows(count)
    number = -(-count // size)

    def walk(body, state):
        i, j = blocks.visits(anchors=number, keys=number, symmetric=True)
        return tf.while_loop(
            lambda at, state: at < len(i),
            lambda at, state: (at + 1, body(state, tf.gather(i, at), tf.gather(j, at))),
            (0, state),
            parallel_iterations=4,
        )[1]

    @tf.function
    def products(rows):
        x = tf.reshape(tf.pad(rows, [[0, number * size - count], [0, 0]]), [number, size, rows.shape[1]])

        def forward(total, i, j):
            return total + tf.matmul(tf.gather(x, i), tf.gather(x, j), transpose_b=True)[0, 0]

        def backward(gradient, i, j):
            x_i, x_j = tf.gather(x, i), tf.gather(x, j)
            g = tf.matmul(x_i, x_j, transpose_b=True)
            gradient = gradient.write(i, gradient.read(i) + tf.matmul(g, x_j))
            return gradient.write(j, gradient.read(j) + tf.matmul(g, x_i, transpose_a=True))

        return walk(forward, tf.constant(0.0)), walk(backward, blocks.listed(tf.zeros_like(x))).stack()

    def call(rows):
        total, gradient = products(tf.constant(rows))
        return float(total), np.asarray(gradient)

    return call


def _loss(labels, views, temperature, unknown_batch, **arguments):
    def losses(labels, rows):
        projections = tf.reshape(rows, [-1, views, rows.shape[1]])
        return supcon.supervised_contrastive_loss(
            labels, projections, temperature=temperature, base_temperature=None, normalize=False, **arguments
        )

    return _compiled(losses, labels, unknown_batch)


def _compiled(losses, labels, unknown_batch):
    """The step as a graph, made for this batch or, as `fit` makes it of arrays, for any."""
    labels = tf.constant(labels, tf.int32)

    def step(labels, rows):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            value = tf.reduce_mean(losses(labels, rows))
        return value, tape.gradient(value, rows)

    @functools.cache
    def graph(width):
        any_batch = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, width])]
        return tf.function(step, input_signature=any_batch if unknown_batch else None)

    def call(rows):
        value, gradient = graph(rows.shape[1])(labels, tf.constant(rows))
        return float(value), gradient.numpy()

    return call
