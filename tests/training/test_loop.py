"""Epochs in steps, and the check that stops a run that has diverged."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.loop import Duration, check_finite, compile_update, mean_metrics, train_stage
from supcon_tf.training.reporting import Reporter
from supcon_tf.training.steps import Step, contrastive_step


def test_every_epoch_has_shown_every_image_that_often():
    duration = Duration(epochs=3, examples=10, batch_size=4)
    assert [duration.steps(epoch) for epoch in range(4)] == [0, 3, 5, 8]
    assert duration.total_steps == 8 and 8 * 4 >= 3 * 10


@pytest.mark.parametrize("step, epochs", [(0, 0), (2, 0), (3, 1), (4, 1), (5, 2), (8, 3)])
def test_complete_epochs_after_a_step(step, epochs):
    assert Duration(epochs=3, examples=10, batch_size=4).epochs_done(step) == epochs


def test_a_batch_larger_than_the_data_is_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"batch of 16 images is larger than the 10 .* batch_size to at most 10"):
        Duration(epochs=1, examples=10, batch_size=16)


def test_metrics_are_means_over_steps():
    """Of sums over two steps and one."""
    assert mean_metrics([{"loss": np.float32(3)}, {"loss": np.float32(3)}], 3) == {"loss": 2.0}


@pytest.mark.parametrize("options", [{"steps_per_call": 3}, {"jit_compile": True}])
def test_how_steps_are_called_changes_no_weight(options, tmp_path, make_state, one_device, batch):
    """Five steps in calls of three and two, or compiled by XLA, beside five calls of one."""
    ends = []
    for number, how in enumerate(({}, options)):
        state, images, labels = make_state(one_device), *batch
        reporter = Reporter(
            tmp_path / str(number), "contrastive", title="t", epochs=1, total_steps=5, batch_size=8,
            learning_rate=float, constants={},
        )  # fmt: skip
        train_stage(
            contrastive_step(state, batch_size=8, weight_decay=0.01, loss={}, use_labels=True),
            state,
            strategy=one_device,
            batches=lambda done, context, images=images, labels=labels: tf.data.Dataset.from_tensors(
                (images, labels)
            ).repeat(),
            duration=Duration(epochs=1, examples=40, batch_size=8),
            checkpoints=StageCheckpoints(state, tmp_path / str(number) / "checkpoints"),
            reporter=reporter,
            **how,
        )
        assert int(state.step.numpy()) == 5
        loss = json.loads((tmp_path / str(number) / "metrics.jsonl").read_text())["loss"]
        ends.append((loss, [w.numpy() for part in state.networks.parts().values() for w in part.weights]))
    assert ends[1][0] == pytest.approx(ends[0][0], rel=1e-5)
    for one, other in zip(ends[0][1], ends[1][1]):
        np.testing.assert_allclose(other, one, atol=1e-5)


def test_xla_on_several_replicas_is_refused(two_replicas, make_state):
    with pytest.raises(ValueError, match="`jit_compile` cannot be on for 2 replicas"):
        compile_update(Step(None, ()), make_state(two_replicas), two_replicas, jit_compile=True)


def test_steps_of_whole_epochs_are_not_rounded_up():
    """7 epochs of 30 images in batches of 21 are 10 steps; 7 times the float 30 / 21 is a little more than 10."""
    assert Duration(epochs=7, examples=30, batch_size=21).total_steps == 10


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_that_is_not_finite_stops_with_step_and_advice(value, make_state, one_device):
    state = make_state(one_device)
    with pytest.raises(FloatingPointError, match=r"step 12: loss became (nan|inf).* base_learning_rate"):
        check_finite({"loss": value}, state, 12)
    check_finite({"loss": 1.0}, state, 12)


def test_a_divergence_in_the_last_update_leaves_no_checkpoint(tmp_path, make_state, one_device, batch):
    """The loss is measured before the update: a single step shows a good loss and leaves broken weights."""
    state = make_state(one_device, learning_rate=1e38)
    duration = Duration(epochs=1, examples=8, batch_size=8)
    images, labels = batch
    reporter = Reporter(
        tmp_path, "contrastive", title="t", epochs=1, total_steps=1, batch_size=8, learning_rate=float, constants={}
    )
    with pytest.raises(FloatingPointError, match=r"step 1: .*weights of the projection are not finite"):
        train_stage(
            contrastive_step(state, batch_size=8, weight_decay=0.0, loss={}, use_labels=True),
            state,
            strategy=one_device,
            batches=lambda done, context: tf.data.Dataset.from_tensors((images * 1e3, labels)).repeat(),
            duration=duration,
            checkpoints=StageCheckpoints(state, tmp_path / "checkpoints"),
            reporter=reporter,
        )
    assert list(tmp_path.glob("checkpoints/*.index")) == []
