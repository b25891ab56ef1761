"""The figure of a measured table: where its marks are, and a file that stands alone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as tree

import pytest

from supcon_tf.report.paper_figure import figure, standalone
from tests.report.test_paper_table import FOUND, cell, table

CURVE = table(
    *(cell("SupCon", [number, number + 1], column=str(x), x=x) for x, number in ((16, 90.0), (64, 94.0), (256, 97.0))),
    *(cell("cross-entropy", [number], column=str(x), x=x) for x, number in ((16, 95.0), (64, 93.0))),
    cell("cross-entropy", [], column="256", x=256),
    across="batch size",
)


def test_a_dot_for_each_run_and_a_whisker_for_each_interval():
    html = figure(FOUND)
    assert html.count("<circle") == 6 and html.count('class="whisker"') == 2
    centres = [float(text) for text in re.findall(r'<circle class="seed" cx="([\d.]+)"', html)]
    assert centres[1] > centres[2] > centres[0] > centres[4]  # 98.4 > 98.2 > 98.0 > 97.6


def test_a_setting_is_an_axis_by_its_logarithm_where_it_reaches_far():
    html = figure(CURVE)
    assert "log2 of batch size" in html and html.count('class="line mean') == 2 and html.count('class="line seed') == 3
    near = table(cell("a", [1.0], x=0.1, column="1"), cell("a", [2.0], x=0.2, column="2"), across="temperature")
    assert "log2" not in figure(near) and "temperature" in figure(near)


def test_numbers_of_different_kinds_have_drawings_of_their_own():
    html = figure(table(cell("a", [98.0]), cell("a", [0.02], number="ece", column="ECE")))
    assert html.count("<svg") == 2 and "less is better" in html and "more is better" in html


@pytest.mark.parametrize("found", [FOUND, CURVE])
def test_the_file_stands_alone(found):
    root = tree.fromstring(standalone(figure(found)))
    assert root.tag.endswith("svg") and "--tone-0" in "".join(root.itertext())
    assert not re.findall(r'(?:href|src)="', standalone(figure(found)))


def test_the_name_of_an_axis_is_not_cut_off():
    """A long one stands below the ticks, inside of the drawing; "epoch" stands beside them."""
    html = figure(CURVE)
    x, y = re.search(r'text-anchor="middle" x="([\d.]+)" y="([\d.]+)">log2 of batch size', html).groups()
    wide, high = re.search(r'viewBox="0 0 (\d+) (\d+)"', html).groups()
    assert 0.25 * int(wide) < float(x) < 0.75 * int(wide) and float(y) < int(high)


def test_a_dot_row_is_named_by_row_and_column_where_there_are_several():
    """Eleven columns in seven tones, under two names, could not be told apart."""
    columns = [f"setting {number}" for number in range(11)]
    html = figure(table(*(cell(row, [98.0, 97.0], column=column) for row in ("SupCon", "other") for column in columns)))
    names = re.findall(r"</title>([^<]+)</text>", html)
    assert names == [f"{row}, {column}" for row in ("SupCon", "other") for column in columns]
    assert set(re.findall(r'<g class="(tone-\d)"', html)) == {"tone-0", "tone-1"}


def test_a_figure_draws_no_mean_that_the_table_refuses():
    failed = {"1": "diverged", "2": "diverged"}
    dots = figure(table(cell("a", [98.4], failed=failed), cell("b", [90.0, 91.0])))
    assert "2 of 3 failed" in dots and dots.count('class="whisker"') == 1
    curve = [cell("a", [number], column=str(x), x=x) for x, number in ((1, 90.0), (2, 91.0), (3, 92.0))]
    whole = figure(table(*curve, across="epochs"))
    curve[1]["failed"] = failed
    path = re.search(r'<path class="line mean[^"]*" d="([^"]+)"', figure(table(*curve, across="epochs")))[1]
    assert path != re.search(r'<path class="line mean[^"]*" d="([^"]+)"', whole)[1]
