"""The encoder of another run: the newest one, whole, and nothing else of that run."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.names import STAGE_KINDS
from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.state import StageState
from supcon_tf.training.warm_start import load_encoder
from tests.tiny import tiny_networks


def write_run(directory, step, value, stage="contrastive"):
    """A checkpoint as a stage leaves it, whose weights are all `value`."""
    networks = tiny_networks()
    state = StageState.create(networks, STAGE_KINDS[stage].trains, tf.keras.optimizers.SGD())
    (directory / "checkpoints" / stage).mkdir(parents=True, exist_ok=True)
    checkpoints = StageCheckpoints(state, directory / "checkpoints" / stage)
    checkpoints.restore()  # or those of before would be removed
    for part in networks.parts().values():
        part.set_weights([np.full(weight.shape, value, np.float32) for weight in part.weights])
    state.step.assign(step)
    checkpoints.save({})


@pytest.mark.parametrize("stage", ["contrastive", "joint", "cross_entropy"])
def test_the_newest_encoder_comes_and_the_heads_stay(stage, tmp_path):
    write_run(tmp_path, 9, 0.25, stage)
    write_run(tmp_path, 10, 0.5, stage)
    write_run(tmp_path, 11, 0.75, "linear")
    networks = tiny_networks()
    before = {name: part.get_weights() for name, part in networks.parts().items()}
    assert load_encoder(networks, tmp_path).name == "step-10"
    assert all((weight == 0.5).all() for weight in networks.encoder.get_weights())
    for name in ("projection", "classifier"):
        for one, other in zip(before[name], networks.parts()[name].get_weights()):
            np.testing.assert_array_equal(one, other)


def test_it_normalises_as_in_that_run(tmp_path):
    """`Normalization` computes with copies of its weights."""
    then, now = tiny_networks(normalized=True), tiny_networks(normalized=True)
    images = np.random.default_rng(0).uniform(3, 9, (4, 8, 8, 1)).astype(np.float32)
    then.encoder.layers[1].adapt(images)
    state = StageState.create(then, STAGE_KINDS["contrastive"].trains, tf.keras.optimizers.SGD())
    (tmp_path / "checkpoints").mkdir()
    StageCheckpoints(state, tmp_path / "checkpoints" / "contrastive").save({})
    load_encoder(now, tmp_path)
    np.testing.assert_allclose(now.encoder(images), then.encoder(images), atol=1e-6)


def test_a_damaged_checkpoint_is_passed_over(tmp_path, capsys):
    write_run(tmp_path, 9, 0.25)
    write_run(tmp_path, 10, 0.5)
    (tmp_path / "checkpoints" / "contrastive" / "step-10.index").write_bytes(b"cut")
    networks = tiny_networks()
    assert load_encoder(networks, tmp_path).name == "step-9"
    assert "step-10 is damaged" in capsys.readouterr().out


def test_a_directory_without_an_encoder_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"`encoder_from`: no whole checkpoint of an encoder lies in .*Name the directory"
    ):
        load_encoder(tiny_networks(), tmp_path)


def test_another_encoder_is_refused(tmp_path):
    write_run(tmp_path, 1, 0.5)
    networks = tiny_networks()
    networks.encoder = tf.keras.Sequential([tf.keras.Input((8, 8, 1)), tf.keras.layers.Conv2D(5, 3)])
    with pytest.raises(ValueError, match=r"step-1 is not the one of this run .*values that they have in that run"):
        load_encoder(networks, tmp_path)
