"""Help by section: essentials first, nothing of stages that the experiment leaves out, and one section when asked."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from launch.flag_help import asked
from tests.launch.test_flags import ROOT, SUPCON, run


@pytest.mark.parametrize(
    "argument, section", [("--help", ""), ("-h", ""), ("--help=loss", "loss"), ("--helpless", None), ("help", None)]
)
def test_what_is_asked_for(argument, section):
    assert asked(["program", argument]) == section


def test_the_commands_own_flags_come_first_then_those_of_the_experiment_in_its_order():
    told = run("launch.train", SUPCON, "--help").stdout
    heads = re.findall(r"^([a-z_ ]+):$", told, re.MULTILINE)
    assert heads[:3] == ["this command", "run", "data"] and heads[-2:] == ["contrastive", "linear"]
    assert told.index("--workdir") < told.index("--loss.temperature") < told.index("--linear.epochs")
    assert "--cross_entropy.epochs" not in told and "--help=cross_entropy" in told.splitlines()[-1]
    assert "There are:" not in told and "--flagfile" not in told


def test_a_section_is_shown_alone():
    told = run("launch.train", SUPCON, "--help=cross_entropy").stdout
    assert "--cross_entropy.epochs" in told and "--loss.temperature:" not in told and "--workdir:" not in told
    wrong = run("launch.train", SUPCON, "--help=los")
    assert wrong.returncode == 2 and "no section is called 'los'. Did you mean `loss`?" in wrong.stderr


def test_without_an_experiment_all_are_listed():
    assert "There are:" in run("launch.train", "--help").stdout


@pytest.mark.parametrize(
    "flag, hint",
    [
        ("--temperature=1", "Did you mean `loss.temperature` or `knn.temperature`?"),
        ("--epochs=1", "Did you mean `contrastive.epochs` or `linear.epochs`?"),
        ("--loss.temperatur=1", "Did you mean `loss.temperature`?"),
    ],
)
def test_the_last_part_of_a_flag_is_answered_with_all_that_end_in_it(flag, hint):
    """`--temperature` was answered with `knn.temperature` alone: a run with it has another loss than was asked for."""
    ended = run("launch.train", SUPCON, "--workdir=x", flag)
    assert ended.returncode == 2 and hint in ended.stderr and len(ended.stderr.splitlines()) == 1


def test_a_reader_of_the_help_may_leave():
    command = f"{sys.executable} -m launch.train --help | head -1"
    ended = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in ended.stderr and ended.stdout == "Trains one experiment, start to report.\n"
