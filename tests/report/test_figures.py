"""Line charts and dots: every mark is where its value is."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from supcon_tf.report import figures


def line(y, *, kind="mean", tone=0, label="run"):
    return figures.Line(np.arange(1.0, len(y) + 1), np.array(y, float), tone, kind, label)


def paths(svg, kind):
    return [mark.get("d") for mark in ElementTree.fromstring(svg).iter("path") if kind in mark.get("class").split()]


def test_a_rising_curve_rises_in_equal_steps():
    (path,) = paths(figures.line_chart([line([1, 2, 3])]), "mean")
    points = np.array([pair.split() for pair in re.findall(r"[ML]([\d. ]+)", path)], float)
    steps = np.diff(points, axis=0)
    assert (steps[:, 0] > 0).all() and (steps[:, 1] < 0).all()  # SVG counts downwards.
    np.testing.assert_allclose(steps[0], steps[1], atol=0.11)


def test_nan_leaves_a_gap_and_a_lone_point_can_be_seen():
    (path,) = paths(figures.line_chart([line([1, 2, np.nan, 3])]), "mean")
    assert path.count("M") == 2 and path.count("L") == 1 and path.endswith("h0")


def test_a_chart_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one finite value; got none"):
        figures.line_chart([line([np.nan, np.nan])])


def test_a_level_is_inside_the_chart_dashed_and_named():
    level = figures.Level(9.0, "collapsed embeddings")
    root = ElementTree.fromstring(figures.line_chart([line([1, 2])], levels=[level]))
    (mark,) = [mark for mark in root.iter("line") if mark.get("class") == "level"]
    assert 10 <= float(mark.get("y1")) <= 30
    assert "collapsed embeddings" in [text.text for text in root.iter("text")]


def test_long_curves_are_thinned_but_keep_their_ends():
    (path,) = paths(figures.line_chart([line(np.linspace(0, 1, 50_000))]), "mean")
    assert 10_000 < path.count("L") < 12_001
    assert path.startswith("M46.0") and f"L{figures.WIDTH - 16}.0" in path


def test_one_epoch_and_a_constant_make_a_chart():
    assert paths(figures.line_chart([line([0.5])]), "mean") and paths(figures.line_chart([line([0.0, 0.0])]), "mean")


def test_labels_are_escaped():
    titles = ElementTree.fromstring(figures.line_chart([line([1, 2], label="<b>&")])).iter("title")
    assert [title.text for title in titles] == ["<b>&"]


def test_one_dot_a_seed_where_its_value_is():
    svg = figures.seed_dots([0.2, 0.8], ["a", "b"], limits=(0.0, 1.0), tone=3)
    dots = list(ElementTree.fromstring(svg).iter("circle"))
    assert [float(dot.get("cx")) for dot in dots] == [10 + 220 * 0.2, 10 + 220 * 0.8]
    assert all(dot.get("class") == "seed tone-3" for dot in dots)


def test_band_of_dots_is_mean_and_sample_deviation():
    values = [0.4, 0.5, 0.7]
    (band,) = ElementTree.fromstring(figures.seed_dots(values, "abc", limits=(0.0, 1.0), tone=0)).iter("rect")
    left, width = float(band.get("x")), float(band.get("width"))
    np.testing.assert_allclose(width, 220 * 2 * np.std(values, ddof=1), atol=0.1)
    np.testing.assert_allclose(left + width / 2, 10 + 220 * np.mean(values), atol=0.1)


def test_one_seed_has_no_band():
    assert "<rect" not in figures.seed_dots([0.5], ["a"], limits=(0.0, 1.0), tone=0)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.977, 0.991, [0.98, 0.985, 0.99]), (-3, 3, [-2, 0, 2])],
)
def test_ticks_are_round(low, high, expected):
    assert figures.ticks(low, high) == expected


def test_ticks_of_epochs_are_whole():
    assert figures.ticks(1, 3, whole=True) == [1, 2, 3]


@pytest.mark.parametrize("most", [4, 5, 8])
def test_ticks_are_few_ascending_and_inside(most):
    random = np.random.default_rng(0)
    for low, span in zip(random.normal(size=200) * 100, 10 ** random.uniform(-6, 6, 200)):
        found = figures.ticks(low, low + span, most=most)
        assert 2 <= len(found) <= most + 1 and (np.diff(found) > 0).all()
        assert low - 1e-6 * span <= found[0] and found[-1] <= low + span * (1 + 1e-6)


def test_a_key_says_what_every_tone_stands_for():
    drawn = figures.key(["SupCon", "cross-entropy & more"])
    assert drawn.count('class="key tone-') == 2 and "cross-entropy &amp; more" in drawn
    assert figures.key(["alone"]) == ""
    names = [f"a rather long name {number}" for number in range(9)]
    places = [float(x) for x in re.findall(r'<rect class="key tone-\d" x="([\d.]+)"', figures.key(names))]
    assert len(places) == 9 and max(places) < figures.WIDTH - 100 and places.count(10.0) > 1  # in rows
