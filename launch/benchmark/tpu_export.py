"""The training step of one replica as a program for XLA, with inputs in the place of what it would gather.

The step is `training.steps.contrastive_step`, on the networks and the optimizer that the trainer builds; it is traced
as on a replica among many on an accelerator. Programs of several replicas cannot be had without them, so:

* What a replica receives of the others is an input: their projections and labels, and in the backward pass the two
  numbers of each of their rows that the loss by tiles exchanges. The replica is the first.
* The gradients are not summed over replicas, and batch norm takes the moments of the replica's own images.
* The dense loss, as the authors wrote it, needs the gradient by the gathered rows, [N, D], summed over replicas; here
  the replica's own gradient by the rows of all stands for what the others send.
"""

from __future__ import annotations

import contextlib
import pathlib
from unittest import mock

import tensorflow as tf

from supcon_tf import config
from supcon_tf.distribution import collectives
from supcon_tf.losses import blocks, dense, tiles
from supcon_tf.optim.optimizers import build_optimizer
from supcon_tf.training import gradient_cache, steps
from supcon_tf.training.state import StageState, build_networks

VIEWS, CLASSES = 2, 1000
WIDTHS = (2048, 128)  # of the projection head, Sec. 3.1
LOSS = {"temperature": 0.1}


def export(
    path, *, encoder: str, width: float, image_size: int, replicas: int, global_batch: int, precision: str,
    microbatches: int, loss: str, stem: str = "image",
) -> None:  # fmt: skip
    """Writes a serialized HloModuleProto.

    Args:
        path: of the file.
        encoder: name of an encoder.
        width: factor on its filters.
        image_size: S, pixels.
        replicas: R, a divisor of `global_batch`.
        global_batch: G, images in two views each.
        precision: a Keras policy.
        microbatches: parts of the replica's batch that go through the networks one after the other.
        loss: "tiled", or "dense" for the whole matrix of this replica's rows and those of all.
        stem: of the encoder.
    """
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(precision)
    try:
        state = _state(config.Encoder(name=encoder, width=width, stem=stem), image_size)
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
    step = steps.contrastive_step(
        state, batch_size=global_batch, weight_decay=1e-4, loss=LOSS, use_labels=True, microbatches=microbatches
    )
    own = global_batch // replicas
    gather = _Gather(replicas)

    @tf.function(jit_compile=True)
    def update(images, labels, *received):
        gather.received = received
        return step.run(images, labels)[0]

    images = tf.TensorSpec([own, VIEWS, image_size, image_size, 3])
    labels = tf.TensorSpec([own], tf.int64)
    with _among_replicas(gather, loss):
        ir = update.experimental_get_compiler_ir(images, labels, *_received(global_batch - own))
        # Lowered for the CPU, whatever is here: no operation of a GPU's library. TensorFlow 2.15 has this name for it.
        pathlib.Path(path).write_bytes(ir(stage="hlo_serialized", device_name="/device:CPU:0"))


def _state(encoder: config.Encoder, image_size: int) -> StageState:
    networks = build_networks(
        encoder, config.Projection(widths=WIDTHS), image_shape=(image_size, image_size, 3), classes=CLASSES,
        cross_replica_batch_norm=False,
    )  # fmt: skip
    optimizer = build_optimizer("momentum", learning_rate=0.1)
    return StageState.create(networks, optimizer, steps.trained_variables(networks, "contrastive"))


def _received(images: int) -> list:
    """What comes from the other replicas, for so many images of theirs; nothing where there are none."""
    rows = images * VIEWS  # N - M
    keys, labels, numbers = [rows, WIDTHS[-1]], [images], [rows, 2]
    return [tf.TensorSpec(keys), tf.TensorSpec(labels, tf.int64), tf.TensorSpec(numbers)] if images else []


class _Gather:
    """Stands in for the gathers over replicas: own rows, then those received, which are told apart by their shape."""

    def __init__(self, replicas: int):
        self.replicas, self.received = replicas, []

    def rows(self, rows):
        """As `collectives.gather_rows`, with the static shape that a program for XLA has."""
        found = [others for others in self.received if others.shape[1:] == rows.shape[1:]]
        return tf.concat([rows, *(tf.cast(others, rows.dtype) for others in found)], 0)

    def rows_and_gradient(self, rows):
        """The gather whose gradient is summed over replicas."""

        @tf.custom_gradient
        def gathered(rows):
            shape = [self.replicas, *rows.shape]
            return self.rows(rows), lambda upstream: tf.reduce_sum(tf.reshape(upstream, shape), 0)

        return gathered(rows)

    def dense_losses(
        self, anchors, keys, anchor_ids, key_ids, *, exchange=None, tile_rows=None, jit_compile=False, **kernel
    ):
        """In the place of `tiles.anchor_losses`."""
        del exchange, tile_rows, jit_compile
        return dense.anchor_losses(anchors, self.rows_and_gradient(anchors), anchor_ids, key_ids, **kernel)


@contextlib.contextmanager
def _among_replicas(gather: _Gather, loss: str):
    """While a step is traced in here, it is on one of many replicas, on an accelerator."""
    with contextlib.ExitStack() as stack:
        count = {"replica_count": lambda: gather.replicas}
        stack.enter_context(mock.patch.multiple(gradient_cache, **count))
        stack.enter_context(mock.patch.multiple(
            collectives, gather_rows=gather.rows, first_row=lambda rows: tf.constant(0), **count
        ))  # fmt: skip
        stack.enter_context(mock.patch.object(blocks, "on_cpu", lambda: False))
        if loss == "dense":
            stack.enter_context(mock.patch.object(tiles, "anchor_losses", gather.dense_losses))
        yield
