"""What the whole loop costs beside the bare compiled step on the same input, step by step in turn in one process.

The loop is the trainer's: batches from a pipeline, looks at projections and updates, records, TensorBoard, the page,
a checkpoint. Its ordinary steps are compared with bare ones that run between them; what comes once in a while is
timed where it comes, and counted as often as it comes in a run.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from typing import NamedTuple

import tensorflow as tf

from benchmarks.step import setup
from supcon_tf import config, settings
from supcon_tf.records.directory import RunDirectory
from supcon_tf.report.report import COST, RunningReport
from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.compiled import compile_update
from supcon_tf.training.duration import Duration
from supcon_tf.training.loop import train_stage
from supcon_tf.training.observer import Observer
from supcon_tf.training.plan import StagePlan
from supcon_tf.training.reporting import Reporter

EVERY = config.Train().diagnose_every  # steps between looks
CHECKPOINT_EVERY = 1000  # steps


def measure(images: int = 64, rounds: int = 14, width: float = 1.0, side: int = 32) -> dict:
    """The loop over two epochs of `rounds` steps, two bare steps after each of them.

    Returns:
        "of_bare": median of loop step / mean of two bare steps over the ordinary steps; "bare_of_bare": of the second
        bare step / the first, the control; seconds of a look, of the end of an epoch
        (record, TensorBoard, checks), of a page and of a checkpoint; "overhead": all of them as a share of bare steps,
        with epochs of `CHECKPOINT_EVERY` steps.
    """
    strategy = setup.strategy_of(1)
    state = setup.state_of(strategy, "resnet18", width, side)
    step, duration = setup.update_of(state, images), Duration(2, rounds * images, images)
    arrays = setup.batch_of(images, side)
    update, batch = compile_update(step, state, strategy), [tf.constant(array) for array in arrays]
    bare = tf.function(lambda *batch: update(*batch)[0]["loss"])  # what only diagnosis asks for is not computed
    setup.seconds_of(bare, *batch)  # traces
    with tempfile.TemporaryDirectory() as name:
        directory = RunDirectory(name)
        directory.write(directory.config, settings.to_json(config.Experiment(contrastive=config.Stage(epochs=2))))
        turns = _Turns(directory, "contrastive", title="benchmark", duration=duration, learning_rate=lambda step: 0.1)
        turns.bare = lambda: setup.seconds_of(bare, *batch)
        observer = _TimedLooks(state, strategy, every=rounds // 2, duration=duration)
        turns.observer = observer
        saving = _TimedSaves(state, directory.checkpoints("contrastive"))
        stream = tf.data.Dataset.from_tensors(arrays).repeat().prefetch(2)
        plan = StagePlan(step, state, lambda done, context: stream, duration)
        train_stage(plan, strategy=strategy, reporter=turns, checkpoints=saving, observer=observer)
        page = RunningReport(directory)
        page_seconds = [_time(page.write) for _ in range(3)][-1]
    ordinary = [turn for turn in turns.turns[2:] if not turn.looked]  # the first trace
    step_seconds = statistics.median((turn.bare + turn.again) / 2 for turn in ordinary)
    of_bare = statistics.median(2 * turn.loop / (turn.bare + turn.again) for turn in ordinary)
    control = statistics.median(turn.again / turn.bare for turn in ordinary)
    look, save, end = observer.seconds[-1], saving.seconds[-1], turns.end_seconds[-1]
    rare = look / EVERY + (save + end) / CHECKPOINT_EVERY
    return {
        "what": "loop_overhead", "images": images, "width": width, "side": side, "rounds": len(ordinary),
        "bare_seconds": step_seconds, "of_bare": of_bare, "bare_of_bare": control,
        "look_seconds": look, "epoch_end_seconds": end,
        "checkpoint_seconds": save, "page_seconds": page_seconds,
        "overhead": of_bare - 1 + rare / step_seconds + COST,  # the page takes at most this share
        "looks_share": look / EVERY / step_seconds,
    }  # fmt: skip


def _time(function) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


class _Turn(NamedTuple):
    """Seconds of one step of the loop, and of the two bare steps after it."""

    loop: float
    bare: float
    again: float
    looked: bool


class _Turns(Reporter):
    """Runs and times two bare steps after each step of the loop, in whose `advance` the loop is between two steps."""

    bare = observer = None

    def start(self, *arguments, **named):
        super().start(*arguments, **named)
        self.turns, self.end_seconds = [], []
        self._mark = time.perf_counter()

    def advance(self, steps=1):
        super().advance(steps)
        loop_seconds, looks = time.perf_counter() - self._mark, len(self.observer.seconds)
        looked = looks > sum(turn.looked for turn in self.turns)
        self.turns.append(_Turn(loop_seconds, self.bare(), self.bare(), looked))
        self._mark = time.perf_counter()

    def epoch(self, *arguments):
        super().epoch(*arguments)
        self.end_seconds.append(time.perf_counter() - self._mark)  # the check of all weights is in it


class _TimedLooks(Observer):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.seconds = []

    def before(self):
        self._before_seconds = _time(super().before)

    def after(self, outputs):
        self.seconds.append(self._before_seconds + _time(lambda: super(_TimedLooks, self).after(outputs)))


class _TimedSaves(StageCheckpoints):
    seconds = ()

    def save(self, *arguments):
        self.seconds = [*self.seconds, _time(lambda: super(_TimedSaves, self).save(*arguments))]
