"""Whose directory it is, and what is told when it is another's."""

from __future__ import annotations

import dataclasses
import json

import pytest

from supcon_tf.config import Experiment, Loss, Stage
from supcon_tf.training.run_directory import open_run_directory

RUN = Experiment(name="a.run", contrastive=Stage(epochs=1))


def test_a_new_directory_gets_config_and_environment(tmp_path):
    open_run_directory(tmp_path / "deep" / "run", RUN)
    assert json.loads((tmp_path / "deep" / "run" / "config.json").read_text())["name"] == "a.run"
    facts = json.loads((tmp_path / "deep" / "run" / "environment.json").read_text())
    assert facts["packages"]["tensorflow"].startswith("2.") and facts["cpus"] >= 1


def test_the_same_experiment_may_continue(tmp_path):
    open_run_directory(tmp_path, RUN)
    open_run_directory(tmp_path, RUN)


def test_another_experiment_is_refused_with_the_difference(tmp_path):
    open_run_directory(tmp_path, RUN)
    with pytest.raises(ValueError) as error:
        open_run_directory(tmp_path, dataclasses.replace(RUN, loss=Loss(temperature=0.5), seed=3))
    message = str(error.value)
    assert "seed: 0 -> 3" in message and "loss.temperature: 0.1 -> 0.5" in message and "another --workdir" in message
    assert json.loads((tmp_path / "config.json").read_text())["seed"] == 0


def test_a_directory_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ValueError, match=r"is no run directory .*thesis.tex.*new or empty"):
        open_run_directory(tmp_path, RUN)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_path_that_cannot_be_a_directory_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot make the run directory .*file"):
        open_run_directory(tmp_path / "file", RUN)


def test_a_broken_config_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="not readable as JSON"):
        open_run_directory(tmp_path, RUN)
