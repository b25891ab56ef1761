"""Transfer in the report: one figure for all runs, means over seeds, reasons once, and nothing where there is none."""

from __future__ import annotations

import json

import pytest

from supcon_tf.report.measures import measures_section
from supcon_tf.report.runs import read_groups
from tests.report.run_directories import write_run
from tests.report.test_report import Page


def entry(value, *, name="dtd", way="transfer_linear", measure="top-1", protocol="p"):
    number = {"name": way, "value": value, "unit": "share", "protocol": protocol, "n": 99, "interval": [0.1, 0.9],
              "details": {"set": name, "measure": measure}}  # fmt: skip
    return {"measure": way, "made": {"data": {"name": name}}, "numbers": [number]}


def section(runs, *entries):
    for run, own in zip(runs, entries):
        (run / "measures.json").write_text(json.dumps({"measures": own}))
    return measures_section(read_groups(runs))


@pytest.fixture
def runs(tmp_path):
    supcon = [write_run(tmp_path, seed=seed, evaluation=False) for seed in (0, 1)]
    return [*supcon, write_run(tmp_path, kind="cross_entropy", evaluation=False)]


def test_seeds_are_averaged_and_experiments_stand_side_by_side(runs):
    html = section(runs, [entry(0.5)], [entry(0.6)], [entry(0.4), entry(0.7, name="<b>", measure="mean per class")])
    page = Page(html)
    assert html.count("<h3>Transfer to other sets</h3>") == 1 and html.count("<h3>") == 1
    rows = [row for row in page.rows if any(row)]
    assert [row[:4] for row in rows] == [
        ["dtd", "linear", "digits.supcon, 2 seeds", "55.00 %"],
        ["dtd", "linear", "digits.cross_entropy, seed 0", "40.00 %"],
        ["<b>", "linear", "digits.cross_entropy, seed 0", "70.00 %"],
    ]
    assert rows[0][4] == "-8.53 \u2013 118.53" and rows[1][4] == "10.00 \u2013 90.00"  # 55 +- 12.706 * 5; its own
    assert page.count("rect", "bar") == 3 and "over 2 seeds it is 9.0 standard deviations wide" in page.text
    assert "mean per class" in page.text and "fine-tuned" not in page.text


def test_seeds_that_were_measured_otherwise_have_bars_of_their_own(runs):
    page = Page(section(runs[:2], [entry(0.5)], [entry(0.6, protocol="another")]))
    assert [row[2:4] for row in page.rows if any(row)] == [
        ["digits.supcon, seed 0", "50.00 %"], ["digits.supcon, seed 1", "60.00 %"],
    ]  # fmt: skip
    assert page.count("rect", "bar") == 2 and "standard deviations" not in page.text


def test_a_reason_is_said_once_for_its_seeds(runs):
    why = {"measure": "transfer_fine_tune", "made": {"data": {"name": "dtd"}}, "why_not": "no <images>"}
    page = Page(section(runs[:2], [why], [why]))
    assert "digits.supcon, dtd, fine-tuned: no <images> (seed 0, 1)." in page.text and page.count("rect", "bar") == 0


def test_nothing_is_said_of_transfer_that_was_not_measured(runs):
    number = {"name": "top1", "value": 0.5, "unit": "share", "protocol": "p", "n": 9, "interval": None}
    html = section(runs[:1], [{"measure": "accuracy", "made": {"data": {"name": "digits"}}, "numbers": [number]}])
    assert "ransfer" not in html and "top1" in html
