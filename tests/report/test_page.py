"""Elements of the page: text is escaped, tables are rectangular, tiles are even."""

from __future__ import annotations

import pytest

from supcon_tf.report import page

NASTY = '<script>"&'


@pytest.mark.parametrize("html", [
    page.document(NASTY, []),
    page.section(NASTY, [], lead=NASTY),
    page.note(NASTY),
    page.legend([NASTY, NASTY]),
    page.tile(NASTY, NASTY, unit=NASTY),
    page.figure(NASTY, "", caption=NASTY),
    page.details(NASTY, ""),
    page.picture("data:,", text=NASTY),
])  # fmt: skip
def test_text_is_escaped(html):
    assert "<script" not in html and "&lt;script&gt;&quot;&amp;" in html


def test_a_legend_of_one_is_none():
    assert page.legend(["alone"]) == ""


@pytest.mark.parametrize(("tiles", "columns"), [(1, 1), (5, 5), (6, 3), (7, 4), (8, 4), (10, 5)])
def test_tiles_stand_in_even_rows(tiles, columns):
    assert f"--columns: {columns}" in page.tiles(["<div></div>"] * tiles)


def test_number_columns_are_set_to_the_right():
    html = page.table(["a", "b"], [["1", "2"]], kind="k", numbers=(1,))
    assert '<th>a</th><th class="number">b</th>' in html and '<td>1</td><td class="number">2</td>' in html


def test_every_colour_of_an_experiment_exists_in_light_and_dark():
    html = page.document("t", [])
    for tone in range(page.TONES):
        assert html.count(f"--tone-{tone}: #") == 2 and html.count(f".tone-{tone} {{") == 1
