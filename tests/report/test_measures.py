"""The section of measures says what `measures.json` says, and nothing of what was not measured."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from supcon_tf.records import pictures
from supcon_tf.records.directory import RunDirectory
from supcon_tf.report.measures import measures_section
from supcon_tf.report.report import write_report
from supcon_tf.report.runs import read_groups
from tests.report.run_directories import write_run
from tests.report.test_report import Page


def number(name, value, unit="share", interval=None, details=None):
    return {"name": name, "value": value, "unit": unit, "protocol": f"how <{name}>", "n": 1234, "interval": interval,
            "details": details}  # fmt: skip


def entry(measure, *numbers, data="digits", **others):
    return {"measure": measure, "made": {"data": {"name": data}}, "numbers": list(numbers), **others}


SURE = {"confidence": [0.4, 0.9], "accuracy": [0.5, 0.8], "counts": [1, 2]}
FOG = {"severity": [1, 2, 3, 4, 5], "error": [0.1, 0.2, 0.2, 0.2, 0.3]}
ENTRIES = [
    entry("accuracy", number("top1", 0.91, interval=[0.9, 0.92]), number("nll", 0.25, "nats")),
    entry("calibration", number("ece", 0.02, details=SURE)),
    entry("robustness", number("mean_error", 30.5, "points"), number("error_fog", 20.0, "points", details=FOG)),
    {"measure": "knn_dino", "made": {"data": {"name": "other <set>"}}, "why_not": "the images have no labels"},
]


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, evaluation=False)


def section(run, entries=ENTRIES):
    (run / "measures.json").write_text(json.dumps({"measures": entries}))
    return measures_section(read_groups([run]))


def test_numbers_intervals_and_protocols_are_shown(run):
    html = section(run)
    assert "91.00 %" in html and "90.00 \u2013 92.00" in html and "0.2500 nats" in html and "30.50 %" in html
    assert "1,234" in html and "how &lt;top1&gt;" in html


def test_what_could_not_be_measured_has_its_reason_under_its_data(run):
    html = section(run)
    assert "on other &lt;set&gt;" in html and "knn_dino: the images have no labels." in html
    assert html.index("on digits") < html.index("on other")


def test_pictures_are_of_what_was_measured(run):
    html = section(run)
    assert "Reliability" in html and "Error by severity" in html and "<title>fog</title>" in html
    assert "2 of 2 bins hold fewer than 10 images" in html
    assert "1 numbers by corruption and severity" in html
    html = section(run, ENTRIES[:1])
    assert "Reliability" not in html and "Error by severity" not in html and "by corruption" not in html


def test_a_run_that_was_not_measured_has_no_section(run, tmp_path):
    assert measures_section(read_groups([run])) == ""
    write_report(tmp_path / "page.html", [run])
    assert "Measures of the trained networks" not in (tmp_path / "page.html").read_text()
    section(run)
    write_report(tmp_path / "page.html", [run])
    assert "Measures of the trained networks" in (tmp_path / "page.html").read_text()


def test_a_damaged_file_says_what_to_do(run):
    (run / "measures.json").write_text("[]")
    with pytest.raises(ValueError, match="remove it, and evaluate the run again"):
        measures_section(read_groups([run]))


def test_seeds_come_as_means_with_their_interval_and_each_to_be_opened(tmp_path):
    values = (0.91, 0.93, 0.95)
    runs = [write_run(tmp_path, seed=seed, evaluation=False) for seed in range(3)]
    for run, value in zip(runs, values):
        own = [entry("accuracy", number("top1", value, interval=[0.1, 0.9])), ENTRIES[1], ENTRIES[3]]
        (run / "measures.json").write_text(json.dumps({"measures": own}))
    page = Page(measures_section(read_groups(runs)))
    assert "digits.supcon, 3 runs, on digits" in page.text and "2.5 standard deviations wide each way" in page.text
    low, high = stats.t.interval(0.95, 2, loc=93, scale=stats.sem([91, 93, 95]))
    first = next(row for row in page.rows if any(row))
    assert first[:5] == ["top1", "93.00 %", f"{low:.2f} \u2013 {high:.2f}", "91.00, 93.00, 95.00", "0, 1, 2"]
    folded = [row[2] for row in page.rows if row and row[0] == "top1"][1:]
    assert folded == ["10.00 \u2013 90.00"] * 3 and [f"Seed {seed}" in page.text for seed in range(3)] == [True] * 3
    assert page.text.count("Reliability") == 1 and "Pictures of seed 0" in page.text
    assert page.text.count("knn_dino: the images have no labels.") == 3


def test_what_seeds_measured_otherwise_is_not_averaged(tmp_path):
    runs = [write_run(tmp_path, seed=seed, evaluation=False) for seed in range(2)]
    for run, n in zip(runs, (100, 200)):
        own = [entry("accuracy", {**number("top1", 0.5), "n": n}, number("nll", 0.5, "nats"))]
        (run / "measures.json").write_text(json.dumps({"measures": own}))
    page = Page(measures_section(read_groups(runs)))
    assert next(row[:2] for row in page.rows if any(row)) == ["nll", "0.5000 nats"]
    assert "2 numbers are of one seed, or were measured in another way" in page.text


def test_images_are_shown_where_the_evaluation_kept_them(run):
    images = {"images": np.zeros([1, 2, 8, 8, 1], np.uint8), "class_names": np.array([["<i>cat</i>", "dog"]])}
    curve = {"k": [1, 2], "precision": [0.5, 0.4], "images": [[0, 1]], "classes": [[3, 5]]}
    found = entry("retrieval", number("precision_at_1", 0.5, details=curve))
    assert "What images find" not in section(run, [found]) and "Retrieval" in section(run, [found])
    pictures.write(RunDirectory(run), found, images)
    write_report(run / "page.html", [run])
    text = (run / "page.html").read_text()
    page = Page(text)
    assert "What images find" in page.text and "<i>cat</i>" in page.text and "<i>" not in text
    assert all(reference.startswith("data:image/") for reference in page.references)
    assert "What images find" not in section(run, [{**found, "made": {"data": {"name": "digits"}, "weights": "new"}}])
