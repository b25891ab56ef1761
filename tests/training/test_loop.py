"""How steps are called, and the check that stops a run that has diverged."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.training import progress
from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.compiled import compile_update
from supcon_tf.training.plan import Pace
from supcon_tf.training.state import StageState
from tests.training.stages import make_update, train


@pytest.mark.parametrize(
    "options", [{"steps_per_call": 3}, pytest.param({"jit_compile": True}, marks=pytest.mark.slow)]
)
def test_how_steps_are_called_changes_no_weight(options, tmp_path, make_state, one_device, batch):
    """Five steps in calls of three and two, or compiled by XLA, beside five calls of one."""
    ends = []
    for number, pace in enumerate((None, Pace(**options))):
        state, data = make_state(one_device), tf.data.Dataset.from_tensors(batch).repeat()
        train(
            tmp_path / str(number),
            state,
            one_device,
            lambda done, context, data=data: data,
            pace=pace,
            weight_decay=0.01,
        )
        assert int(state.step.numpy()) == 5
        loss = json.loads((tmp_path / str(number) / "metrics.jsonl").read_text())["loss"]
        ends.append((loss, [w.numpy() for part in state.networks.parts().values() for w in part.weights]))
    assert ends[1][0] == pytest.approx(ends[0][0], rel=1e-5)
    for one, other in zip(ends[0][1], ends[1][1]):
        np.testing.assert_allclose(other, one, atol=1e-5)


def test_a_divergence_in_the_last_update_leaves_no_checkpoint(tmp_path, make_state, one_device, batch):
    """The loss is measured before the update: a single step shows a good loss and leaves broken weights."""
    state = make_state(one_device, learning_rate=1e38)
    images, labels = batch
    with pytest.raises(FloatingPointError, match=r"by step 1: not finite are the weights .*kernel"):
        data = tf.data.Dataset.from_tensors((images * 1e3, labels)).repeat()
        train(tmp_path, state, one_device, lambda done, context: data, steps=1)
    assert list(tmp_path.glob("checkpoints/*.index")) == []


def test_a_batch_that_is_not_finite_stops_the_run_and_the_last_checkpoint_is_good(
    tmp_path, make_state, one_device, batch
):
    """The second of two steps of the second call: steps 1 to 3 are good, and step 2 has a checkpoint.

    Whether ReLU hands NaN on, so that the loss becomes NaN too, is up to the processor: an update by itself says.
    """
    images, labels = batch
    state, other = make_state(one_device), make_state(one_device)
    metrics, _ = compile_update(make_update(other), other, one_device)(images * np.float32(np.nan), labels)
    became = "loss became nan, gradient_norm" if np.isnan(metrics["loss"]) else "gradient_norm"

    def batches(done, context):
        broken = images * np.float32(np.nan)
        return tf.data.Dataset.from_tensor_slices(
            (np.stack([images, images, images, broken, images])[done:], np.stack([labels] * 5)[done:])
        )

    names = rf"{became} became nan, not finite are the gradients of encoder conv\S*/kernel, .* and \d+ more"
    with pytest.raises(FloatingPointError, match=rf"step 4, examples 24 to 31 of the training stream: {names}"):
        train(tmp_path, state, one_device, batches, pace=Pace(steps_per_call=2, checkpoint_every=2))
    assert [path.name for path in tmp_path.glob("checkpoints/*.index")] == ["step-2.index"]
    again = make_state(one_device)
    assert StageCheckpoints(again, tmp_path / "checkpoints").restore().step == 2
    for part in again.networks.parts().values():
        assert all(np.isfinite(weight.numpy()).all() for weight in part.weights)


@pytest.mark.parametrize("patience", [25, 1])
def test_overflows_of_a_scaled_loss_are_left_out_and_counted_but_not_without_end(
    patience, tmp_path, make_state, one_device, batch, monkeypatch
):
    """The first scale is too large for float32 as the ordinary one may be for float16."""
    state = make_state(one_device)
    with one_device.scope():
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(state.optimizer, initial_scale=2.0**113)
        state = StageState.create(state.networks, state.trains, optimizer)
    monkeypatch.setattr(progress, "PATIENCE", patience)
    data = tf.data.Dataset.from_tensors(batch).repeat()
    if patience == 1:
        with pytest.raises(FloatingPointError, match=r"step 1, .* the last of 1 in a row that loss scaling left out"):
            train(tmp_path, state, one_device, lambda done, context: data)
        return
    train(tmp_path, state, one_device, lambda done, context: data, steps=12)
    record = json.loads((tmp_path / "metrics.jsonl").read_text())
    assert 1 <= record["overflows"] < 12 and 0 < record["loss"] < 10
    scale = optimizer.loss_scale if hasattr(optimizer, "loss_scale") else optimizer.dynamic_scale
    assert float(scale) == 2.0 ** (113 - record["overflows"])
