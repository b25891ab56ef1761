"""How far a stage has come, and what of that goes into a checkpoint beside the state."""

from __future__ import annotations

import time

import tensorflow as tf

from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.diagnostics import Observer
from supcon_tf.training.state import StageState
from supcon_tf.training.steps import Step
from supcon_tf.training.tally import Tally, begin, check, check_weights, means, saved_form

# Steps that loss scaling may leave out in a row. From 2^15 it halves the scale each time, so these leave nothing of it.
PATIENCE = 25


class Progress:
    """The steps that are done, and the epoch that is open: its record is not written yet.

    Begins where the newest checkpoint is.

    Args:
        step: what one replica does.
        state: of the stage; restored.
        checkpoints: of the stage.
        observer: whose looks belong to the open epoch.
        batch_size: images of the global batch.
    """

    def __init__(
        self, step: Step, state: StageState, checkpoints: StageCheckpoints, observer: Observer, *, batch_size: int
    ):
        self._step, self._state, self._checkpoints, self._batch_size = step, state, checkpoints, batch_size
        self._observer = observer
        self._scales = isinstance(state.optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
        self.patience = PATIENCE if self._scales else 1
        self.done, saved = checkpoints.restore()
        self.epoch = saved.get("epoch", 1)
        self.tally = begin(step, saved)
        observer.seen = saved.get("seen", [])
        self._started = time.perf_counter() - saved.get("seconds", 0.0)

    def move(self, count: int, tally: Tally) -> None:
        """So many steps were started; `tally` is theirs. Those of the call before are waited for, and checked.

        So an accelerator is one call ahead of Python.
        """
        self._check_tally()
        self.done, self.tally = self.done + count, tally

    def sound(self) -> bool:
        """Whether the last step, which is waited for, was finite; raises as `check` where it may not be otherwise."""
        self._check_tally()
        return int(self.tally.in_a_row) == 0

    def check(self) -> None:
        """Raises FloatingPointError when training has diverged; waits for all steps that were started."""
        self._check_tally()
        check_weights(self._state, self.done)

    def seconds(self) -> float:
        """What the open epoch took so far, in all sessions."""
        return time.perf_counter() - self._started

    def record(self, *, steps: int) -> dict:
        """Metrics of the open epoch, which has so many steps."""
        record = means(self.tally)
        record["input_share"] = record.pop("input_seconds") * steps / self.seconds()
        if self._scales:
            record["overflows"] = int(self.tally.skipped)
        return {**record, **self._observer.figures()}

    def next_epoch(self) -> None:
        """The record of the open epoch is written."""
        self.epoch += 1
        self.tally = begin(self._step, {"in_a_row": int(self.tally.in_a_row)})
        self._observer.seen = []
        self._started = time.perf_counter()

    def save(self) -> None:
        """Writes a checkpoint."""
        seen = [{name: float(value) for name, value in figures.items()} for figures in self._observer.seen]
        self._checkpoints.save({"epoch": self.epoch, "seconds": self.seconds(), "seen": seen, **saved_form(self.tally)})

    def _check_tally(self) -> None:
        check(self.tally, self._step, batch_size=self._batch_size, scales=self._scales)
