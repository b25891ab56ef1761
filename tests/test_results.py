"""Published numbers come from runs: each stands beside the record of the run that gave it."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from experiments import tables
from launch import catalogue
from launch import results as documents
from supcon_tf import settings
from supcon_tf.records import results

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


TABLES = sorted(RESULTS.glob("table_*.json"))
# Tables that are published before all their values are measured.
OPEN = ("table_crossing_small", "table_crossing_tiny", "table_1_tiny", "table_2_tiny")


@pytest.mark.parametrize("path", TABLES, ids=[path.stem for path in TABLES])
def test_every_value_of_a_table_is_that_of_the_answers_beside_it(path):
    """The statistics again, from the answers that the runs gave to the test images."""
    found = results.read(path)
    there, wanted = results.progress(found)
    assert there == wanted or (there and path.stem in OPEN)
    with np.load(path.with_suffix(".npz")) as kept:
        for cell in found["cells"]:
            seeds = [value["seed"] for value in cell["values"]]
            assert (
                seeds == list(range(cell["seeds"])) or cell["failed"] or cell["hours"] > 0
            )  # what is open has its cost
            assert seeds == sorted(set(seeds)) and set(seeds) <= set(range(cell["seeds"]))
            for value in cell["values"]:
                assert value["commit"] and "+changes" not in value["commit"] and "DATA_DIR" in value["command"]
                if "answers" in value:
                    right = np.mean(kept[value["answers"]] == kept[value["labels"]])
                    assert value["value"] == pytest.approx(100 * right, abs=1e-4)
                    assert value["n"] == len(kept[value["labels"]])


@pytest.mark.parametrize("path", TABLES, ids=[path.stem for path in TABLES])
def test_the_picture_of_a_table_is_drawn_from_it(path):
    assert path.with_suffix(".svg").read_text(encoding="utf-8") == documents.picture_of(path)


@pytest.mark.parametrize("path", TABLES, ids=[path.stem for path in TABLES])
def test_a_table_is_of_cells_that_are_still_in_the_code(path):
    """What is trained for a cell, its paper's number and its seeds: a result of an older plan goes."""
    found = results.read(path)
    cells = tables.TABLES[found["table"]].of(found["budget"])
    ours = [(cell.row, cell.column, cell.experiment, cell.number, cell.paper, cell.seeds) for cell in cells]
    keys = ("row", "column", "experiment", "number", "paper", "seeds")
    assert [tuple(cell[key] for key in keys) for cell in found["cells"]] == ours
    for cell, own in zip(found["cells"], cells):
        recipe = catalogue.load(own.experiment)
        # A tuple is a list in JSON; a setting that the recipe has anyway may be said or not.
        typed = {name: tuple(v) if isinstance(v, list) else v for name, v in cell["settings"].items()}
        assert settings.override(recipe, typed) == settings.override(recipe, dict(own.settings))


@pytest.mark.parametrize(
    "path", documents.documents(), ids=lambda path: path.relative_to(RESULTS.parents[1]).as_posix()
)
def test_documents_say_what_the_records_say(path):
    """`make results` would change nothing."""
    text = path.read_text(encoding="utf-8")
    assert documents.written(text, path) == text
