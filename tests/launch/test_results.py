"""Documents say what was measured: blocks are written from records, and nothing else is touched."""

from __future__ import annotations

import json
import shutil

import pytest

from launch import results as command
from supcon_tf.records import results
from supcon_tf.report.paper_figure import figure, standalone
from tests.report.run_directories import write_run
from tests.report.test_paper_table import FOUND, cell, table

TEXT = "before 96.00\n<!-- results: {} -->\nold\n<!-- end -->\nafter\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A repository with a measured table and a run."""
    folder = tmp_path / "experiments" / "results"
    results.write(folder, FOUND, {})
    write_run(folder / "digits", seed=1, accuracy=0.5)
    write_run(folder / "digits", seed=0, accuracy=0.25)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "RESULTS", folder)
    return folder


def test_a_block_becomes_its_table_and_nothing_else_changes(folder):
    new = command.written(TEXT.format("table_2_digits"), folder / "README.md")
    assert new.startswith("before 96.00\n<!-- results: table_2_digits -->\n**Table 2")
    assert new.endswith("<!-- end -->\nafter\n") and "| SupCon | digits |" in new and "old" not in new
    assert command.written(new, folder / "README.md") == new


def test_some_columns_and_no_figure(folder):
    (folder / "table_2_digits.svg").write_text("")
    whole = command.shown("table_2_digits", folder.parents[1] / "docs" / "page.md")
    assert "](../experiments/results/table_2_digits.svg)" in whole
    few = command.shown("table_2_digits | measured, paper", folder / "README.md")
    assert "|  | measured | paper |" in few and ".svg" not in few


def test_runs_of_a_folder_by_seed(folder):
    shown = command.shown("runs digits", folder / "README.md")
    assert command.shown("runs digits, nowhere", folder / "README.md") == shown
    assert shown.splitlines()[0] == "| experiment | seed 0 | seed 1 | mean top-1 | deviation | a run |"
    assert "| `digits.supcon` | 25.00% | 50.00% | 37.50% | 17.68% |" in shown


def test_a_block_without_a_record_is_refused(folder):
    with pytest.raises(ValueError, match=r"table_3_digits\.json is missing"):
        command.written(TEXT.format("table_3_digits"), folder / "README.md")


def test_tables_are_copied_as_far_as_they_are_measured(folder, tmp_path, capsys):
    made = tmp_path / "runs"
    results.write(made, table(cell("a", [1.0], wanted=1), reference=""), {})
    results.write(made, {**FOUND, "table": "5"}, {})  # a row of it is not measured
    results.write(made, {**table(cell("a", [], wanted=2, hours=3.0), reference=""), "table": "6"}, {})
    command.copy_tables(made)
    assert json.loads((folder / "table_2_digits.json").read_text())["cells"][0]["row"] == "a"
    shown = command.shown("table_5_digits", folder / "README.md")
    assert "| not measured |" in shown and "| 0 of 3 |" in shown and "15 min to go" in shown
    assert not (folder / "table_6_digits.json").exists()
    assert capsys.readouterr().out.splitlines() == [
        "table_2_digits.json: 1 of 1 values", "table_5_digits.json: 6 of 9 values",
        "table_6_digits.json: 0 of 2 values; left out, the results have 0",
    ]  # fmt: skip
    results.write(made, {**table(cell("b", [], wanted=1), cell("c", [2.0], wanted=1), reference=""), "table": "5"}, {})
    command.copy_tables(made)
    assert "table_5_digits.json: 1 of 2 values; left out, the results have 6" in capsys.readouterr().out
    assert command.shown("table_5_digits", folder / "README.md") == shown
    shutil.rmtree(made)
    made.mkdir()
    with pytest.raises(ValueError, match="has no table"):
        command.copy_tables(made)


def test_trials_the_best_of_each_method_first(folder):
    row = {"method": "SupCon", "settings": {"data.views": 2}, "validation_accuracy": 0.5, "device": "CPU",
           "seconds": 90, "images": 2000, "judged_on": "train[90%:]"}  # fmt: skip
    rows = [row, {**row, "settings": {}, "validation_accuracy": 0.75}, {**row, "method": "cross-entropy"}]
    (folder / "trials_x.json").write_text(json.dumps({"trials": rows}))
    lines = command.shown("trials_x", folder / "README.md").splitlines()
    assert lines[2] == "| SupCon | nothing | 75.00 | CPU | 1.5 min |" and "data.views=2 | 50.00" in lines[3]
    told = (
        "Judged on 2,000 images of train[90%:], never on a test image. 2 of SupCon, 1 of cross-entropy, one seed each."
    )
    assert lines[-1] == told


def test_trials_that_differ_in_their_seed_alone_are_one_with_their_mean(folder):
    row = {"method": "SupCon", "settings": {}, "device": "CPU", "images": 2000, "judged_on": "train[90%:]"}
    measured = [{"validation_accuracy": share, "seconds": 60 * (1 + seed), "seed": seed}
                for seed, share in enumerate((0.5, 0.75))]  # fmt: skip
    (folder / "trials_x.json").write_text(json.dumps({"trials": [{**row, **each} for each in measured]}))
    lines = command.shown("trials_x", folder / "README.md").splitlines()
    assert lines[2] == "| SupCon | nothing | 62.50 | CPU | 1.5 min |" and "1 of SupCon, 2 seeds each." in lines[-1]


def test_what_all_trials_have_and_their_recipes_have_not_is_said_once(folder):
    """As where a recipe changed after its trials."""
    row = {"method": "SupCon", "settings": {"precision": "mixed_bfloat16", "data.views": 2}, "validation_accuracy": 0.5,
           "device": "CPU", "seconds": 90, "images": 2000, "judged_on": "train[90%:]"}  # fmt: skip
    rows = [row, {**row, "settings": {"precision": "mixed_bfloat16"}, "validation_accuracy": 0.75}]
    (folder / "trials_x.json").write_text(json.dumps({"trials": rows}))
    shown = command.shown("trials_x", folder / "README.md")
    assert "| SupCon | nothing | 75.00 |" in shown and "| SupCon | data.views=2 | 50.00 |" in shown
    assert shown.count("bfloat16") == 1 and shown.endswith("one seed each. All with precision=mixed_bfloat16.")
    assert command.shown("trials_x | data.views", folder / "README.md").count("| SupCon |") == 2


def test_trials_of_some_settings_and_the_recipe_they_differ_from(folder):
    row = {"method": "SupCon", "settings": {}, "validation_accuracy": 0.75, "device": "CPU", "seconds": 90,
           "images": 2000, "judged_on": "train[90%:]"}  # fmt: skip
    both = {"loss.temperature": 0.5, "data.views": 2}
    rows = [row, {**row, "settings": {"loss.temperature": 0.1}}, {**row, "settings": both},
            {**row, "method": "cross-entropy"}]  # fmt: skip
    (folder / "trials_x.json").write_text(json.dumps({"trials": rows}))
    shown = command.shown("trials_x | loss.temperature", folder / "README.md")
    assert shown.count("| SupCon |") == 2 and "cross-entropy" not in shown and "2 of SupCon, one seed" in shown
    assert command.shown("trials_x | data.views, loss.temperature", folder / "README.md").count("| SupCon |") == 3
    with pytest.raises(ValueError, match=r"No trial differs from its recipe in data\.views alone"):
        command.shown("trials_x | data.views", folder / "README.md")


def test_pictures_are_drawn_from_the_tables(folder):
    """Not copied: a picture of older code would stay as it was."""
    (folder / "table_2_digits.svg").write_text("old")
    command.draw()
    assert (folder / "table_2_digits.svg").read_text() == standalone(figure(FOUND))
