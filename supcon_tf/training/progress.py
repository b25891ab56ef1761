"""How far a stage has come, and what of that goes into a checkpoint beside the state."""

from __future__ import annotations

import time

from supcon_tf.keras_generations import renew_copies, scales_loss
from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.observer import Observer
from supcon_tf.training.plan import StagePlan
from supcon_tf.training.tally import Tally, begin, check, check_weights, means, saved_form

# Steps that loss scaling may leave out in a row. From 2^15 it halves the scale each time, so these leave nothing of it.
PATIENCE = 25


class Progress:
    """The steps that are done, and the epoch that is open: its record is not written yet.

    Begins where the newest checkpoint is.

    Args:
        plan: of the stage; its state is restored.
        checkpoints: of the stage.
        observer: whose looks belong to the open epoch.
    """

    def __init__(self, plan: StagePlan, checkpoints: StageCheckpoints, observer: Observer):
        self._update, self._state, self._checkpoints = plan.update, plan.state, checkpoints
        self._batch_size, self._observer = plan.duration.batch_size, observer
        self._scales = scales_loss(plan.state.optimizer)
        self.patience = PATIENCE if self._scales else 1
        self.done, saved = checkpoints.restore()
        for networks in filter(None, (plan.state.networks, plan.state.networks.follower)):
            renew_copies(networks.encoder)
        self.epoch = saved.get("epoch", 1)
        self.tally = begin(self._update, saved)
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
        return {**record, **self._observer.means(), "replicas": self._state.replicas}

    def next_epoch(self) -> None:
        """The record of the open epoch is written."""
        self.epoch += 1
        self.tally = begin(self._update, {"in_a_row": int(self.tally.in_a_row)})
        self._observer.seen = []
        self._started = time.perf_counter()

    def save(self) -> None:
        """Writes a checkpoint."""
        seen = [{name: float(value) for name, value in look.items()} for look in self._observer.seen]
        self._checkpoints.save({"epoch": self.epoch, "seconds": self.seconds(), "seen": seen, **saved_form(self.tally)})

    def _check_tally(self) -> None:
        check(self.tally, self._update, batch_size=self._batch_size, scales=self._scales)
