"""How the fields of a stage reach what trains it, in whole runs of a tiny network."""

from __future__ import annotations

import json

import numpy as np
import pytest

from supcon_tf.config import Data, Experiment, Stage
from supcon_tf.run import recipe
from supcon_tf.run.experiment import run_experiment
from supcon_tf.training.update import Update
from tests import tiny

STAGE = {"epochs": 1, "batch_size": 20, "base_learning_rate": 1.0}


class Networks(list):
    """The networks of every run that they made, tiny ones, in order."""

    def __call__(self, encoder, projection, *, cross_replica_batch_norm, **_):
        self.append(tiny.tiny_networks(cross_replica_batch_norm=cross_replica_batch_norm, classes=10))
        return self[-1]


@pytest.fixture
def networks():
    return Networks()


def run(directory, networks, **stages):
    experiment = Experiment(name="tests.stages", data=Data(name="digits", examples=40), **stages)
    summary = run_experiment(experiment, directory, write_report=False, make_networks=networks)
    return summary, [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_a_joint_stage_trains_and_is_evaluated_as_one(networks, tmp_path):
    summary, records = run(tmp_path, networks, joint=Stage(**STAGE, optimizer="lars", weight_decay=1e-3))
    (record,) = records
    assert record["stage"] == "joint" and record["step"] == 2
    assert record["plateau"] == pytest.approx(0.1 * np.log(2 * 20 - 1))
    assert {"loss", "classifier_loss", "train_accuracy", "learning_rate"} <= set(record)
    assert record["test_accuracy"] == pytest.approx(summary["test_accuracy"])
    assert set(summary["seconds"]) == {"joint"}


def test_each_stage_has_its_own_recipe(networks, tmp_path, monkeypatch):
    """Optimizer, decayed variables and mode of batch norm of two stages, as their updates get them."""
    seen = []

    class Watched(Update):
        def __init__(self, state, objective, **options):
            seen.append({"optimizer": type(state.optimizer).__name__, **options})
            super().__init__(state, objective, **options)

    monkeypatch.setattr(recipe, "Update", Watched)
    first = Stage(**STAGE, optimizer="nesterov", weight_decay=0.1, decayed=("kernels", "biases"),
                  decayed_parts=("projection",))  # fmt: skip
    second = Stage(**STAGE, optimizer="rmsprop", rmsprop_epsilon=0.5, batch_norm="batch", weight_decay=0.2)
    run(tmp_path, networks, contrastive=first, linear=second)
    (made,) = networks
    contrastive, linear = seen
    assert (contrastive["optimizer"], linear["optimizer"]) == ("SGD", "RMSprop")
    assert (contrastive["penalty"].coefficient, linear["penalty"].coefficient) == (0.1, 0.2)
    assert (contrastive["batch_statistics"], linear["batch_statistics"]) == (True, True)
    assert [id(v) for v in contrastive["penalty"].variables] == [id(v) for v in made.projection.trainable_variables]
    assert [id(v) for v in linear["penalty"].variables] == [id(made.classifier.dense.kernel)]


@pytest.mark.slow
def test_the_encoder_after_both_stages_is_the_one_after_the_contrastive_stage(networks, tmp_path):
    """Moving averages of batch norm included, to the bit."""
    run(tmp_path / "first", networks, contrastive=Stage(**STAGE))
    run(tmp_path / "both", networks, contrastive=Stage(**STAGE), linear=Stage(**STAGE))
    for one, other in zip(*(made.encoder.get_weights() for made in networks)):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_linear_stage_alone_on_the_encoder_of_a_run_ends_as_that_stage_in_the_run(networks, tmp_path):
    """To the bit: images, views, rates and first weights of the classifier are the same."""
    both, _ = run(tmp_path / "both", networks, contrastive=Stage(**STAGE), linear=Stage(**STAGE))
    alone, _ = run(tmp_path / "alone", networks, linear=Stage(**STAGE), encoder_from=str(tmp_path / "both"))
    assert alone["test_accuracy"] == both["test_accuracy"] and set(alone["seconds"]) == {"linear"}
    for part in ("encoder", "classifier"):
        for one, other in zip(*(made.parts()[part].get_weights() for made in networks)):
            np.testing.assert_array_equal(one, other)
