"""Predictions are made once, are those of the networks, and never those of other networks or other data."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.config import Data
from supcon_tf.records.directory import RunDirectory
from supcon_tf.run import predictions as module
from supcon_tf.run.predictions import Predictor
from supcon_tf.run.restored import restored


def predictor(directory, strategy=None, **data):
    strategy, run = strategy or tf.distribute.get_strategy(), RunDirectory(directory)
    trained = restored(run, strategy)
    return Predictor(run, trained, Data(name="digits", **data), str(directory / "data"), strategy)


@pytest.fixture
def run(trained_run, tmp_path):
    return shutil.copytree(trained_run, tmp_path / "run")


def test_they_are_what_the_run_recorded(run):
    found, recorded = predictor(run).of("test"), np.load(run / "evaluation.npz")
    np.testing.assert_allclose(found.features, recorded["embeddings"], atol=1e-5)
    np.testing.assert_array_equal(found.logits.argmax(1), recorded["predictions"])
    np.testing.assert_array_equal(found.labels, recorded["labels"])
    assert found.made["checkpoint"] == "linear/step-2" and found.made["images"] == 539


def test_they_are_made_once(run, monkeypatch):
    first = predictor(run).of("test")
    monkeypatch.setattr(module, "embed_split", None)  # nothing is computed again
    again = predictor(run).of("test")
    assert again.made == first.made
    for one, other in zip(again[:3], first[:3]):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["weights", "cut", "not ours"])
def test_they_are_made_again_for_other_weights_or_from_a_damaged_file(change, run):
    predictor(run).of("test")
    (kept,) = (run / "predictions").iterdir()
    if change == "weights":
        shutil.rmtree(run / "checkpoints" / "linear")
    else:
        kept.write_bytes(kept.read_bytes()[:-1000] if change == "cut" else b"other")
    found = predictor(run).of("test")
    assert (found.logits is None) == (change == "weights") and len(found.features) == 539


@pytest.mark.slow
def test_other_data_has_a_file_of_its_own(run):
    predictor(run).of("train")
    first, second = (predictor(run, train_split=f"train[{part}]").of("train") for part in (":629", "629:1258"))
    assert len(first.labels) == len(second.labels) == 629 and not np.array_equal(first.labels, second.labels)
    assert len(list((run / "predictions").iterdir())) == 3


@pytest.mark.slow
@pytest.mark.two_replicas_required
def test_two_replicas_predict_the_same(run, two_replicas):
    alone = predictor(run).of("test")
    shutil.rmtree(run / "predictions")
    together = predictor(run, two_replicas).of("test")
    np.testing.assert_allclose(together.features, alone.features, atol=1e-6)
    np.testing.assert_allclose(together.logits, alone.logits, atol=1e-6)
