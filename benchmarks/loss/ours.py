"""What of this library is measured: one call gives the mean loss and the gradient by the rows."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from supcon_tf.losses import dense, pairs, supcon
from supcon_tf.losses.tiled import blocks


def tiled(labels, views, temperature, *, tile_rows=0, **arguments):
    """`supervised_contrastive_loss` by tiles; with tile_rows=0 as large as it chooses."""
    count = len(labels) * views
    size = tile_rows or blocks.tile_rows(count)

    def losses(labels, rows):
        projections = tf.reshape(rows, [-1, views, rows.shape[1]])
        return supcon.supervised_contrastive_loss(
            labels, projections, temperature=temperature, base_temperature=None, tile_rows=size, **arguments
        )

    return _compiled(losses, labels)


def chosen(labels, views, temperature):
    """`supervised_contrastive_loss` as it is called: by tiles or by the whole matrix, as it chooses."""

    def losses(labels, rows):
        projections = tf.reshape(rows, [-1, views, rows.shape[1]])
        return supcon.supervised_contrastive_loss(labels, projections, temperature=temperature, base_temperature=None)

    return _compiled(losses, labels)


def dense_tensorflow(labels, views, temperature, *, summation_location="out", denominator_mode="all"):
    """The same loss over the whole matrix."""

    def losses(labels, rows):
        ids = pairs.row_ids(tf.cast(labels, tf.int64), views=views)
        return dense.anchor_losses(
            rows, rows, ids, ids, temperature=temperature, summation_location=summation_location,
            denominator_mode=denominator_mode, kept_images=None,
        )  # fmt: skip

    return _compiled(losses, labels)


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


def _compiled(losses, labels):
    labels = tf.constant(labels, tf.int32)

    @tf.function
    def step(labels, rows):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            value = tf.reduce_mean(losses(labels, rows))
        return value, tape.gradient(value, rows)

    def call(rows):
        value, gradient = step(labels, tf.constant(rows))
        return float(value), gradient.numpy()

    return call
