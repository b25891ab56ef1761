"""Entries of runs are brought together by the images that they are of."""

from __future__ import annotations

from supcon_tf.report.measured import Measured, by_data, data_of
from supcon_tf.report.runs import read_run
from tests.report.run_directories import write_run


def entry(measure, **data):
    return {"measure": measure, "made": {"data": data}, "numbers": [{"name": measure}]}


def test_a_set_and_what_of_it():
    assert data_of(entry("accuracy", name="digits", train_split="", test_split="")) == "digits"
    assert data_of(entry("accuracy", name="digits", test_split="test[:50%]")) == "digits, test_split test[:50%]"


def test_runs_meet_where_they_were_measured_on_the_same(tmp_path):
    runs = [read_run(write_run(tmp_path, seed=seed, evaluation=False)) for seed in (0, 1)]
    whole, half = entry("accuracy", name="digits"), entry("accuracy", name="digits", test_split="test[:50%]")
    found = by_data([Measured(runs[0], (whole, half)), Measured(runs[1], (half,))])
    assert list(found) == ["digits", "digits, test_split test[:50%]"]
    assert [[each.run.seed for each in measured] for measured in found.values()] == [[0], [0, 1]]
    (triple,) = found["digits"][0].numbers
    assert triple == (0, whole, {"name": "accuracy"}) and found["digits"][0].name == "digits.supcon, seed 0"
