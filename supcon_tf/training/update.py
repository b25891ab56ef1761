"""One update of one replica: forward, gradient, penalty, optimizer step, and its share of the global metrics."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple, Optional

import tensorflow as tf

from supcon_tf.keras_generations import loss_scaling
from supcon_tf.optim.gradient_norm import GradientNorm
from supcon_tf.optim.weight_decay import l2_penalty
from supcon_tf.training.gradient_cache import forward_state, rounding, value_and_gradients
from supcon_tf.training.objectives import Contrastive, CrossEntropy
from supcon_tf.training.state import StageState

SQUARES = "squares"  # half the squared norm of each gradient of a replica, float32 [number of trained variables]


class Penalty(NamedTuple):
    """Weight decay as an L2 penalty of the loss (`optim.weight_decay`)."""

    coefficient: float = 0.0
    variables: Sequence = ()  # that decay

    def added(self, gradients: Sequence, variables: Sequence, scale) -> list:
        """Gradients [of `variables`] with that of this replica's share of the penalty: the optimizer sums the shares.

        Args:
            gradients: of the scaled loss.
            variables: that they are by.
            scale: a scalar loss to the scaled one.
        """
        if not self.coefficient or not self.variables:
            return list(gradients)
        decayed = list(self.variables)
        with tf.GradientTape() as tape:
            share = self.coefficient / tf.distribute.get_strategy().num_replicas_in_sync
            penalty = scale(l2_penalty(decayed, coefficient=share))
        own = {id(variable): gradient for variable, gradient in zip(decayed, tape.gradient(penalty, decayed))}
        return [
            gradient + own[id(variable)] if id(variable) in own else gradient
            for variable, gradient in zip(variables, gradients)
        ]


class Update:
    """What one replica does in one update of a stage.

    Args:
        state: of the stage.
        objective: one of `training.objectives`.
        penalty: on the weights; None: none.
        microbatches: parts of a replica's batch that go through the networks one after the other; the gradient is
            still that of the whole global batch (`training.gradient_cache`).
        batch_statistics: batch norm takes the moments of the batch and moves its averages; False: it takes the moving
            averages and leaves them.

    Attributes:
        metrics: names of what a call gives, but for `SQUARES`, which comes beside them and is there to be checked.
        gradients: names of the trained variables, in the order of `SQUARES`.
    """

    def __init__(
        self,
        state: StageState,
        objective: Contrastive | CrossEntropy,
        *,
        penalty: Optional[Penalty] = None,
        microbatches: int = 1,
        batch_statistics: bool = True,
    ):
        self._state, self._objective, self._penalty = state, objective, penalty or Penalty()
        self._microbatches, self._training = microbatches, batch_statistics
        self._norm = GradientNorm(state.optimizer, state.replicas)
        self.metrics = (*objective.metrics, *(("gradient_norm",) if self._norm.known else ()))
        self.gradients = state.variable_names

    def __call__(self, images: tf.Tensor, labels: tf.Tensor) -> tuple:
        """Makes the update.

        Args:
            images: float32 [B, V, S, S, ch], of this replica.
            labels: int [B], or label sets float32 [B, C].

        Returns:
            (metrics float32 by name, whose sums over replicas are those of the global batch; what was compared:
            projections [B, V, D] and labels [B], or nothing).
        """
        state, objective = self._state, self._objective
        if state.queue:
            state.queue.begin()
        queue = state.queue.read() if state.queue else None
        inputs = objective.inputs(state.networks, images, training=self._training)
        forward = functools.partial(objective.forward, state.networks, training=self._training)
        scale, unscale = loss_scaling(state.optimizer)

        def of_batch(outputs):
            outcome = objective.outcome(outputs, labels, views=images.shape[1], queue=queue)
            return scale(outcome.value), outcome

        gradients, outcome = value_and_gradients(
            forward, inputs, of_batch, variables=state.variables, microbatches=self._microbatches, **self._repeating()
        )
        gradients = unscale(self._penalty.added(gradients, state.variables, scale))
        squares = tf.stack([tf.nn.l2_loss(gradient) for gradient in self._norm.unscaled(gradients)])
        metrics = {**outcome.metrics, **self._norm.apply(gradients, state.variables), SQUARES: squares}
        if state.queue:
            state.queue.add(images[:, -1], outcome.compared[1])
        return metrics, outcome.compared

    def _repeating(self) -> dict:
        """What has to be known of the networks where they see the same images twice."""
        if self._microbatches == 1:
            return {}
        trained = self._state.trained_parts()
        return {"state": forward_state(*trained), "rounding": rounding(*trained)}
