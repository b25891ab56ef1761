"""Scatter and confusion matrix: counts, names, colours and crosses."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from supcon_tf.report.class_figures import confusion_matrix, scatter

POINTS = np.random.default_rng(0).normal(size=(60, 2))


def marks(svg, tag, kind):
    return [mark for mark in ElementTree.fromstring(svg).iter(tag) if mark.get("class", "").split()[:1] == [kind]]


def test_every_point_is_drawn_once_and_every_mistake_crossed():
    labels, wrong = np.arange(60) % 3, np.arange(60) < 7
    svg = scatter(POINTS, labels, wrong, ["a", "b", "c"])
    assert [mark.get("d").count("M") for mark in marks(svg, "path", "dots")] == [20, 20, 20]
    assert marks(svg, "path", "missed")[0].get("d").count("l6 6") == 7
    assert sorted(mark.text for mark in marks(svg, "text", "name")) == ["a", "b", "c"]


def test_of_many_classes_those_with_most_mistakes_are_coloured():
    labels = np.arange(60) % 30
    svg = scatter(POINTS, labels, labels < 10, [f"n{label}" for label in range(30)])
    assert sorted(mark.text for mark in marks(svg, "text", "name")) == sorted(f"n{label}" for label in range(10))
    (rest,) = [mark for mark in marks(svg, "path", "dots") if "rest" in mark.get("class")]
    assert rest.get("d").count("M") == 40


def test_names_do_not_lie_on_one_another():
    points = np.concatenate([np.zeros((20, 2)), [[5.0, 5.0], [-5.0, -5.0]]])
    labels = np.array([0, 1, 2, 3] * 5 + [4, 4])
    svg = scatter(points, labels, np.zeros(22, bool), ["cat", "dog", "deer", "frog", "ship"])
    heights = [float(mark.get("y")) for mark in marks(svg, "text", "name") if mark.text != "ship"]
    assert np.diff(sorted(heights)).min() >= 15


def test_a_class_without_points_is_left_out():
    svg = scatter(POINTS, np.zeros(60, int), np.zeros(60, bool), ["a", "b"])
    assert [mark.text for mark in marks(svg, "text", "name")] == ["a"]


def test_confusion_matrix_writes_each_count_in_its_cell():
    counts = np.array([[8, 2, 0], [0, 5, 0], [1, 0, 3]])
    cells = marks(confusion_matrix(counts, ["ape", "bee", "cow"]), "g", "cell")
    titles = [cell.find("title").text for cell in cells]
    assert titles[:2] == ["ape taken for ape: 8 of 10", "ape taken for bee: 2 of 10"] and len(cells) == 5
    assert [int(cell.find("text").text) for cell in cells] == [8, 2, 5, 1, 3]
    assert ["right" in cell.get("class") for cell in cells] == [True, False, True, False, True]
    across = [float(cell.find("rect").get("x")) for cell in cells]
    assert across[1] == across[2] and across[0] == across[3] < across[1] < across[4]


def test_confusion_matrix_ends_each_row_with_its_share():
    svg = confusion_matrix(np.array([[9999, 1], [0, 0]]), ["a", "b"])
    texts = [mark.text for mark in marks(svg, "text", "tick")]
    assert "99.9 %" in texts and "0 %" in texts  # One mistake is never rounded away; an empty row divides by nothing.


@pytest.mark.parametrize("draw", [
    lambda names: scatter(POINTS, np.arange(60) % 2, np.zeros(60, bool), names),
    lambda names: confusion_matrix(np.eye(2, dtype=int), names),
])  # fmt: skip
def test_names_are_escaped_and_shortened(draw):
    texts = [text.text for text in ElementTree.fromstring(draw(["<i>&", "a very long name of a class"])).iter("text")]
    assert "<i>&" in texts and "a very long n\u2026" in texts
