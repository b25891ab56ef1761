"""The trainer's objectives as a model of one's own needs them: with what its layers ask for beside the loss.

Layers of Keras may have regularizers and `add_loss`; the trainer's have none. Their sum is divided by the replicas,
whose gradients are summed.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from supcon_tf.distribution.collectives import replica_count
from supcon_tf.losses.soundness import refusal
from supcon_tf.training.objectives import Contrastive, Joint, Outcome


class _Penalised:
    """Adds the losses of `layers` to the value of an objective, and leaves labels to the loss as they are."""

    def compared(self, labels: tf.Tensor) -> tf.Tensor:
        return labels

    def outcome(self, outputs: tf.Tensor, labels: tf.Tensor, **how) -> Outcome:
        found = super().outcome(outputs, labels, **how)
        penalties = [penalty for layer in self.layers for penalty in layer.losses]
        if not penalties:
            return found
        if self.microbatches > 1:
            raise refusal(
                f"layers with regularizers or `add_loss` ({len(penalties)} here) cannot be trained with "
                "microbatches > 1, whose gradient goes through outputs alone. Take the regularizers out and give the "
                "optimizer `weight_decay`, or set microbatches=1."
            )
        share = tf.add_n([tf.cast(penalty, tf.float32) for penalty in penalties]) / replica_count()
        return found._replace(value=found.value + share)


@dataclasses.dataclass(frozen=True)
class PenalisedContrastive(_Penalised, Contrastive):
    """Encoder and projection head."""

    layers: tuple = ()
    microbatches: int = 1


@dataclasses.dataclass(frozen=True)
class PenalisedJoint(_Penalised, Joint):
    """Encoder, projection head and classifier."""

    layers: tuple = ()
    microbatches: int = 1
