"""Looks at some of the steps: at the projections that a step has anyway, and at how far it moves the weights.

Once every so many steps, at the last step of the first epoch and at that of the stage, outside the step. So the step
itself costs nothing more, and what is measured is of the global batch whatever the number of replicas.
"""

from __future__ import annotations

import functools
import math
from typing import Optional

import tensorflow as tf

from supcon_tf.training.diagnostics import describe
from supcon_tf.training.duration import Duration
from supcon_tf.training.state import StageState


class Observer:
    """Looks at one step in `every`, and gathers in `seen`, which is emptied as an epoch ends, what it saw.

    Args:
        state: of the stage.
        strategy: of its variables.
        every: steps between two looks; 0 looks at none.
        duration: of the stage, whose last step is looked at, and that of its first epoch, which shows how it starts.
        kept_images: as in `diagnostics.describe`.
    """

    def __init__(
        self, state: StageState, strategy, *, every: int, duration: Duration, kept_images: Optional[int] = None
    ):
        self._variables, self._strategy = state.variables, strategy
        self._every, self._ends = every, (duration.steps(1), duration.total_steps)
        self._describe = tf.function(functools.partial(describe, kept_images=kept_images))
        self._before, self.seen = [], []

    def due(self, step: int) -> bool:
        """Whether step `step`, counted from 1, is one to look at."""
        return self._every > 0 and (step % self._every == 0 or step in self._ends)

    def unseen(self, done: int, most: int) -> int:
        """How many of the next `most` steps come before one to look at."""
        return next((count for count in range(most) if self.due(done + count + 1)), most)

    def before(self) -> None:
        """Remembers the weights, just before a step to look at."""
        self._before = [tf.identity(tf.convert_to_tensor(variable)) for variable in self._variables]

    def after(self, compared: tuple) -> None:
        """Looks at what the step compared: projections [B, V, D] and labels of each replica, or none."""
        moved = [tf.convert_to_tensor(now) - then for now, then in zip(self._variables, self._before)]
        look = {"update_norm": tf.linalg.global_norm(moved)}
        if compared:
            projections, labels = (self._strategy.gather(value, axis=0) for value in compared)  # [G, V, D], [G]
            look.update(self._describe(projections, labels))
        self._before = []
        self.seen.append(look)

    def means(self) -> dict[str, float]:
        """The mean of each measure over `seen`, of "positives_min" the least; without those that have none."""
        seen = [{name: float(value) for name, value in look.items()} for look in self.seen]
        means = {}
        for name in dict.fromkeys(name for look in seen for name in look):
            values = [look[name] for look in seen if math.isfinite(look[name])]
            if values:
                means[name] = min(values) if name == "positives_min" else sum(values) / len(values)
        return means
