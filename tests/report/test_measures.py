"""The section of measures says what `measures.json` says, and nothing of what was not measured."""

from __future__ import annotations

import json

import pytest

from supcon_tf.report.measures import measures_section
from supcon_tf.report.report import write_report
from supcon_tf.report.runs import read_groups
from tests.report.run_directories import write_run


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
