"""Checkpoints of one stage: saved at the end of epochs, restored when the same command runs again."""

from __future__ import annotations

import pathlib

import tensorflow as tf

from supcon_tf.training.state import StageState


class StageCheckpoints:
    """The newest two checkpoints of a stage in `<run directory>/checkpoints/<stage>`."""

    def __init__(self, state: StageState, directory: pathlib.Path):
        self._state = state
        self._checkpoint = state.trackable()
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(directory), max_to_keep=2, step_counter=state.step, checkpoint_name="step"
        )

    def restore(self) -> int:
        """Brings the newest checkpoint back, if there is one; returns the number of steps done.

        Raises:
            ValueError: the checkpoint is damaged or of other networks.
        """
        if self._manager.latest_checkpoint:
            try:
                self._checkpoint.restore(self._manager.latest_checkpoint).assert_existing_objects_matched()
            except (AssertionError, IndexError, ValueError, tf.errors.OpError) as error:
                reason = str(error).strip().splitlines()[0]
                raise ValueError(
                    f"the checkpoint {self._manager.latest_checkpoint} does not fit this run ({reason}). Remove it to "
                    "use the one before, or use another --workdir."
                ) from error
        return int(self._state.step.numpy())

    def save(self) -> None:
        """Writes a checkpoint of the state as it is now."""
        self._manager.save(checkpoint_number=self._state.step)
