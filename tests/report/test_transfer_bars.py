"""Bars are as long as their shares, whiskers reach the ends of intervals, and names are escaped."""

from __future__ import annotations

import re

import pytest

from supcon_tf.report.transfer_bars import LEFT, RIGHT, Bar, bars, legend


def bar(value, interval=None, *, name="dtd", way="transfer_linear", tone=0):
    number = {"name": way, "value": value, "unit": "share", "protocol": "p", "n": 99, "interval": interval}
    return Bar(name, "top-1", way, number, tone, f"run {tone}")


def test_lengths_are_shares_of_the_whole():
    found = [bar(0.25), bar(0.5, way="transfer_fine_tune"), bar(1.0, name="cifar10"), bar(0.0, name="voc2007")]
    widths = [float(width) for width in re.findall(r'width="([\d.]+)" height="12"', bars(found))]
    assert widths == pytest.approx([(RIGHT - LEFT) * share for share in (0.25, 0.5, 1, 0)], abs=0.06)


def test_whiskers_reach_the_ends_of_the_interval():
    low, high = map(
        float, re.search(r'class="whisker" d="M([\d.]+) [\d.]+H([\d.]+)M', bars([bar(0.5, [0.4, 0.8])])).groups()
    )
    assert [(x - LEFT) / (RIGHT - LEFT) for x in (low, high)] == pytest.approx([0.4, 0.8], abs=1e-3)
    assert "whisker" not in bars([bar(0.5)])
    beyond = bars([bar(0.9, [0.6, 1.2])])
    assert beyond.count("v6") == 1 and f"H{RIGHT:.1f}" in beyond  # to the edge, and no end there


def test_linear_comes_first_then_experiments_in_their_order():
    found = [bar(0.1, way="transfer_fine_tune"), bar(0.2, tone=1), bar(0.3)]
    assert re.findall(r'<g class="(tone-\d)".*?bar (transfer_\w+)', bars(found)) == [
        ("tone-0", "transfer_linear"), ("tone-1", "transfer_linear"), ("tone-0", "transfer_fine_tune"),
    ]  # fmt: skip


def test_names_are_escaped_and_cut():
    html = bars([bar(0.5, name="<script>" * 4)])
    assert "<script>" not in html and "\u2026" in html


def test_one_way_needs_no_legend():
    assert legend([bar(0.5)]) == "" and "fine-tuned" in legend([bar(0.5), bar(0.5, way="transfer_fine_tune")])
