"""Published numbers come from runs: each stands beside the record of the run that gave it."""

from __future__ import annotations

import json
import pathlib

import pytest

from launch import catalogue

RESULTS = pathlib.Path(__file__).parents[1] / "experiments" / "results"
SUMMARIES = sorted(RESULTS.rglob("summary.json"))
NAMES = [path.parent.relative_to(RESULTS).as_posix() for path in SUMMARIES]


def test_there_are_results():
    assert len(SUMMARIES) >= 2


@pytest.mark.parametrize("path", SUMMARIES, ids=NAMES)
def test_a_result_names_its_run_and_stands_in_the_table(path):
    summary = json.loads(path.read_text())
    environment = json.loads((path.parent / "environment.json").read_text())
    saved = json.loads((path.parent / "config.json").read_text())
    assert summary["experiment"] in catalogue.names() and summary["experiment"] == saved["name"]
    assert summary["seed"] == saved["seed"]
    assert f"--experiment={summary['experiment']}" in summary["command"] or "launch.compare" in summary["command"]
    assert environment["commit"] and "+changes" not in environment["commit"]
    assert f"{summary['test_accuracy']:.2%}" in (RESULTS / "README.md").read_text()


@pytest.mark.parametrize("path", SUMMARIES, ids=NAMES)
def test_the_curve_of_a_result_ends_at_its_number(path):
    """The number is that of the last epoch, and the curve has every epoch of every stage."""
    records = [json.loads(line) for line in (path.parent / "metrics.jsonl").read_text().splitlines()]
    summary = json.loads(path.read_text())
    assert records[-1]["test_accuracy"] == pytest.approx(summary["test_accuracy"])
    for stage in summary["seconds"]:
        of_stage = [record for record in records if record["stage"] == stage]
        assert [record["epoch"] for record in of_stage] == list(range(1, of_stage[0]["epochs"] + 1))
