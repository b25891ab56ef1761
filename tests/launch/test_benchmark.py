"""The command line of the benchmarks."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


def benchmark(*words):
    command = [sys.executable, "-m", "launch.benchmark", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("words", [[], ["lose"], ["loss", "step"]])
def test_what_to_measure_is_asked_for(words):
    ended = benchmark(*words)
    assert ended.returncode == 2 and "say what to measure: loss, accuracy, step, input, evaluate, comm" in ended.stderr


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path):
    ended = benchmark("communication", f"--json={tmp_path}/nowhere/x")
    assert ended.returncode == 74 and "No such file or directory" in ended.stderr and not ended.stdout


@pytest.mark.slow
def test_records_are_kept_and_the_table_is_shown(tmp_path):
    ended = benchmark("communication", f"--json={tmp_path}/x")
    assert ended.returncode == 0, ended.stderr
    assert "| replicas | batch |" in ended.stdout
    assert len((tmp_path / "x").read_text().splitlines()) == 6


def test_only_the_loss_has_figures_in_short(tmp_path):
    ended = benchmark("communication", f"--in_short={tmp_path}/page.md")
    assert ended.returncode == 2 and "--in_short is for `loss` alone" in ended.stderr
    ended = benchmark("loss", f"--in_short={tmp_path}/page.md")
    assert ended.returncode == 2 and "page.md is no page for this" in ended.stderr and not ended.stdout


def test_a_page_names_the_flags_that_change_the_cases(tmp_path):
    """And not where the compiler is: so a figure stands under what gives it again."""
    ended = benchmark("tpu", "--microbatches=1,4", "--precision=float32", "--nosearch", "--tpu_python=none",
                      f"--page={tmp_path}/page.md")  # fmt: skip
    told = "<!-- measured: python -m launch.benchmark tpu --precision=float32 --microbatches=1,4 --nosearch -->"
    assert ended.returncode == 2 and told in ended.stderr, ended.stderr
