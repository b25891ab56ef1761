"""Measured tables: what is read of runs, what is refused, and that answers and accuracy agree."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from supcon_tf.records import results
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.run_numbers import missing
from supcon_tf.tables import Cell, Table, runs_of
from tests.report.run_directories import answers, write_run

CELLS = (
    Cell("first", "", "digits.supcon", paper=96.0, seeds=2),
    Cell("second", "", "digits.supcon", {"loss.temperature": 0.2}, seeds=1),
    Cell("first", "ECE", "digits.supcon", number="ece", seeds=1),
)
TABLE = Table("t", "a title", "Table 0", {"digits": CELLS}, reference="first")
SHARE = float(np.mean(answers(120)["predictions"] == answers(120)["labels"]))


@pytest.fixture
def root(tmp_path):
    """Seed 0 of the first cell."""
    made = write_run(tmp_path / "made", accuracy=SHARE)
    place = tmp_path / "runs" / CELLS[0].trained / "seed_0"
    place.parent.mkdir(parents=True)
    made.rename(place)
    return tmp_path / "runs"


def measure(root, *, value=0.05, name="digits"):
    made = {"data": {"name": name}, "checkpoint": "linear/step-40"}  # the last of `write_run`
    entry = {"measure": "calibration", "made": made, "numbers": [
        {"name": "ece", "value": value, "unit": "share", "protocol": "bins", "n": 120, "interval": None}]}  # fmt: skip
    path = RunDirectory(root / CELLS[0].trained / "seed_0").measures
    path.write_text(json.dumps({"measures": [entry]}))


def test_a_cell_has_the_values_of_its_finished_runs_and_the_hours_of_the_others(root):
    hours = {f"{CELLS[0].trained}/seed_1": 0.5, f"{CELLS[1].trained}/seed_0": 2.0}
    found, arrays = results.collected(TABLE, "digits", root, hours=hours)
    first, second, third = found["cells"]
    (value,) = first["values"]
    assert value["value"] == pytest.approx(100 * SHARE) and value["n"] == 120 and value["seed"] == 0
    assert (first["hours"], second["hours"], second["values"], third["values"]) == (0.5, 2.0, [], [])
    assert results.progress(found) == (1, sum(cell["seeds"] for cell in found["cells"]))
    assert np.mean(arrays[value["answers"]] == arrays[value["labels"]]) == pytest.approx(value["value"] / 100)


def test_a_written_table_is_read_again_with_its_answers(root, tmp_path):
    found, arrays = results.collected(TABLE, "digits", root)
    path = results.write(tmp_path / "kept", found, arrays)
    assert path.name == "table_t_digits.json" and results.read(path) == found
    with np.load(path.with_suffix(".npz")) as kept:
        assert {name: kept[name].tolist() for name in kept} == {name: arrays[name].tolist() for name in arrays}
    path.write_text('{"table": "t"}')
    with pytest.raises(ValueError, match="holds no measured table; write it again"):
        results.read(path)


def test_a_summary_that_its_answers_contradict_is_refused(root):
    """A wrong number must not reach a table: the accuracy is the one of the answers, or there is none."""
    summary = root / CELLS[0].trained / "seed_0" / "summary.json"
    summary.write_text(json.dumps({**json.loads(summary.read_text()), "test_accuracy": SHARE + 0.01}))
    cell = results.collected(TABLE, "digits", root)[0]["cells"][0]
    assert cell["values"] == []
    assert re.search(r"its answers are right 0\.\d+ of the time, and its summary says 0\.\d+", cell["failed"]["0"])


def test_a_number_of_another_set_is_not_the_runs(root):
    measure(root, name="cifar10")
    assert results.collected(TABLE, "digits", root)[0]["cells"][2]["values"] == []
    measure(root)
    assert results.collected(TABLE, "digits", root)[0]["cells"][2]["values"][0]["value"] == 0.05


def test_a_run_is_complete_when_all_that_is_asked_for_is_measured(root):
    first = runs_of(CELLS)[0]
    directory = RunDirectory(root / first.directory)
    assert first.measures == ("calibration",) == missing(first, directory).measures
    measure(root)
    assert missing(first, directory).measures == ()
    assert missing(first._replace(transfers=(("linear", "dtd"),)), directory).transfers == (("linear", "dtd"),)


def test_a_run_that_failed_is_a_reason_and_not_a_value(root):
    second = runs_of(CELLS[1:2])[0]
    (root / results.FAILURES).write_text(json.dumps({second.directory: "training diverged"}))
    cell = results.collected(TABLE, "digits", root)[0]["cells"][1]
    assert cell["values"] == [] and cell["failed"] == {"0": "training diverged"}


def test_the_commands_of_a_run_can_be_typed():
    run = runs_of([Cell("a", "dtd", "digits.supcon", {"data.views": 1}, number="transfer_linear", seeds=1)])[0]
    run = run._replace(measures=("calibration", "robustness"))
    train, evaluate, transfer = results.commands_of(run, "my runs", "DATA_DIR")
    where = "'my runs/digits.supcon/data.views=1/seed_0'"
    assert train == (f"python -m launch.train --experiment=digits.supcon --data.views=1 --seed=0 --workdir={where} "
                     "--data_dir=DATA_DIR")  # fmt: skip
    assert evaluate == f"python -m launch.evaluate --run={where} --measures=calibration,robustness --data_dir=DATA_DIR"
    assert transfer == f"python -m launch.transfer --run={where} --how=linear --sets=dtd --data_dir=DATA_DIR"
    assert results.commands_of(run._replace(measures=(), transfers=()), "runs", None)[1:] == []
