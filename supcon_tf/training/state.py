"""The state of one stage: all that a checkpoint has to hold."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Optional

import tensorflow as tf

from supcon_tf.networks.networks import Networks

if TYPE_CHECKING:
    from supcon_tf.training.momentum_queue import MomentumQueue


@dataclasses.dataclass
class StageState:
    """What changes while a stage trains: networks, optimizer, the number of steps done, and a queue if there is one."""

    networks: Networks
    optimizer: tf.keras.optimizers.Optimizer
    step: tf.Variable
    queue: Optional[MomentumQueue] = None

    @classmethod
    def create(
        cls, networks: Networks, optimizer, variables: list, queue: Optional[MomentumQueue] = None
    ) -> StageState:
        """Step 0, with the optimizer's slots made: under replicas Keras 3 cannot make them in the first step."""
        optimizer.build(variables)
        return cls(networks, optimizer, tf.Variable(0, dtype=tf.int64, name="step"), queue)

    @property
    def replicas(self) -> int:
        """R, of the strategy that the state was made under."""
        strategy = getattr(self.step, "distribute_strategy", None)  # a variable of one device has none
        return strategy.num_replicas_in_sync if strategy else 1

    def trackable(self) -> tf.train.Checkpoint:
        """The state as TensorFlow saves it."""
        queue = self.queue.parts() if self.queue else {}
        return tf.train.Checkpoint(optimizer=self.optimizer, step=self.step, **self.networks.parts(), **queue)
