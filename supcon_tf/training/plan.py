"""A stage that is ready to train, and how its steps are made: what the loop is handed."""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional

import tensorflow as tf

from supcon_tf.training.duration import Duration
from supcon_tf.training.state import StageState
from supcon_tf.training.update import Update


class StagePlan(NamedTuple):
    """A stage that is ready to train.

    Attributes:
        update: what one replica does in a step.
        state: of the stage; left as it is after the last step.
        batches: from the number of steps done, and one of the strategy's input pipelines, to the rest of its share of
            the stream, in batches for one replica each (`data.pipeline.training`).
        duration: of the stage.
        evaluate: to metrics of the test split, which join the record of an epoch; None measures nothing.
        evaluate_every: epochs between evaluations; the last epoch always has one.
    """

    update: Update
    state: StageState
    batches: Callable[[int, tf.distribute.InputContext], tf.data.Dataset]
    duration: Duration
    evaluate: Optional[Callable[[], dict]] = None
    evaluate_every: int = 1


class Pace(NamedTuple):
    """How steps are made; the numbers that come out are the same.

    Attributes:
        steps_per_call: most steps that TensorFlow does before it comes back to Python.
        checkpoint_every: steps between checkpoints within an epoch.
        jit_compile: see `compiled.compile_update`.
    """

    steps_per_call: int = 1
    checkpoint_every: int = 1000
    jit_compile: bool = False
