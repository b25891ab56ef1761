"""The grid of fine-tuning: its runs, the choice, and that nothing is done twice; the runs themselves are made up."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from supcon_tf.config import Data
from supcon_tf.run import fine_tuning
from supcon_tf.run.fine_tuning import Part, Place, Setting, chosen, tuned
from supcon_tf.transfer_budget import Budget
from tests.run.conftest import TRAINED

CHOOSING, WHOLE = Part(Data(name="dtd", train_split="train", test_split="validation"), 1880), Part(Data("dtd"), 3760)
BUDGET = Budget(steps=100, batch_size=128, rates=(0.01, 0.1), decays=(1e-3, 0.0))


@pytest.fixture
def place(tmp_path):
    told = []
    return Place("dtd", tmp_path / "run", TRAINED, tmp_path / "to", "top-1", {}, "data", "typed", told.append)


@pytest.fixture
def runs(monkeypatch):
    """Experiments that ran, in order. The share right is a function of rate and decay; a rate of 9 diverges."""
    made = []

    def run(experiment, directory, **how):
        directory, stage = pathlib.Path(directory), experiment.cross_entropy
        made.append(experiment)
        (directory / "checkpoints").mkdir(parents=True)
        if stage.base_learning_rate == 9 * 2:
            raise FloatingPointError("a loss is not finite")
        score = 0.5 + stage.base_learning_rate - stage.weight_decay + (0.1 if experiment.data == WHOLE.data else 0)
        summary = {"test_accuracy": score, "test_images": 7, "seconds": {"cross_entropy": 2.0}}
        (directory / "summary.json").write_text(json.dumps(summary))
        return summary

    monkeypatch.setattr(fine_tuning, "run_experiment", run)
    return made


def test_the_grid_is_the_papers():
    """SimCLR, App. B.8.1: 7 rates, 7 decays and none, 20,000 steps of 256."""
    budget = Budget()
    np.testing.assert_allclose(budget.rates, 10 ** np.linspace(-4, -1, 7), rtol=2e-3)
    np.testing.assert_allclose(budget.decays[:-1], 10 ** np.linspace(-6, -3, 7), rtol=2e-3)
    assert budget.decays[-1] == 0 and (budget.steps, budget.batch_size) == (20_000, 256)


def test_each_run_is_the_protocol(place, runs):
    found = tuned(place, choosing=CHOOSING, whole=WHOLE, budget=BUDGET, seeds=[5, 6])
    assert [one.data for one in runs] == [CHOOSING.data] * 4 + [WHOLE.data] * 2  # the test is there at the end alone
    assert [one.seed for one in runs] == [5] * 5 + [6]
    stages = [one.cross_entropy for one in runs]
    rates = [stage.base_learning_rate * 128 / 256 for stage in stages]
    assert rates == pytest.approx([0.01, 0.01, 0.1, 0.1, 0.1, 0.1])
    assert [stage.weight_decay for stage in stages[:4]] == pytest.approx([0.1, 0, 0.01, 0])  # divided by the rate
    assert [stage.epochs for stage in stages] == [round(100 * 128 / 1880)] * 4 + [round(100 * 128 / 3760)] * 2
    assert {(stage.optimizer, stage.batch_size, stage.augment.policy) for stage in stages} == {
        ("nesterov", 128, "crop_flip")
    }
    assert all(stage.evaluate_every == stage.epochs for stage in stages)  # the last epoch alone is looked at
    assert {one.encoder_from for one in runs} == {str(place.run)} and runs[0].encoder == TRAINED.encoder
    assert found.chosen == found.settings[3] == Setting(0.1, 0.0, pytest.approx(0.7))
    assert found.scores == pytest.approx([0.8, 0.8]) and found.seconds == 12


@pytest.mark.parametrize("examples, momentum", [(2040, 0.9), (25_600, 0.9), (50_000, 1 - 2560 / 50_000)])
def test_averages_of_batch_norm_go_by_the_steps_of_an_epoch(place, examples, momentum):
    """max(1 - 10 / s, 0.9), s = examples / 256."""
    part = Part(Data("dtd"), examples)
    made = fine_tuning.experiment_for(place, Setting(0.1, 0.0), part, budget=Budget(), seed=0)
    assert made.cross_entropy.batch_norm_momentum == pytest.approx(momentum)
    assert made.cross_entropy.epochs == round(20_000 * 256 / examples)


def test_what_is_there_is_not_run_again_and_weights_of_the_grid_go(place, runs):
    first = tuned(place, choosing=CHOOSING, whole=WHOLE, budget=BUDGET, seeds=[0])
    assert len(runs) == 5 and len(list(place.to.glob("*/checkpoints"))) == 1  # those of the last run
    assert tuned(place, choosing=CHOOSING, whole=WHOLE, budget=BUDGET, seeds=[0]) == first and len(runs) == 5
    wider = BUDGET._replace(rates=(0.01, 0.1, 0.2))
    assert tuned(place, choosing=CHOOSING, whole=WHOLE, budget=wider, seeds=[0]).chosen.rate == 0.2
    assert len(runs) == 5 + 2 + 1  # two settings that are new, and the last run with what they chose
    tuned(place, choosing=CHOOSING, whole=WHOLE, budget=BUDGET._replace(steps=99), seeds=[0])
    assert len(runs) == 5 + 2 + 1  # as many epochs: the same runs
    tuned(place, choosing=CHOOSING, whole=WHOLE, budget=BUDGET._replace(steps=200), seeds=[0])
    assert len(runs) == 5 + 2 + 1 + 5


def test_a_setting_that_diverges_loses_and_is_known(place, runs):
    budget = BUDGET._replace(rates=(9.0, 0.1))
    found = tuned(place, choosing=CHOOSING, whole=WHOLE, budget=budget, seeds=[0])
    assert [setting.score is None for setting in found.settings] == [True, True, False, False]
    assert found.chosen.rate == 0.1 and len(runs) == 5
    assert tuned(place, choosing=CHOOSING, whole=WHOLE, budget=budget, seeds=[0]) == found and len(runs) == 5
    with pytest.raises(ValueError, match="diverged with all 2 settings; lower the learning rates"):
        tuned(place, choosing=CHOOSING, whole=WHOLE, budget=BUDGET._replace(rates=(9.0,)), seeds=[0])


def test_of_equally_good_settings_the_gentlest_is_taken():
    same = [Setting(rate, decay, 0.5) for rate in (0.1, 0.01) for decay in (0.0, 1e-3, 1e-6)]
    assert chosen([*same, Setting(0.001, 1e-3, 0.4)]) == Setting(0.01, 1e-3, 0.5)
