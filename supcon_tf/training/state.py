"""The state of one stage: all that a checkpoint has to hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Optional, Protocol

import tensorflow as tf

from supcon_tf.keras_generations import variable_path
from supcon_tf.losses.queue import Queue
from supcon_tf.names import PARTS
from supcon_tf.networks.networks import Networks
from supcon_tf.optim.weight_decay import decayed_variables


class Memory(Protocol):
    """Past images that a stage compares with: `training.momentum_queue.MomentumQueue`."""

    def begin(self) -> None:
        """Gets ready for an update, which has not changed the networks yet."""

    def read(self) -> Queue:
        """The queue as it is now."""

    def add(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        """Takes in one view of each image of this replica."""

    def parts(self) -> dict:
        """What a checkpoint has to hold, by name."""


@dataclasses.dataclass
class StageState:
    """What changes while a stage trains.

    Attributes:
        networks: all three.
        trains: names of those whose weights move, of `names.PARTS`.
        optimizer: of their variables, built.
        step: int64, the number of updates done.
        queue: of a stage that has one.
    """

    networks: Networks
    trains: tuple
    optimizer: tf.keras.optimizers.Optimizer
    step: tf.Variable
    queue: Optional[Memory] = None

    @classmethod
    def create(cls, networks: Networks, trains: Sequence[str], optimizer, queue: Optional[Memory] = None) -> StageState:
        """Step 0, with the optimizer's slots made: under replicas Keras 3 cannot make them in the first step."""
        optimizer.build(networks.variables_of(trains))
        return cls(networks, tuple(trains), optimizer, tf.Variable(0, dtype=tf.int64, name="step"), queue)

    @property
    def variables(self) -> list:
        """The variables that the optimizer updates, in a fixed order."""
        return self.networks.variables_of(self.trains)

    @property
    def variable_names(self) -> tuple:
        """What a message calls them: `encoder stem/kernel`."""
        parts = self.networks.parts()
        return tuple(f"{name} {variable_path(v)}" for name in self.trains for v in parts[name].trainable_variables)

    @property
    def replicas(self) -> int:
        """R, of the strategy that the state was made under."""
        strategy = getattr(self.step, "distribute_strategy", None)  # a variable of one device has none
        return strategy.num_replicas_in_sync if strategy else 1

    def trained_parts(self) -> list:
        """The networks whose weights move."""
        return [self.networks.parts()[name] for name in self.trains]

    def decayed(self, *, kinds: Sequence[str] = ("kernels",), parts: Sequence[str] = PARTS) -> list:
        """Those of the variables that weight decay shrinks: by kind (`optim.weight_decay`), in some parts."""
        return decayed_parts(self.networks, self.trains, kinds=kinds, parts=parts)

    def trackable(self) -> tf.train.Checkpoint:
        """The state as TensorFlow saves it."""
        queue = self.queue.parts() if self.queue else {}
        return tf.train.Checkpoint(optimizer=self.optimizer, step=self.step, **self.networks.parts(), **queue)


def decayed_parts(
    networks: Networks, trains: Sequence[str], *, kinds: Sequence[str], parts: Sequence[str] = PARTS
) -> list:
    """As `StageState.decayed`, before there is an optimizer, which may have to know them."""
    chosen = [networks.parts()[name] for name in trains if name in parts]
    return [variable for part in chosen for variable in decayed_variables(part, kinds=kinds)]
