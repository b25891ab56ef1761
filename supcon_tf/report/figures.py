"""Figures of runs as inline SVG: line charts over epochs and dots of seeds.

The marks carry classes and no colours: the style sheet of the page (`page.py`) has one palette for light and one for
dark. `tone-3` is the fourth experiment. Sizes are in CSS pixels of a column of half the page.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from html import escape
from typing import Optional

import numpy as np

from supcon_tf.report.page import TONES

WIDTH = 520


@dataclasses.dataclass(frozen=True)
class Line:
    """One curve: float [n] x and y, where NaN leaves a gap; kind "mean", "median", "seed", "train" sets its stroke."""

    x: np.ndarray
    y: np.ndarray
    tone: int
    kind: str
    label: str


@dataclasses.dataclass(frozen=True)
class Level:
    """A horizontal line to compare curves with; without a tone it belongs to all of them."""

    value: float
    label: str
    tone: Optional[int] = None


@dataclasses.dataclass(frozen=True)
class Frame:
    """A rectangle of the drawing and the values that its sides stand for."""

    left: float
    right: float
    top: float
    bottom: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x_at(self, value: float) -> float:
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def y_at(self, value: float) -> float:
        low, high = self.y_range
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)


def line_chart(
    lines: Sequence[Line], *, levels: Sequence[Level] = (), percent: bool = False, across: str = "epoch"
) -> str:
    """Curves over epochs, or over something else.

    Args:
        lines: at least one with a finite value.
        levels: dashed horizontal lines, which the y axis reaches.
        percent: values are shares, written as percentages.
        across: what the x axis counts; its ticks are whole where all x are.

    Raises:
        ValueError: no line has a finite value.
    """
    values = np.concatenate([line.y for line in lines] + [np.array([level.value for level in levels])])
    values = values[np.isfinite(values)]
    if not len(values):
        raise ValueError("A line chart needs at least one finite value; got none.")
    epochs = np.concatenate([line.x for line in lines])
    y_range = padded(values.min(), values.max(), most=1.0 if percent else math.inf)
    first, last = float(epochs.min()), float(epochs.max())
    frame = Frame(46, WIDTH - 16, 10, 228, (first, last) if last > first else (first - 1, last + 1), y_range)
    budget = max(60, 12_000 // len(lines))
    whole = bool(np.all(epochs == np.round(epochs)))
    marks = [_axes(frame, percent=percent, across=across, whole=whole), *_levels(frame, levels)]
    for kind in ("seed", "train", "median", "mean"):  # What matters most is drawn last, on top.
        for line in lines:
            if line.kind == kind:
                path = _path(frame, *_thinned(line.x, line.y, budget))
                title = f"<title>{escape(line.label)}</title>"
                marks.append(f'<path class="line {kind} tone-{line.tone % TONES}" d="{path}">{title}</path>')
    return svg(WIDTH, 258 if _beside(across) else 272, marks, label=f"line chart over {across}s")


def seed_dots(values: Sequence[float], titles: Sequence[str], *, limits: tuple[float, float], tone: int) -> str:
    """One dot a run on a shared scale, over the band of mean and standard deviation.

    Args:
        values: [runs], inside limits.
        titles: [runs], shown when the pointer rests on a dot.
        limits: values at the two ends of the scale.
        tone: number of the experiment.
    """
    frame = _dot_frame(limits)
    mean = float(np.mean(values))
    marks = [f'<line class="grid" x1="{frame.left}" x2="{frame.right}" y1="14" y2="14"/>']
    if len(values) > 1:
        deviation = float(np.std(values, ddof=1))
        low, high = (frame.x_at(np.clip(mean + sign * deviation, *limits)) for sign in (-1, 1))
        marks.append(
            f'<rect class="band tone-{tone % TONES}" x="{low:.1f}" y="5" width="{high - low:.1f}" height="18" rx="2"/>'
            f'<line class="mean tone-{tone % TONES}" x1="{frame.x_at(mean):.1f}" x2="{frame.x_at(mean):.1f}" '
            'y1="3" y2="25"/>'
        )
    for number, (value, title) in enumerate(zip(values, titles)):
        y = 14 + (number % 3 - 1) * 5 * (len(values) > 1)  # Apart, so that equal values can still be counted.
        marks.append(
            f'<circle class="seed tone-{tone % TONES}" cx="{frame.x_at(value):.1f}" cy="{y}" r="3.5">'
            f"<title>{escape(title)}</title></circle>"
        )
    return svg(240, 28, marks, label="one dot a run")


def dot_scale(limits: tuple[float, float]) -> str:
    """The axis above a column of `seed_dots`, in per cent."""
    frame = _dot_frame(limits)
    marks = [
        f'<text class="tick" text-anchor="middle" x="{frame.x_at(value):.1f}" y="11">{100 * value:g}</text>'
        f'<line class="grid" x1="{frame.x_at(value):.1f}" x2="{frame.x_at(value):.1f}" y1="15" y2="20"/>'
        for value in ticks(*limits, most=4)
    ]
    return svg(240, 20, marks, label="scale of top-1 accuracy in per cent")


def ticks(low: float, high: float, *, most: int = 5, whole: bool = False) -> list[float]:
    """Round values between low and high: at most `most` + 1, at least two; steps are 1, 2, 2.5 or 5 tens.

    `whole` keeps to steps that count epochs.
    """
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    factors = (1, 2, 5, 10) if whole else (1, 2, 2.5, 5, 10)
    step *= next(factor for factor in factors if (high - low) / (step * factor) <= most)
    step = max(step, 1.0) if whole else step
    digits = max(0, 1 - math.floor(math.log10(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, digits) for number in range(first, last + 1)]


def svg(width: float, height: float, marks: Sequence[str], *, label: str) -> str:
    """A drawing that is as wide as its column; `label` is read aloud in its place."""
    body = "".join(marks)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{body}</svg>'


def key(names: Sequence[str]) -> str:
    """What each tone stands for, as a drawing of its own; nothing where there is one, which needs no telling apart."""
    if len(names) < 2:
        return ""
    marks, x, y = [], 10.0, 6
    for tone, name in enumerate(names):
        wide = 26 + 6.4 * len(name)  # as wide as letters of 11.5 pixels are at most, on average
        if x > 10 and x + wide > WIDTH:
            x, y = 10.0, y + 20
        marks.append(
            f'<rect class="key tone-{tone % TONES}" x="{x:.1f}" y="{y}" width="11" height="11" rx="2"/>'
            f'<text class="set" x="{x + 17:.1f}" y="{y + 10}">{escape(name)}</text>'
        )
        x += wide
    return svg(WIDTH, y + 18, marks, label="what the colours stand for")


def _axes(frame: Frame, *, percent: bool, across: str, whole: bool) -> str:
    x, y, anchor = frame.left - 7, frame.bottom + 18, "end"
    if not _beside(across):
        x, y, anchor = (frame.left + frame.right) / 2, frame.bottom + 38, "middle"
    marks = [f'<text class="tick" text-anchor="{anchor}" x="{x}" y="{y}">{escape(across)}</text>']
    for value in ticks(*frame.y_range):
        y = frame.y_at(value)
        text = f"{100 * value:g} %" if percent else f"{value:g}"
        marks.append(
            f'<line class="grid" x1="{frame.left}" x2="{frame.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" text-anchor="end" x="{frame.left - 7}" y="{y + 4:.1f}">{text}</text>'
        )
    for value in ticks(*frame.x_range, most=8, whole=whole):
        marks.append(
            f'<text class="tick" text-anchor="middle" x="{frame.x_at(value):.1f}" y="{frame.bottom + 18}">{value:g}'
            "</text>"
        )
    return "".join(marks)


def _beside(across: str) -> bool:
    """Whether the name of the x axis is short enough to stand left of its ticks; else it stands below them."""
    return len(across) <= 6


def _levels(frame: Frame, levels: Sequence[Level]) -> list[str]:
    marks, written = [], []
    for level in levels:
        y = frame.y_at(level.value)
        tone = "" if level.tone is None else f" tone-{level.tone % TONES}"
        marks.append(f'<line class="level{tone}" x1="{frame.left}" x2="{frame.right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        if all(abs(y - other) > 14 for other in written):
            written.append(y)
            marks.append(
                f'<text class="note" text-anchor="end" x="{frame.right}" y="{y + 14:.1f}">{level.label}</text>'
            )
    return marks


def _path(frame: Frame, x: np.ndarray, y: np.ndarray) -> str:
    parts, drawing = [], False
    for across, up in zip(x, y):
        if math.isfinite(up):
            place = f"{frame.x_at(across):.1f} {frame.y_at(up):.1f}"
            parts.append(f"L{place}" if drawing else f"M{place}h0")  # h0 shows a point that has no neighbour.
        drawing = math.isfinite(up)
    return "".join(parts)


def _thinned(x: np.ndarray, y: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    kept = np.unique(np.linspace(0, len(x) - 1, min(most, len(x))).round().astype(int))
    return x[kept], y[kept]


def padded(low: float, high: float, *, most: float = math.inf) -> tuple[float, float]:
    """A range of values with some room at both ends, though not below zero and not above `most`."""
    room = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    least = 0.0 if low >= 0 else -math.inf  # No empty strip below zero under losses, shares and rates.
    return float(max(low - room, least)), float(min(high + room, max(most, high)))


def _dot_frame(limits: tuple[float, float]) -> Frame:
    return Frame(10, 230, 0, 28, limits, (0.0, 1.0))
