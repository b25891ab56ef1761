"""How far a stage has come, over checkpoints: steps, the open epoch, its sums and looks."""

from __future__ import annotations

import pytest
import tensorflow as tf

from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.duration import Duration
from supcon_tf.training.observer import Observer
from supcon_tf.training.plan import StagePlan
from supcon_tf.training.progress import Progress
from supcon_tf.training.tally import add
from supcon_tf.training.update import SQUARES
from tests.training import stages


@pytest.fixture
def begun(make_state, one_device, tmp_path):
    """A function to the progress of the stage as its directory has it."""

    def begin():
        state, duration = make_state(one_device), Duration(epochs=3, examples=40, batch_size=8)
        plan = StagePlan(stages.make_update(state), state, lambda *_: None, duration)
        observer = Observer(state, one_device, every=0, duration=duration)
        return Progress(plan, StageCheckpoints(state, tmp_path / "checkpoints"), observer), state, observer

    return begin


def step(at, state, loss):
    """One step with this loss, as the loop hands it over."""
    metrics = {name: tf.constant(loss) for name in (*at._update.metrics, "input_seconds")}
    metrics[SQUARES] = tf.ones([len(at._update.gradients)])
    state.step.assign_add(1)
    number = tf.constant(at.done + 1, tf.int64)
    at.move(1, add(at.tally, metrics, number, checked=at._update.metrics, patience=at.patience))


def test_an_open_epoch_goes_on_where_it_was(begun):
    at, state, observer = begun()
    assert (at.done, at.epoch, at.patience) == (0, 1, 1)
    for loss in (1.0, 2.0):
        step(at, state, loss)
    observer.seen.append({"alignment": 0.5})
    at.save()
    again, state, observer = begun()
    assert (again.done, again.epoch) == (2, 1) and observer.seen == [{"alignment": 0.5}]
    step(again, state, 6.0)
    record = again.record(steps=3)
    assert record["loss"] == 3.0 and record["alignment"] == 0.5 and "overflows" not in record


def test_a_closed_epoch_leaves_nothing_to_the_next(begun):
    at, state, observer = begun()
    step(at, state, 1.0)
    observer.seen.append({"alignment": 0.5})
    at.next_epoch()
    at.save()
    again, state, observer = begun()
    assert again.epoch == 2 and observer.seen == [] and int(again.tally.steps) == 0
    assert again.seconds() < 60


def test_a_step_that_is_not_finite_shows_when_it_is_waited_for(begun):
    at, state, _ = begun()
    step(at, state, 1.0)
    assert at.sound()
    step(at, state, float("nan"))
    with pytest.raises(FloatingPointError, match="step 2, examples 8 to 15"):
        at.check()
