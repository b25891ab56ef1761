"""Figures of the test images as inline SVG: where each class lies, what it was taken for, and how well it was found.

As in `figures.py` the marks carry classes and no colours; `class-3` is the fourth coloured class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from supcon_tf.report.figures import WIDTH, Frame, padded, svg
from supcon_tf.report.page import CLASS_COLOURS

NAMED_CLASSES = 20  # More names than this cannot be read beside a matrix of this width.


def scatter(points: np.ndarray, labels: np.ndarray, wrong: np.ndarray, names: Sequence[str]) -> str:
    """Points in the plane by class; the name of a class stands above its bulk.

    Of more than ten classes the ten with the most mistakes are coloured and named, and the others are grey.

    Args:
        points: float [n, 2].
        labels: int [n], 0 to C - 1.
        wrong: bool [n], whether the classifier missed; marked with a cross.
        names: [C].
    """
    frame = Frame(8, WIDTH - 8, 8, 452, *(padded(column.min(), column.max()) for column in points.T))
    places = np.array([(frame.x_at(x), frame.y_at(y)) for x, y in points])  # [n, 2]
    shown = _prominent(labels, wrong, len(names))
    rest = ~np.isin(labels, shown)
    marks = [f'<path class="dots rest" d="{_dots(places[rest])}"/>'] if rest.any() else []
    for colour, label in enumerate(shown):
        if (labels == label).any():
            marks.append(f'<path class="dots class-{colour}" d="{_dots(places[labels == label])}"/>')
    crosses = "".join(f"M{x - 3:.1f} {y - 3:.1f}l6 6m0-6l-6 6" for x, y in places[wrong])
    marks.append(f'<path class="missed" d="{crosses}"/>')
    tags = [(names[label], *_above(places[labels == label])) for label in shown if label in labels]
    return svg(WIDTH, 460, marks + _name_tags(tags), label="test images in two dimensions")


def confusion_matrix(counts: np.ndarray, names: Sequence[str]) -> str:
    """Counts of label (row) against prediction (column), with the share that was right at the end of each row.

    Args:
        counts: int [C, C], C at most `NAMED_CLASSES`.
        names: [C].
    """
    longest = max(map(len, names))
    left, top = 14 + 6.6 * min(longest, 14), 34.0 if longest < 4 else 34 + 4.6 * min(longest, 14)
    side = (WIDTH - left - 46) / len(names)
    height = min(side, 38.0)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)  # [C, C]
    centre, bottom = left + side * len(names) / 2, top + height * len(names)
    marks = [
        f'<text class="tick" text-anchor="middle" x="{centre:.1f}" y="11">prediction</text>',
        f'<text class="tick" text-anchor="end" x="{WIDTH}" y="{top - 8:.1f}">right</text>',
    ]
    for row, name in enumerate(names):
        y = top + height * (row + 0.5)
        x = left + side * (row + 0.5)
        turned = "" if longest < 4 else f' transform="rotate(-40 {x:.1f} {top - 8:.1f})"'
        anchor = "middle" if longest < 4 else "start"
        marks += [
            f'<text class="tick" text-anchor="end" x="{left - 6:.1f}" y="{y + 4:.1f}">{_short(name)}</text>',
            f'<text class="tick" text-anchor="{anchor}" x="{x:.1f}" y="{top - 8:.1f}"{turned}>{_short(name)}</text>',
            f'<text class="tick" text-anchor="end" x="{WIDTH}" y="{y + 4:.1f}">{_percent(share[row, row])}</text>',
        ]
        for column in np.flatnonzero(counts[row]):
            marks.append(
                _cell(
                    counts[row, column],
                    share[row, column],
                    right=row == column,
                    box=(left + side * column, top + height * row, side, height),
                    title=f"{name} taken for {names[column]}: {counts[row, column]} of {counts[row].sum()}",
                )
            )
    marks.append(
        f'<rect class="outline" x="{left:.1f}" y="{top:.1f}" width="{side * len(names):.1f}" '
        f'height="{bottom - top:.1f}"/>'
    )
    return svg(WIDTH, math.ceil(bottom + 4), marks, label="confusion matrix")


def bars(values: np.ndarray, names: Sequence[str]) -> str:
    """Shares as bars, a class a row, the lowest first.

    Args:
        values: float [k], 0 to 1, finite.
        names: [k].
    """
    left, height = 14 + 6.6 * min(max(map(len, names)), 14), 20
    reach, marks = WIDTH - left - 52, []
    for row, number in enumerate(np.argsort(values, kind="stable")):
        y = 4 + height * row
        marks.append(
            f'<g class="cell right"><title>{escape(names[number])}: {_percent(values[number])}</title>'
            f'<text class="tick" text-anchor="end" x="{left - 6:.1f}" y="{y + 14}">{_short(names[number])}</text>'
            f'<rect x="{left:.1f}" y="{y}" width="{reach * values[number]:.1f}" height="{height - 4}" rx="2"/>'
            f'<text class="tick" text-anchor="end" x="{WIDTH}" y="{y + 14}">{_percent(values[number])}</text></g>'
        )
    return svg(WIDTH, 8 + height * len(names), marks, label="bars, one a class")


def _dots(places: np.ndarray) -> str:
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in places)


def _prominent(labels: np.ndarray, wrong: np.ndarray, classes: int) -> list[int]:
    if classes <= len(CLASS_COLOURS):
        return list(range(classes))
    mistakes = np.bincount(labels[wrong], minlength=classes)
    return sorted(np.argsort(-mistakes, kind="stable")[: len(CLASS_COLOURS)].tolist())


def _above(places: np.ndarray) -> tuple[float, float]:
    """The spot over the inner half of a class, where its name hides few of its points."""
    x, y = np.median(places, 0)
    distances = np.hypot(places[:, 0] - x, places[:, 1] - y)
    top = places[distances <= np.median(distances), 1].min()
    return float(x), max(float(top) - 12, 10.0)


def _name_tags(places: Sequence[tuple[str, float, float]]) -> list[str]:
    """Names inside the picture, moved down where they would lie on one another."""
    tags, taken = [], []
    for name, x, y in sorted(places, key=lambda place: place[2]):
        half = 4.2 * min(len(name), 14)
        x = min(max(x, half), WIDTH - half)
        for other, level, reach in taken:  # From the top: a later one is lower, so one pass is enough.
            if abs(x - other) < half + reach and abs(y - level) < 15:
                y = level + 15
        taken.append((x, y, half))
        tags.append(f'<text class="name" text-anchor="middle" x="{x:.1f}" y="{y + 5:.1f}">{_short(name)}</text>')
    return tags


def _cell(count: int, share: float, *, right: bool, box: tuple[float, float, float, float], title: str) -> str:
    x, y, width, height = box
    shade = share if right else math.sqrt(share)
    strong = " strong" if shade > 0.55 else ""
    kind = "right" if right else "wrong"
    return (
        f'<g class="cell {kind}{strong}"><title>{escape(title)}</title>'
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill-opacity="{shade:.2f}"/>'
        f'<text text-anchor="middle" x="{x + width / 2:.1f}" y="{y + height / 2 + 4:.1f}">{count}</text></g>'
    )


def _short(name: str) -> str:
    return escape(name if len(name) <= 14 else name[:13] + "\u2026")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share in (0.0, 1.0) else f"{min(max(100 * share, 0.1), 99.9):.1f} %"
