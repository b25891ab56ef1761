"""Checkpoints of one stage: saved at the end of epochs, restored when the same command runs again."""

from __future__ import annotations

import pathlib
from typing import Optional

import tensorflow as tf

from supcon_tf.training.state import StageState


class StageCheckpoints:
    """The newest two checkpoints of a stage in `<run directory>/checkpoints/<stage>`.

    Args:
        state: of the stage.
        directory: where they are written.
        read_from: where they are read; default `directory`. On several hosts all take part in writing, each to a
            directory of its own, and all read what the chief wrote.
    """

    def __init__(self, state: StageState, directory: pathlib.Path, read_from: Optional[pathlib.Path] = None):
        self._state = state
        self._read_from = str(read_from or directory)
        self._checkpoint = state.trackable()
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(directory), max_to_keep=2, step_counter=state.step, checkpoint_name="step"
        )

    def restore(self) -> int:
        """Brings the newest checkpoint back, if there is one; returns the number of steps done.

        Raises:
            ValueError: the checkpoint is damaged or of other networks.
        """
        newest = tf.train.latest_checkpoint(self._read_from)
        if newest:
            try:
                self._checkpoint.restore(newest).assert_existing_objects_matched()
            except (AssertionError, IndexError, ValueError, tf.errors.OpError) as error:
                reason = str(error).strip().splitlines()[0]
                raise ValueError(
                    f"the checkpoint {newest} does not fit this run ({reason}). Remove it to "
                    "use the one before, or use another --workdir."
                ) from error
        return int(self._state.step.numpy())

    def save(self) -> None:
        """Writes a checkpoint of the state as it is now."""
        self._manager.save(checkpoint_number=self._state.step)
