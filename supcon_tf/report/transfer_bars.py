"""Transfer to other sets as bars: a set a row, both ways side by side, experiments beneath each other."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from html import escape
from typing import Optional

from supcon_tf.records.measures import value_of
from supcon_tf.report.figures import WIDTH, Frame, svg, ticks
from supcon_tf.report.page import TONES

WAYS = {"transfer_linear": "linear", "transfer_fine_tune": "fine-tuned"}  # measures, and what a page calls them
LEFT, RIGHT, HIGH, GAP = 140, WIDTH - 58, 15, 12  # of the bars: ends, height with the space below, space below a set


@dataclasses.dataclass(frozen=True)
class Bar:
    """One number as a bar.

    Attributes:
        set: what the networks were transferred to.
        measure: what a share is of, such as "mean per class".
        way: of `WAYS`.
        number: as in `measures.json`, a share.
        tone: number of the experiment.
        label: of whom.
    """

    set: str
    measure: str
    way: str
    number: dict
    tone: int
    label: str


def bars(found: Sequence[Bar]) -> str:
    """A bar chart from 0 to 100 %; sets in the order in which they first come.

    Args:
        found: at least one.
    """
    marks, y = [], 26
    for name, measure in dict.fromkeys((bar.set, bar.measure) for bar in found):
        own = [bar for bar in found if (bar.set, bar.measure) == (name, measure)]
        own.sort(key=lambda bar: (list(WAYS).index(bar.way), bar.tone))  # stable: seeds stay in their order
        marks += _names(name, measure, y)
        marks += [_bar(bar, y + HIGH * row) for row, bar in enumerate(own)]
        y += max(HIGH * len(own), 2 * HIGH) + GAP
    return svg(WIDTH, y, [*_scale(y), *marks], label="bars of transfer, a set a row")


def legend(found: Sequence[Bar]) -> str:
    """How the ways are drawn; nothing where there is one."""
    ways = [way for way in WAYS if any(bar.way == way for bar in found)]
    keys = "".join(
        f'<span><svg viewBox="0 0 30 10" aria-hidden="true"><rect class="bar {way}" width="30" height="10"/></svg>'
        f"{WAYS[way]}</span>"
        for way in ways
    )
    return f'<div class="legend">{keys}</div>' if len(ways) > 1 else ""


def _names(name: str, measure: str, y: float) -> list[str]:
    """A set, and beneath it what its share is of."""
    short = name if len(name) <= 17 else name[:16] + "\u2026"
    return [
        f'<text class="set" text-anchor="end" x="{LEFT - 8}" y="{y + 11}"><title>{escape(name)}</title>'
        f"{escape(short)}</text>",
        f'<text class="tick" text-anchor="end" x="{LEFT - 8}" y="{y + 24}">{escape(measure)}</text>',
    ]


def _bar(bar: Bar, y: float) -> str:
    value = float(bar.number["value"])
    title = escape(f"{bar.label}, {bar.set}, {WAYS[bar.way]}: {value_of(bar.number)}")
    middle = y + (HIGH - 3) / 2
    return (
        f'<g class="tone-{bar.tone % TONES}"><title>{title}</title>'
        f'<rect class="bar {bar.way}" x="{LEFT}" y="{y}" width="{_x(value) - LEFT:.1f}" height="{HIGH - 3}" rx="2"/>'
        f"{_whisker(bar.number['interval'], middle)}"
        f'<text class="tick" text-anchor="end" x="{WIDTH - 2}" y="{middle + 4:.1f}">{value_of(bar.number)}</text></g>'
    )


def _whisker(interval: Optional[Sequence[float]], y: float) -> str:
    """From one end of an interval to the other; an end that is no share has no stroke across."""
    if not interval:
        return ""
    low, high = (_x(min(max(end, 0.0), 1.0)) for end in interval)
    ends = "".join(f"M{_x(end):.1f} {y - 3:.1f}v6" for end in interval if 0 <= end <= 1)
    return f'<path class="whisker" d="M{low:.1f} {y:.1f}H{high:.1f}{ends}"/>'


def _scale(bottom: float) -> list[str]:
    marks = []
    for value in ticks(0.0, 1.0):
        marks.append(
            f'<line class="grid" x1="{_x(value):.1f}" x2="{_x(value):.1f}" y1="18" y2="{math.ceil(bottom - GAP)}"/>'
            f'<text class="tick" text-anchor="middle" x="{_x(value):.1f}" y="12">{100 * value:g} %</text>'
        )
    return marks


def _x(share: float) -> float:
    return Frame(LEFT, RIGHT, 0, 0, (0.0, 1.0), (0.0, 1.0)).x_at(share)
