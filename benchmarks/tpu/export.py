"""The training step of one replica as a program for XLA, with inputs in the place of what it would gather.

The step is that of the trainer (`run.recipe`), with the networks, optimizer, loss and penalty of the experiment; it is
traced as on a replica among many of a TPU (`collectives.standing_in`). Programs of several replicas cannot be had
without them, so:

* What a replica receives of the others is an input: their projections and labels, and in the backward pass the
  numbers of each of their rows that the loss by tiles exchanges, two for the default loss. The replica is the first.
* The gradients are not summed over replicas, and batch norm takes the moments of the replica's own images.
* The dense loss, as the authors wrote it, needs the gradient by the gathered rows, [N, D], summed over replicas; here
  the replica's own gradient by the rows of all stands for what the others send.
"""

from __future__ import annotations

import pathlib

import tensorflow as tf

from supcon_tf.config import Experiment
from supcon_tf.distribution import collectives
from supcon_tf.losses.modes import Mode
from supcon_tf.losses.tiled import kernel
from supcon_tf.networks.networks import build_networks
from supcon_tf.run import recipe
from supcon_tf.training.state import StageState

EXAMPLES, CLASSES = 1_281_167, 1000  # of ImageNet; they decide the length of the schedule and an idle head
TILE_ROWS = {"tiled": None, "dense": 0}  # of the loss: chosen for an accelerator, or none, the whole matrix


def export(path, experiment: Experiment, *, replicas: int, loss: str) -> None:
    """Writes a serialized HloModuleProto of one replica's step of the contrastive stage.

    Args:
        path: of the file.
        experiment: with a contrastive stage, no queue, batch norm of each replica, and `data.image_size`.
        replicas: R, a divisor of the stage's batch.
        loss: "tiled", or "dense" for the whole matrix of this replica's rows and those of all.
    """
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(experiment.precision)
    try:
        state = _state(experiment)
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
    step = recipe.update_of(experiment, "contrastive", state, tile_rows=TILE_ROWS[loss])
    images, views, size = experiment.contrastive.batch_size, experiment.data.views, experiment.data.image_size
    own = images // replicas
    others = Others(replicas)

    @tf.function(jit_compile=True)
    def update(images, labels, *received):
        others.received = received
        return step(images, labels)[0]

    given = tf.TensorSpec([own, views, size, size, 3]), tf.TensorSpec([own], tf.int64)
    with collectives.standing_in(others.with_this_one()):
        ir = update.experimental_get_compiler_ir(*given, *_received(experiment, images - own))
        # Lowered for the CPU, whatever is here: no operation of a GPU's library. TensorFlow 2.15 has this name for it.
        pathlib.Path(path).write_bytes(ir(stage="hlo_serialized", device_name="/device:CPU:0"))


def _state(experiment: Experiment) -> StageState:
    size, contrastive = experiment.data.image_size, experiment.contrastive
    networks = build_networks(
        experiment.encoder, experiment.projection, image_shape=(size, size, 3), classes=CLASSES,
        cross_replica_batch_norm=False,
    )  # fmt: skip
    schedule = recipe.schedule_of(contrastive, recipe.duration_of(contrastive, EXAMPLES))
    return recipe.state_of(experiment, "contrastive", networks, schedule, tf.distribute.get_strategy())


def _received(experiment: Experiment, images: int) -> list:
    """What comes from the other replicas, for so many images of theirs; nothing where there are none."""
    if not images:
        return []
    rows, loss = images * experiment.data.views, experiment.loss  # N - M
    sent = kernel.numbers_sent(Mode.of(loss.summation_location, loss.denominator_mode))
    keys = tf.TensorSpec([rows, experiment.projection.widths[-1]])
    return [keys, tf.TensorSpec([images], tf.int64), tf.TensorSpec([rows, sent])]


class Others:
    """The other replicas, of which there is only what they send: tensors, told apart by their shape."""

    def __init__(self, replicas: int):
        self.replicas, self.received = replicas, []

    def with_this_one(self) -> collectives.Replicas:
        """All of them, as the first sees them: on a TPU."""
        return collectives.Replicas(
            self.replicas, self.gather, lambda rows: tf.constant(0), one_program=True, accelerated=True
        )

    def gather(self, rows):
        """As `collectives.gather_rows`, with the static shape that a program for XLA has: own rows, then received ones.

        By its gradient, each replica sends back as much as this one does.
        """
        found = [others for others in self.received if others.shape[1:] == rows.shape[1:]]
        if not rows.dtype.is_floating:
            return tf.concat([rows, *(tf.cast(others, rows.dtype) for others in found)], 0)

        @tf.custom_gradient
        def gathered(rows):
            together = tf.concat([rows, *found], 0)  # [N, ...]

            def gradient(upstream):
                return tf.reduce_sum(tf.reshape(upstream, [self.replicas, *rows.shape]), 0)

            return together, gradient

        return gathered(rows)
