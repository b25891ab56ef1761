"""The figure of a measured table: dots of seeds with intervals, or, over a setting, curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from supcon_tf.report import page
from supcon_tf.report.figures import WIDTH, Frame, Line, key, line_chart, padded, svg, ticks
from supcon_tf.report.page import TONES
from supcon_tf.report.seeds import interval
from supcon_tf.tables import NUMBERS

RIGHT, HIGH = 16, 24  # of the dots: space at the end, height of a row
LETTER, LONGEST = 6.6, 46  # width of a letter of a name; letters that a name is cut to


def figure(found: dict) -> str:
    """The figure of a measured table, as inline SVG; a sentence where nothing is measured yet."""
    if not any(cell["values"] for cell in found["cells"]):
        return page.note("Nothing is measured yet.")
    parts = []
    for name in dict.fromkeys(cell["number"] for cell in found["cells"] if cell["values"]):
        cells = [cell for cell in found["cells"] if cell["number"] == name]
        number = NUMBERS[name]
        caption = f"{number.title}{', %' if number.unit else ''}; {'more' if number.higher else 'less'} is better"
        over = all(cell["x"] is not None for cell in cells)
        parts.append(page.figure(caption, _curves(cells, found["across"]) if over else _dots(cells)))
    return "\n".join(parts)


def standalone(html: str) -> str:
    """The drawings of a figure as one SVG file that has its style in it."""
    drawings = html.split("<svg ")[1:]
    parts, top = [], 0.0
    for drawing in drawings:
        body = drawing.split("</svg>")[0]
        wide, high = (float(text) for text in body.split('viewBox="0 0 ')[1].split('"')[0].split())
        parts.append(f'<svg x="0" y="{top:g}" width="{wide:g}" height="{high:g}" {body}</svg>')
        top += high + 12
    tones = "".join(f".tone-{number} {{ --tone: var(--tone-{number}); }}\n" for number in range(TONES))
    style = escape(f"{page.STYLE}{tones}svg {{ background: var(--paper); font-family: sans-serif; }}", quote=False)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {max(top - 12, 1):g}" width="{WIDTH}">'
        f"<style>{style}</style>{''.join(parts)}</svg>\n"
    )


def _curves(cells: Sequence[dict], across: str) -> str:
    """Means over a setting, a curve a row, a thin one for each seed; where the values lie far apart, over their log.

    Where a run failed there is no mean: it would be that of those that did not.
    """
    rows = list(dict.fromkeys(cell["row"] for cell in cells))
    places = [cell["x"] for cell in cells]
    logarithmic = min(places) > 0 and max(places) / min(places) >= 16
    lines = []
    for tone, row in enumerate(rows):
        own = sorted((cell for cell in cells if cell["row"] == row and cell["values"]), key=lambda cell: cell["x"])
        x = np.array([math.log2(cell["x"]) if logarithmic else cell["x"] for cell in own], np.float64)
        for seed in sorted({value["seed"] for cell in own for value in cell["values"]}):
            y = np.array([_of_seed(cell, seed) for cell in own])
            lines.append(Line(x, y, tone, "seed", f"{row}, seed {seed}"))
        means = np.array([math.nan if cell["failed"] else np.mean([value["value"] for value in cell["values"]])
                          for cell in own])  # fmt: skip
        lines.append(Line(x, means, tone, "mean", row))
    chart = line_chart(lines, across=f"log2 of {across}" if logarithmic else across)
    return chart + key(rows)


def _of_seed(cell: dict, seed: int) -> float:
    return next((value["value"] for value in cell["values"] if value["seed"] == seed), math.nan)


def _dots(cells: Sequence[dict]) -> str:
    """A row a cell: a dot a seed, a stroke from end to end of the interval, and the mean across it."""
    values = [value["value"] for cell in cells for value in cell["values"]]
    ends = [end for cell in cells for end in _ends(cell)]
    names, rows = _names(cells), list(dict.fromkeys(cell["row"] for cell in cells))
    left = 14 + LETTER * max(map(len, names))
    frame = Frame(
        left, WIDTH - RIGHT, 22, 22 + HIGH * len(cells), padded(min(values + ends), max(values + ends)), (0, 1)
    )
    by_row = len(rows) < len(cells)  # several cells a row: a tone for each row
    marks = [_scale(frame)]
    for number, (cell, name) in enumerate(zip(cells, names)):
        tone = rows.index(cell["row"]) if by_row else 0
        marks.append(_row(frame, cell, name, y=frame.top + HIGH * (number + 0.5), tone=tone))
    return svg(WIDTH, frame.bottom + 6, marks, label="dots of runs")


def _names(cells: Sequence[dict]) -> list[str]:
    """What each cell is called beside its dots: its row, and its column where there are several."""
    several = len({cell["column"] for cell in cells}) > 1
    names = [f"{cell['row']}, {cell['column']}" if several else cell["row"] for cell in cells]
    return [name if len(name) <= LONGEST else name[: LONGEST - 1] + "\u2026" for name in names]


def _row(frame: Frame, cell: dict, name: str, *, y: float, tone: int) -> str:
    marks = [f'<text class="set" text-anchor="end" x="{frame.left - 8:.1f}" y="{y + 4:.1f}">'
             f"<title>{escape(cell['row'])}, {escape(cell['column'])}</title>{escape(name)}</text>"]  # fmt: skip
    for value in cell["values"]:
        title = escape(f"{cell['row']}, {cell['column']}, seed {value['seed']}: {value['value']:.4g}")
        marks.append(f'<circle class="seed" cx="{frame.x_at(value["value"]):.1f}" cy="{y:.1f}" r="3.5">'
                     f"<title>{title}</title></circle>")  # fmt: skip
    if cell["failed"]:
        marks.append(f'<text class="tick" text-anchor="end" x="{frame.right}" y="{y + 4:.1f}">'
                     f"{len(cell['failed'])} of {cell['seeds']} failed</text>")  # fmt: skip
    ends = [] if cell["failed"] else _ends(cell)
    if ends:
        low, high = (frame.x_at(end) for end in ends)
        middle = frame.x_at(float(np.mean([value["value"] for value in cell["values"]])))
        marks.append(f'<path class="whisker" d="M{low:.1f} {y:.1f}H{high:.1f}M{low:.1f} {y - 3:.1f}v6M{high:.1f} '
                     f'{y - 3:.1f}v6M{middle:.1f} {y - 7:.1f}v14"/>')  # fmt: skip
    return f'<g class="tone-{tone % TONES}">{"".join(marks)}</g>'


def _ends(cell: dict) -> list[float]:
    """Both ends of the interval of a cell; none where there is one seed."""
    values = [value["value"] for value in cell["values"]]
    if len(values) < 2:
        return []
    mean, half = interval(values)
    return [mean - half, mean + half]


def _scale(frame: Frame) -> str:
    return "".join(
        f'<line class="grid" x1="{frame.x_at(value):.1f}" x2="{frame.x_at(value):.1f}" y1="18" y2="{frame.bottom}"/>'
        f'<text class="tick" text-anchor="middle" x="{frame.x_at(value):.1f}" y="12">{value:g}</text>'
        for value in ticks(*frame.x_range)
    )
