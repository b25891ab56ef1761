"""Saving and bringing back the state of a stage."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.training.checkpoints import StageCheckpoints


def test_the_newest_state_comes_back(tmp_path, make_state, one_device):
    state = make_state(one_device)
    checkpoints = StageCheckpoints(state, tmp_path)
    assert checkpoints.restore() == 0
    for step in (3, 6, 9):
        state.step.assign(step)
        state.networks.classifier.weights[0].assign(np.full(state.networks.classifier.weights[0].shape, step))
        checkpoints.save()
    other = make_state(one_device)
    assert StageCheckpoints(other, tmp_path).restore() == 9
    assert (other.networks.classifier.weights[0].numpy() == 9).all()


def test_two_are_kept_and_named_by_their_step(tmp_path, make_state, one_device):
    state = make_state(one_device)
    checkpoints = StageCheckpoints(state, tmp_path)
    for step in (3, 6, 9):
        state.step.assign(step)
        checkpoints.save()
    assert sorted(path.name for path in tmp_path.glob("*.index")) == ["step-6.index", "step-9.index"]


def test_a_damaged_checkpoint_is_named(tmp_path, make_state, one_device):
    state = make_state(one_device)
    state.step.assign(3)
    StageCheckpoints(state, tmp_path).save()
    data = next(tmp_path.glob("step-3.data*"))
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"checkpoint .*step-3 does not fit this run"):
        StageCheckpoints(make_state(one_device), tmp_path).restore()
