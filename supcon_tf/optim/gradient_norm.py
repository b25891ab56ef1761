"""The global norm of the gradient that an optimizer applies, which on several replicas only the optimizer sees."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import tensorflow as tf

from supcon_tf.optim.optimizers import known_to_all


class GradientNorm:
    """Measures sqrt(sum of squares) of the gradient of the global batch, without sending anything more.

    On several replicas the gradient is the sum of theirs, which the optimizer makes; it is watched at that.

    Args:
        optimizer: any; watched from now on.
        replicas: R.
    """

    def __init__(self, optimizer: tf.keras.optimizers.Optimizer, replicas: int):
        self._optimizer, self._replicas = optimizer, replicas
        self._scaled = hasattr(optimizer, "inner_optimizer")
        # Keras 3 sums scaled gradients inside a branch of the graph, which nothing outside can read.
        self.known = replicas == 1 or not self._scaled or hasattr(optimizer, "get_unscaled_gradients")
        self._own = threading.local()  # each replica is traced in a thread of its own
        if self.known and replicas > 1:
            self._watch(getattr(optimizer, "inner_optimizer", optimizer))

    def apply(self, gradients: Sequence, variables: Sequence) -> dict:
        """`apply_gradients`, and {"gradient_norm": this replica's share}, whose sum over replicas is the norm.

        Args:
            gradients: of this replica, as `apply_gradients` takes them.
            variables: likewise.

        Returns:
            float32 scalar by name. An update that loss scaling leaves out, for its gradient is not finite, counts
            as 0. Nothing where `known` is False: scaled losses on several replicas with Keras 3.
        """
        norm = tf.linalg.global_norm(self.unscaled(gradients)) if self._replicas == 1 else None
        if not self.known:
            gradients = known_to_all(gradients)
        self._optimizer.apply_gradients(zip(gradients, variables))
        if not self.known:
            return {}
        if norm is None:
            norm = tf.linalg.global_norm(self._own.summed)
        norm = tf.where(tf.math.is_finite(norm), norm, 0) if self._scaled else norm
        return {"gradient_norm": norm / self._replicas}

    def unscaled(self, gradients: Sequence) -> list:
        """Gradients as `apply_gradients` takes them, of the loss itself."""
        if self._scaled and not hasattr(self._optimizer, "get_unscaled_gradients"):  # Keras 3 does it in `apply`
            return [gradient / tf.convert_to_tensor(self._optimizer.dynamic_scale) for gradient in gradients]
        return list(gradients)

    def _watch(self, optimizer) -> None:
        name = "aggregate_gradients" if hasattr(optimizer, "aggregate_gradients") else "_all_reduce_sum_gradients"
        aggregate = getattr(optimizer, name)

        def watched(grads_and_vars):
            summed = list(aggregate(grads_and_vars))
            self._own.summed = [gradient for gradient, _ in summed]
            return summed

        setattr(optimizer, name, watched)
