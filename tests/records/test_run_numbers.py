"""What counts as a number of a finished run: of its networks as they ended, its images, the paper's protocol."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from supcon_tf.records import results, run_numbers
from supcon_tf.records.directory import RunDirectory
from supcon_tf.tables import Cell, Table, runs_of
from supcon_tf.transfer_budget import Budget
from tests.report.run_directories import answers, write_run

CELL = Cell("SupCon", "dtd", "digits.supcon", number="transfer_fine_tune", seeds=1)
ECE = Cell("SupCon", "ECE", "digits.supcon", number="ece", seeds=1)
MCE = Cell("SupCon", "mCE", "digits.supcon", number="mce", seeds=1)
TOP = Cell("SupCon", "top-1", "digits.supcon", seeds=1)
SHARE = float(np.mean(answers(120)["predictions"] == answers(120)["labels"]))
LAST = "linear/step-40"  # of `write_run`
STORED = {"images": "stored", "name": "folder:imagenet-c"}


@pytest.fixture
def directory(tmp_path):
    made = write_run(tmp_path / "made", accuracy=SHARE)
    place = tmp_path / "runs" / TOP.trained / "seed_0"
    place.parent.mkdir(parents=True)
    made.rename(place)
    return RunDirectory(place)


def entry(measure, name, *, value=0.05, checkpoint=LAST, data=None, details=None, **made):
    number = {"name": name, "value": value, "unit": "share", "protocol": "somehow", "n": 120, "interval": None,
              "details": details}  # fmt: skip
    made = {"checkpoint": checkpoint, "data": {"name": "digits", **(data or {})}, **made}
    return {"measure": measure, "made": made, "numbers": [number]}


def measured(directory, *entries):
    directory.measures.write_text(json.dumps({"measures": entries}))


def open_of(cell, directory, **how):
    left = run_numbers.missing(runs_of([cell])[0], directory, **how)
    return left.measures or left.transfers


@pytest.mark.parametrize(
    "other",
    [
        {"checkpoint": "linear/step-5"},  # of the run when it was interrupted
        {"checkpoint": "contrastive/step-40"},
        {"data": {"test_split": "test[:1%]"}},
        {"data": {"name": "cifar10"}},
    ],
)
def test_what_was_measured_of_other_networks_or_images_does_not_count(directory, other):
    measured(directory, entry("calibration", "ece", value=0.9, **other))
    assert run_numbers.value_of(ECE, directory) is None and open_of(ECE, directory) == ("calibration",)
    measured(directory, entry("calibration", "ece", value=0.9, **other), entry("calibration", "ece"))
    assert run_numbers.value_of(ECE, directory) == {"value": 0.05, "n": 120, "protocol": "somehow"}
    assert open_of(ECE, directory) == ()


def test_a_transfer_counts_by_the_papers_budget_alone(directory):
    at = {"details": {"set": "dtd"}, "data": {"name": "dtd", "source": "dtd"}}
    measured(directory, entry("transfer_fine_tune", "transfer_fine_tune", budget=Budget(steps=100).as_json(), **at))
    assert run_numbers.value_of(CELL, directory) is None and open_of(CELL, directory) == (("fine_tune", "dtd"),)
    measured(directory, entry("transfer_fine_tune", "transfer_fine_tune", budget=Budget().as_json(), **at))
    assert run_numbers.value_of(CELL, directory)["value"] == pytest.approx(5.0) and open_of(CELL, directory) == ()


def test_stored_corrupted_images_are_asked_for_until_they_are_measured(directory):
    """And what was measured on stored ones is not measured again in memory."""
    measured(directory, entry("robustness", "mce", corrupted={"images": "made in memory", "frost_dir": None}))
    assert open_of(MCE, directory) == () and open_of(MCE, directory, corrupted={"images": "stored"}) == ("robustness",)
    assert open_of(MCE, directory, corrupted={"frost_dir": "pictures"}) == ("robustness",)
    measured(directory, entry("robustness", "mce", corrupted=STORED))
    assert open_of(MCE, directory) == () and open_of(MCE, directory, corrupted={"images": "stored"}) == ()


def cut(path):
    path.write_bytes(path.read_bytes()[:1000])


def without_predictions(path):
    np.savez(path, labels=answers(120)["labels"])


def without_labels_in_the_archive(path):
    with zipfile.ZipFile(path, "w"):
        pass


@pytest.mark.parametrize(
    "damage, message",
    [
        (cut, "is damaged"),
        (lambda path: path.write_bytes(b""), "is damaged"),
        (without_predictions, "is damaged .*predictions"),
        (without_labels_in_the_archive, "is damaged"),
        (lambda path: path.unlink(), "is missing"),
    ],
)
def test_a_damaged_run_is_a_reason_in_its_table_and_leaves_the_others_alone(directory, damage, message):
    """Each of these ended `reproduce` with a traceback, or without advice."""
    damage(directory.evaluation)
    with pytest.raises(ValueError, match=rf"{message}.* Remove it and summary.json"):
        run_numbers.answers(directory, SHARE)
    check_failed(directory, message)


def test_a_summary_without_its_accuracy_is_a_reason_too(directory):
    directory.summary.write_text(json.dumps({"seconds": {}}))
    check_failed(directory, "says nothing of test_accuracy; remove it")


def check_failed(directory, message):
    root = directory.path.parents[2]
    other = Cell("other", "top-1", "digits.cross_entropy", seeds=1)
    place = root / other.trained / "seed_0"
    place.parent.mkdir(parents=True)
    write_run(root.parent / "other", kind="cross_entropy", accuracy=SHARE).rename(place)
    found, _ = results.collected(Table("t", "title", "Table 0", {"digits": (TOP, other)}), "digits", root)
    assert message.split(".*")[0] in found["cells"][0]["failed"]["0"] and found["cells"][0]["values"] == []
    assert len(found["cells"][1]["values"]) == 1 and found["cells"][1]["failed"] == {}
    with pytest.raises(ValueError, match=message):
        results.require_whole(runs_of([TOP])[0], directory)
    results.require_whole(runs_of([other])[0], RunDirectory(place))


def test_a_run_whose_measure_failed_keeps_its_accuracy(directory):
    """It was counted as a value and as a failure, and its row lost mean and interval."""
    root = directory.path.parents[2]
    results.note(root, runs_of([TOP])[0], "error: out of memory")
    found, _ = results.collected(Table("t", "title", "Table 0", {"digits": (TOP, ECE)}), "digits", root)
    top, ece = found["cells"]
    assert len(top["values"]) == 1 and top["failed"] == {}
    assert ece["values"] == [] and ece["failed"] == {"0": "out of memory"}
    assert results.progress(found) == (2, 2)
