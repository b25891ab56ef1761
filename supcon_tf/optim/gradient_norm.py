"""The global norm of the gradient that an optimizer applies, which on several replicas only the optimizer sees."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from supcon_tf.keras_generations import loss_scale, reads_summed_gradients, scales_loss, summed_gradients
from supcon_tf.optim.optimizers import known_to_all


class GradientNorm:
    """Measures sqrt(sum of squares) of the gradient of the global batch, without sending anything more.

    On several replicas the gradient is the sum of theirs, which the optimizer makes; it is watched at that. An
    optimizer that clips gradients clips that sum, as on one device; the norm is that of before.

    Args:
        optimizer: any.
        replicas: R.

    Attributes:
        known: whether the norm can be read: on several replicas not with an optimizer that shows nobody the sum
            (`keras_generations.reads_summed_gradients`).
    """

    def __init__(self, optimizer: tf.keras.optimizers.Optimizer, replicas: int):
        self._optimizer, self._replicas = optimizer, replicas
        self.known = replicas == 1 or reads_summed_gradients(optimizer)

    def apply(self, gradients: Sequence, variables: Sequence) -> dict:
        """`apply_gradients`, and {"gradient_norm": this replica's share}, whose sum over replicas is the norm.

        Args:
            gradients: of this replica, as `apply_gradients` takes them.
            variables: likewise.

        Returns:
            float32 scalar by name; nothing where the norm is not known. An update that loss scaling leaves out, for
            its gradient is not finite, counts as 0.
        """
        if self._replicas == 1:
            norm = tf.linalg.global_norm(self.unscaled(gradients))
            self._optimizer.apply_gradients(zip(gradients, variables))
        else:
            gradients = gradients if self.known else known_to_all(gradients)
            with summed_gradients(self._optimizer) as summed:  # which has the sum clipped, too
                self._optimizer.apply_gradients(zip(gradients, variables))
                norm = tf.linalg.global_norm(summed()) if self.known else None
        if norm is None:
            return {}
        if scales_loss(self._optimizer):
            norm = tf.where(tf.math.is_finite(norm), norm, 0)
        return {"gradient_norm": norm / self._replicas}

    def unscaled(self, gradients: Sequence) -> list:
        """Gradients as `apply_gradients` takes them, of the loss itself."""
        if not scales_loss(self._optimizer):
            return list(gradients)
        return [gradient / loss_scale(self._optimizer) for gradient in gradients]
