"""Every experiment is complete, and its header is a lab book whose command is a real one."""

from __future__ import annotations

import importlib

import pytest

from launch import catalogue
from supcon_tf.config import Experiment

NAMES = catalogue.names()


def test_names_are_dotted_paths_of_modules():
    assert {"digits.supcon", "digits.cross_entropy", "cifar10.supcon_small", "cifar10.cross_entropy_small"} <= set(
        NAMES
    )


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_loads_under_its_name(name):
    experiment = catalogue.load(name)
    assert isinstance(experiment, Experiment) and experiment.name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_header_says_what_how_and_what_came_out(name):
    header = importlib.import_module(f"experiments.{name}").__doc__
    assert catalogue.summary(name).endswith(".")
    assert f"python -m launch.train --experiment={name} --workdir=" in header
    assert "Cost:" in header and "Paper:" in header and "Measured:" in header


def test_an_unknown_name_gives_the_nearest_and_the_list():
    with pytest.raises(ValueError, match=r"no experiment is called 'digit.supcon'. Did you mean `digits.supcon`"):
        catalogue.load("digit.supcon")
