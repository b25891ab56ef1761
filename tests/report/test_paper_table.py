"""A measured table as text, Markdown and a page: one list of lines, honest where little is known."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.report import paper_table
from supcon_tf.report.seeds import difference
from tests.report.test_report import Page


def value(seed, number, n=539):
    return {"seed": seed, "value": number, "n": n, "seconds": 60.0, "command": f"python -m launch.train --seed={seed}",
            "commit": "abc", "python": "3.11", "packages": {"numpy": "1"}}  # fmt: skip


def cell(row, values, *, column="digits", paper=None, number="top1", wanted=3, failed=None, hours=0.0, x=None):
    return {"row": row, "column": column, "x": x, "number": number, "paper": paper, "seeds": wanted, "hours": hours,
            "values": [value(seed, number) for seed, number in enumerate(values)], "failed": failed or {},
            "settings": {}, "experiment": "digits.supcon"}  # fmt: skip


def table(*cells, across="", reference="SupCon", note=""):
    return {"table": "2", "budget": "digits", "title": "losses <b>", "source": "Table 2", "across": across,
            "reference": reference, "note": note, "cells": list(cells)}  # fmt: skip


FOUND = table(
    cell("SupCon", [98.0, 98.4, 98.2], paper=96.0),
    cell("cross-entropy", [97.0, 97.6, 97.3], paper=95.0),
    cell("SimCLR", [], hours=0.25, paper=93.6),
)


def test_mean_interval_and_difference_are_those_of_student_and_welch():
    """By hand: t(0.975, 2) = 4.3027; deviations 0.2 and 0.3; Welch's interval as SciPy has it."""
    first, second, third = paper_table.lines_of(FOUND)
    assert first.ours == f"98.20 ± {4.3026527 * 0.2 / 3**0.5:.2f}" == "98.20 ± 0.50"
    apart, half = difference([97.0, 97.6, 97.3], [98.0, 98.4, 98.2])
    assert second.beside == f"-{-apart:.2f} ± {half:.2f}" == "-0.90 ± 0.61" and first.beside == ""
    assert (third.ours, third.seeds, third.cost, third.beside) == ("not measured", "0 of 3", "15 min to go", "")


def test_welch_is_scipys():
    stats = pytest.importorskip("scipy.stats")
    first, second = [98.0, 98.4, 98.2, 98.9], [97.0, 97.6]
    apart, half = difference(first, second)
    test = stats.ttest_ind(first, second, equal_var=False)
    error = (np.var(first, ddof=1) / 4 + np.var(second, ddof=1) / 2) ** 0.5
    assert apart / error == pytest.approx(test.statistic)
    # The interval ends at 0 just where the test's p is 5 %: moved there, the two agree.
    moved = stats.ttest_ind(first, np.array(second) + apart - half, equal_var=False)
    assert moved.pvalue == pytest.approx(0.05)
    assert difference([1.0, 1.0], [1.0, 1.0]) == (0.0, 0.0)


def test_one_seed_has_no_interval_and_the_table_says_so():
    text = paper_table.as_text(table(cell("SupCon", [98.0], wanted=1)))
    assert "98.00 " in text and "±" not in text and "One seed has no interval" in text


@pytest.mark.parametrize("values, told", [([98.0, 98.0], True), ([98.0, 98.2], False), ([98.0], False)])
def test_an_interval_of_no_width_is_told_to_be_chance(values, told):
    """On 539 images two seeds of five hundred right answers agree now and then."""
    text = paper_table.as_text(table(cell("SupCon", values)))
    assert ("± 0.00 " in text) == ("gave one number, by chance" in text) == told


def test_a_mean_is_not_shown_where_runs_failed():
    """The mean of those that did not fail would be a wrong number."""
    line = paper_table.lines_of(table(cell("SupCon", [98.0, 97.0], failed={"2": "diverged"})))[0]
    assert line.ours == "1 of 3 failed, else 98.00, 97.00" and line.value != line.value
    assert "Failed: diverged" in paper_table.as_text(table(cell("SupCon", [98.0], failed={"2": "diverged"})))


def test_text_markdown_and_page_have_the_same_cells():
    lines = [line for line in paper_table.as_markdown(FOUND).splitlines() if line.startswith("|")]
    markdown = [[text.strip() for text in line.strip("|").split("|")] for line in lines if "---" not in line]
    html = Page(paper_table.as_page(FOUND))
    assert html.rows[: len(markdown)][1:] == markdown[1:]
    text = paper_table.as_text(FOUND)
    assert all(each in text for row in markdown for each in row)
    assert "●" in text and html.references == [] and "losses <b>" in html.text


def test_a_page_before_anything_has_run():
    empty = table(cell("SupCon", [], hours=1.0))
    assert "Nothing is measured yet" in Page(paper_table.as_page(empty)).text


def test_all_forms_are_written(tmp_path):
    page = paper_table.write(tmp_path, FOUND)
    assert page.name == "table_2_digits.html"
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".html", ".md", ".svg", ".txt"]
    assert "(table_2_digits.svg)" in (tmp_path / "table_2_digits.md").read_text()


def test_a_document_may_ask_for_some_columns():
    head = paper_table.as_markdown(FOUND, only=["measured", "paper"]).splitlines()[2]
    assert head == "|  | measured | paper |"
    with pytest.raises(ValueError, match="no column is called 'price'; there are on, measure"):
        paper_table.as_markdown(FOUND, only=["price"])


def with_values(made, *, protocol=None, commit="abc", tensorflow="2.15.1"):
    packages = {"tensorflow": tensorflow, "keras": "2.15.0"}
    beside = {"commit": commit, "packages": packages, **({"protocol": protocol} if protocol else {})}
    return {**made, "values": [{**value, **beside} for value in made["values"]]}


@pytest.mark.parametrize("form", [paper_table.as_text, paper_table.as_markdown, paper_table.as_page])
def test_every_form_says_at_which_commits_and_with_what_values_were_measured(form):
    """Of runs at two commits and with two TensorFlows only the page did, at its end."""
    old, new = cell("SupCon", [98.0, 98.4]), cell("cross-entropy", [97.0, 97.6])
    told = form(table(with_values(old, commit="0ld"), with_values(new, commit="1ew", tensorflow="2.21.0")))
    assert "at commits 0ld, 1ew with Python 3.11, tensorflow 2.15.1, keras 2.15.0; and with" in told
    assert "tensorflow 2.21.0" in told


def test_numbers_that_were_measured_otherwise_have_no_difference():
    ours = with_values(cell("SupCon", [50.0, 51.0], number="mce"), protocol="corrupted in memory")
    theirs = with_values(cell("cross-entropy", [60.0, 61.0], number="mce"), protocol="stored images of ImageNet-C")
    text = paper_table.as_text(table(ours, theirs))
    assert "measured otherwise" in text and "How: corrupted in memory." in text and "How: stored images" in text
    same = paper_table.as_text(table(ours, with_values(theirs, protocol="corrupted in memory")))
    assert "measured otherwise" not in same and "+10.0 ± " in same


def test_a_mean_over_two_ways_of_measuring_is_not_shown():
    mixed = with_values(cell("SupCon", [50.0, 51.0], number="mce"), protocol="in memory")
    mixed["values"][1]["protocol"] = "stored"
    (line,) = paper_table.lines_of(table(mixed))
    assert line.ours == "in several ways: 50.0, 51.0" and np.isnan(line.value)


def test_severities_are_one_way_of_measuring():
    cells = [with_values(cell("SupCon", [40.0, 41.0], column=f"{n}", number=f"top1_severity_{n}"),
                         protocol=f"mean over corruptions at severity {n}; in memory") for n in (1, 2)]  # fmt: skip
    assert paper_table.as_text(table(*cells)).count("How: ") == 1


def test_bars_have_a_scale_for_each_number():
    """ECE lay beside accuracies of 98 on one scale: all its bars were empty."""
    cells = [cell(name, [value], number=number, column=number) for number, values in
             {"top1": (90.0, 98.0), "ece": (0.01, 0.12)}.items() for name, value in zip("ab", values)]  # fmt: skip
    bars = [
        line.rsplit("|", 1)[1] for line in paper_table.as_text(table(*cells, reference="")).splitlines() if "|" in line
    ]
    assert bars == ["●", "·" * 24 + "●"] * 2
