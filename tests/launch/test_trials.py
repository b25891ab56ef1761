"""Trials of a recipe as results: what differs, what was reached, and none that looked at a test image."""

from __future__ import annotations

import dataclasses
import json

import pytest

from launch import trials
from supcon_tf import settings
from supcon_tf.config import Data, Experiment, Stage

RECIPE = Experiment(name="data.recipe", data=Data(name="cifar10"), contrastive=Stage(epochs=8), linear=Stage(epochs=2))
HELD = {"train_split": "train[:90%]", "test_split": "train[90%:]"}


def write(folder, experiment, *, commit="abc", accuracy=0.75):
    folder.mkdir(parents=True)
    summary = {"test_accuracy": accuracy, "test_images": 2000, "seconds": {"contrastive": 60.0, "linear": 9.96}}
    (folder / "config.json").write_text(settings.to_json(experiment))
    (folder / "summary.json").write_text(json.dumps(summary))
    environment = {"commit": commit, "python": "3.11", "packages": {"tensorflow": "2.15"}}
    (folder / "environment.json").write_text(json.dumps(environment))
    return folder


def tried(data=HELD, **changes):
    return dataclasses.replace(RECIPE, name="data.tried", data=dataclasses.replace(RECIPE.data, **data), **changes)


def test_a_trial_is_what_differs_and_what_was_reached(tmp_path):
    """Names, splits, and what was looked at on the way are no differences; nor are fields of absent stages."""
    experiment = tried(linear=Stage(epochs=2, evaluate_every=2), contrastive=Stage(epochs=4), joint=Stage(batch_size=8))
    experiment = dataclasses.replace(experiment, seed=1)
    found = trials.trial_of(write(tmp_path / "run", experiment, commit=""), [RECIPE], on="a core", commit="def")
    assert found["settings"] == {"contrastive.epochs": 4} and found["seed"] == 1
    assert (found["method"], found["experiment"], found["commit"]) == ("SupCon", "data.recipe", "def")
    assert (found["validation_accuracy"], found["seconds"], found["judged_on"]) == (0.75, 70.0, "train[90%:]")


def test_a_run_that_was_judged_on_test_images_is_refused(tmp_path):
    run = write(tmp_path / "run", tried(data={}))
    with pytest.raises(ValueError, match="was judged on test images"):
        trials.trial_of(run, [RECIPE], on="a core")
    held = trials.trial_of(write(tmp_path / "held", tried(data={"held_out": 0.1})), [RECIPE], on="a core")
    assert held["judged_on"] == "the training images, 0.1 of them held out" and held["settings"] == {}


def test_runs_of_other_data_are_left_out_and_of_other_methods_refused(tmp_path, capsys):
    other = write(tmp_path / "digits", tried(data={**HELD, "name": "digits"}))
    assert trials.trial_of(other, [RECIPE], on="a core") == {} and "of digits, left out" in capsys.readouterr().out
    baseline = tried(contrastive=Stage(), linear=Stage(), cross_entropy=Stage(epochs=1))
    with pytest.raises(ValueError, match="has stages cross_entropy, and no recipe has these"):
        trials.trial_of(write(tmp_path / "ce", baseline), [RECIPE], on="a core")
