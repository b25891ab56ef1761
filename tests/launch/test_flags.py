"""The command line as a new user meets it: help, misspellings, wrong values; all before TensorFlow is loaded."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SUPCON = "--experiment=digits.supcon"


def run(module, *arguments):
    """Runs a command line; a process that loads TensorFlow anyway dies of it."""
    stopper = "import sys, runpy; sys.modules['tensorflow'] = None; sys.argv[0] = 'x'; "
    code = stopper + f"runpy.run_module('{module}', run_name='__main__', alter_sys=True)"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "error: name one with --experiment."),
        (["--experiment=digits.supcom"], "no experiment is called 'digits.supcom'. Did you mean `digits.supcon`?"),
        ([SUPCON], "error: say where the run lives: --workdir="),
        (
            [SUPCON, "--workdir=x", "--loss.temprature=1"],
            "no flag is called --loss.temprature. Did you mean `loss.temp",
        ),
        ([SUPCON, "--workdir=x", "--workdri=y"], "no flag is called --workdri. Did you mean `workdir`?"),
        ([SUPCON, "--workdir=x", "--loss.temperature=hot"], "--loss.temperature=hot: wanted float; got 'hot'"),
        ([SUPCON, "--workdir=x", "--loss.temperature=99"], "must be at most 10.0; got 99.0"),
        ([SUPCON, "--workdir=x", "--loss.contrast_mode=al"], "must be one of all, one; got 'al'. Did you mean 'all'?"),
        ([SUPCON, "--workdir=x", "--replicas=2"], "Set `strategy=mirrored`"),
        ([SUPCON, "--workdir=x", "--contrastive.epochs=0"], "`linear` trains on the encoder of the contrastive stage"),
        ([SUPCON, "--workdir=x", "extra"], "'extra' is not a flag"),
        ([SUPCON, "--workdir=x", "--seed"], "Missing value for flag --seed"),
        ([SUPCON, "--workdir=setup.py"], "setup.py is a file; name another --workdir"),
        ([SUPCON, "--workdir=tests"], "tests is not empty and is no run directory"),
    ],
)
def test_a_wrong_command_ends_with_status_2_and_one_message(arguments, message):
    ended = run("launch.train", *arguments)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("module", ["launch.hosts.gpu", "launch.hosts.tpu", "launch.benchmark"])
def test_every_command_line_refuses_a_flag_it_does_not_know(module):
    ended = run(module, "--drr_run")
    assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1
    assert ended.stderr == "error: no flag is called --drr_run. Did you mean `dry_run`?\n"


def test_names_and_descriptions_of_experiments_stand_apart():
    listed = run("launch.train").stderr.split("There are:\n")[1].splitlines()
    assert all(re.match(r"  [\w.]+  +[A-Z]", line) for line in listed) and len(listed) > 10


def test_a_missing_experiment_lists_what_exists():
    told = run("launch.train").stderr
    assert "digits.supcon " in told and "digits.cross_entropy " in told and "cifar10.supcon_small " in told


def test_help_shows_every_field_with_help_type_and_the_experiments_value():
    ended = run("launch.train", SUPCON, "--help")
    assert ended.returncode == 0
    told = " ".join(ended.stdout.split())
    assert "--loss.temperature: tau of Eq. 2 (default: '0.1') (float, at least 0.001, at most 10.0)" in told
    assert "--data.name:" in told and "(default: 'digits')" in told
    assert "--workdir: directory of the run" in told


def test_help_without_an_experiment_still_helps():
    ended = run("launch.train", "--help")
    assert ended.returncode == 0 and "--loss.temperature" in ended.stdout


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--experiments=digits.supcon,digits.supcom"], "Did you mean `digits.supcon`?"),
        (["--experiments=digits.supcon", "--workdir=x", "--seeds=one"], "--seeds must be whole numbers"),
        (["--experiments=digits.supcon"], "say where the runs live"),
        ([], "name one with --experiments."),
        (["--experiments=digits.supcon", "--workdir=x", "--seed=3"], "takes its seeds from --seeds; got --seed=3"),
        (["--experiments=digits.supcon", "--workdir=x", "--strategy=multi_worker"], "a comparison runs on one host"),
    ],
)
def test_a_wrong_comparison_ends_with_status_2_and_one_message(arguments, message):
    ended = run("launch.compare", *arguments)
    assert ended.returncode == 2
    assert message in ended.stderr and "Traceback" not in ended.stderr


def test_in_a_comparison_a_flag_of_a_stage_is_for_the_experiments_that_have_it():
    program = (
        "import sys, types; sys.argv = ['x', '--experiments=digits.supcon,digits.cross_entropy', '--workdir=none', "
        "'--seeds=0', '--contrastive.epochs=9']\n"
        "stub = types.ModuleType('supcon_tf.run.experiment')\n"
        "stub.run_experiment = lambda experiment, *a, **k: print({n: s.epochs for n, s in experiment.stages.items()})\n"
        "sys.modules['supcon_tf.run.experiment'] = stub\n"
        "import runpy; runpy.run_module('launch.compare', run_name='__main__')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "{'contrastive': 9, 'linear': 8}" in ended.stdout and "{'cross_entropy': 32}" in ended.stdout


def test_in_a_comparison_a_flag_of_a_stage_that_none_has_is_refused():
    names = "--experiments=digits.supcon,digits.cross_entropy"
    ended = run("launch.compare", names, "--workdir=none", "--joint.label_smoothing=0.1")
    assert ended.returncode == 2
    assert "none of digits.supcon, digits.cross_entropy has the stage that --joint.label_smoothing is" in ended.stderr
