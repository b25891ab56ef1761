"""A table of the paper beside what was measured: as text, as Markdown and as a page, all from one list of lines."""

from __future__ import annotations

import math
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

import numpy as np

from supcon_tf.records import results, words
from supcon_tf.records.files import replace_text
from supcon_tf.report import page
from supcon_tf.report.paper_figure import figure, standalone
from supcon_tf.report.seeds import LEVEL, difference, interval
from supcon_tf.tables import NUMBERS, Number

BAR = 24  # characters of the text's picture of a value
STACK = ("tensorflow", "keras")  # packages whose versions decide numbers


class Line(NamedTuple):
    """A cell as people read it; texts are empty where there is nothing to say.

    Attributes:
        row, column: where it stands.
        ours: mean and half of its interval, or why there is none.
        seeds: how many values, of how many wanted.
        images: test images of each.
        paper: the paper's number.
        beside: ours minus that of the row of reference, and half of its interval.
        cost: training time of a run, or what is still to be spent.
        value: the mean, for the bars of the text; NaN where there is none.
    """

    row: str
    column: str
    ours: str
    seeds: str
    images: str
    paper: str
    beside: str
    cost: str
    value: float


def lines_of(found: dict) -> list[Line]:
    """The lines of a measured table (`records.results`), in its order."""
    reference = {cell["column"]: cell for cell in found["cells"] if cell["row"] == found["reference"]}
    return [_line(cell, reference.get(cell["column"])) for cell in found["cells"]]


def as_text(found: dict) -> str:
    """The table for a terminal, with a bar where each value lies between the least and the greatest."""
    lines = lines_of(found)
    head, rows = _columns(found, lines)
    bars = _bars(lines, [cell["number"] for cell in found["cells"]])
    rows = [[*row, bar] for row, bar in zip(rows, bars)]
    widths = [max(map(len, column)) for column in zip([*head, ""], *rows)]
    cells = ["  ".join(cell.ljust(wide) for cell, wide in zip(row, widths)).rstrip() for row in [[*head, ""], *rows]]
    return "\n".join([_title(found), "", cells[0], "  ".join("-" * wide for wide in widths[:-1]), *cells[1:], "",
                      *_notes(found, lines)])  # fmt: skip


def as_markdown(found: dict, *, picture: str = "", only: Sequence[str] = ()) -> str:
    """The table for a document.

    Args:
        found: the measured table.
        picture: path of its figure, seen from the document; empty: no figure.
        only: columns that are shown beside the names of rows; empty: all.

    Raises:
        ValueError: `only` names a column that the table does not have.
    """
    lines = lines_of(found)
    head, rows = _columns(found, lines, only=only)
    table = ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]
    shown = [f"\n![{_title(found)}]({picture})"] if picture else []
    return "\n".join([f"**{_title(found)}**", "", *table, *shown, "", *_notes(found, lines)])


def as_page(found: dict) -> str:
    """The table, its figure, commands and surroundings as a page that needs nothing else."""
    lines = lines_of(found)
    head, rows = _columns(found, lines)
    numbers = [number for number, name in enumerate(head) if name not in ("", "measure")]
    table = page.table([*map(page.escape, head)], [[*map(page.escape, row)] for row in rows], kind="paper",
                       numbers=numbers)  # fmt: skip
    notes = [page.note(text) for text in _notes(found, lines)]
    values = [value for cell in found["cells"] for value in cell["values"]]
    commands = "\n".join(dict.fromkeys(value["command"] for value in values)) or "nothing has run yet"
    header = f"<header>\n<h1>{page.escape(_title(found))}</h1>\n</header>"
    return page.document(
        _title(found),
        [
            header,
            page.section("Measured, beside the paper", [table, *notes]),
            page.section("As a figure", [f"<figure>{figure(found)}</figure>"]),
            page.section("Commands", [page.details("Commands", f"<pre>{page.escape(commands)}</pre>")]),
        ],
    )  # fmt: skip


def write(folder: pathlib.Path, found: dict) -> pathlib.Path:
    """Writes all forms of a measured table into `folder`; returns the path of the page."""
    stem = results.stem(found)
    made: Mapping[str, str] = {
        "txt": as_text(found) + "\n",
        "md": as_markdown(found, picture=f"{stem}.svg") + "\n",
        "svg": standalone(figure(found)),
        "html": as_page(found),
    }
    for ending, text in made.items():
        replace_text(folder / f"{stem}.{ending}", text)
    return folder / f"{stem}.html"


def _line(cell: dict, reference: Optional[dict]) -> Line:
    number, values = NUMBERS[cell["number"]], [value["value"] for value in cell["values"]]
    mean, half = interval(values) if values else (math.nan, math.nan)
    seconds = [value["seconds"] for value in cell["values"]]
    images = sorted({value["n"] for value in cell["values"]})
    left = f"{words.duration(3600 * cell['hours'])} to go" if cell["hours"] else ""
    return Line(
        cell["row"],
        cell["column"],
        _ours(cell, number, mean, half),
        f"{len(values)} of {cell['seeds']}" if len(values) < cell["seeds"] else str(len(values)),
        " or ".join(f"{count:,}" for count in images),
        "" if cell["paper"] is None else _shown(number, cell["paper"]),
        _beside(number, values, cell, reference),
        ", ".join(filter(None, (words.duration(float(np.mean(seconds))) if seconds else "", left))),
        math.nan if cell["failed"] or len(_protocols(cell)) > 1 else mean,
    )


def _ours(cell: dict, number: Number, mean: float, half: float) -> str:
    """Mean and interval; where runs failed their mean would be of those that did not, so all are told instead."""
    if cell["failed"]:
        others = ", ".join(_shown(number, value["value"]) for value in cell["values"])
        return f"{len(cell['failed'])} of {cell['seeds']} failed" + (f", else {others}" if others else "")
    if math.isnan(mean):
        return "not measured"
    if len(_protocols(cell)) > 1:
        return "in several ways: " + ", ".join(_shown(number, value["value"]) for value in cell["values"])
    return _shown(number, mean) + ("" if math.isnan(half) else f" ± {_shown(number, half)}")


def _beside(number: Number, values: Sequence[float], cell: dict, reference: Optional[dict]) -> str:
    if reference is None or reference is cell or reference["number"] != cell["number"]:
        return ""
    others = [value["value"] for value in reference["values"]]
    if values and others and _protocols(cell) != _protocols(reference):
        return "measured otherwise"
    if min(len(values), len(others)) < 2 or cell["failed"] or reference["failed"]:
        return ""
    apart, half = difference(values, others)
    return f"{'+' if apart >= 0 else '-'}{_shown(number, abs(apart))} ± {_shown(number, half)}"


def _protocols(cell: dict) -> set:
    """How the values of a cell were measured: in one way, or they have no mean."""
    return {value.get("protocol", "") for value in cell["values"]}


def _shown(number: Number, value: float) -> str:
    digits = 2 if number.unit == "%" else 3 if abs(value) < 2 else 1
    return f"{value:.{digits}f}"


def _columns(found: dict, lines: Sequence[Line], *, only: Sequence[str] = ()) -> tuple[list[str], list[list[str]]]:
    """Head and rows, without the columns that are empty, or that nobody asked for."""
    measures = [_named(NUMBERS[cell["number"]]) for cell in found["cells"]]
    columns = {
        "": [line.row for line in lines],
        found["across"] or "on": [line.column for line in lines],
        "measure": measures,
        "measured": [line.ours for line in lines],
        "paper": [line.paper for line in lines],
        f"minus {found['reference']}": [line.beside for line in lines],
        "seeds": [line.seeds for line in lines],
        "test images": [line.images for line in lines],
        "time of a run": [line.cost for line in lines],
    }
    unknown = [name for name in only if name not in columns]
    if unknown:
        raise ValueError(f"no column is called {unknown[0]!r}; there are {', '.join(filter(None, columns))}.")
    kept = {name: texts for name, texts in columns.items() if any(texts) and (not only or not name or name in only)}
    return list(kept), [list(row) for row in zip(*kept.values())]


def _named(number: Number) -> str:
    return f"{number.title}, {number.unit}" if number.unit else number.title


def _title(found: dict) -> str:
    return f"{found['source']}, budget {found['budget']}: {found['title']}"


def _notes(found: dict, lines: Sequence[Line]) -> list[str]:
    """What a reader has to know, a paragraph each."""
    notes = [found["note"]] if found["note"] else []
    if any("±" in line.ours for line in lines):
        notes.append(f"± is half of Student's interval of the mean over seeds, {LEVEL:.0%}"
                     + ("; of a difference, Welch's." if any(line.beside for line in lines) else "."))  # fmt: skip
    if any(len(cell["values"]) == 1 for cell in found["cells"]):
        notes.append("One seed has no interval: its spread is not known.")
    if any("±" in line.ours and len({value["value"] for value in cell["values"]}) == 1
           for cell, line in zip(found["cells"], lines)):  # fmt: skip
        notes.append(
            "Where ± is 0 the seeds of a row gave one number, by chance; it does not say that they have no spread."
        )
    notes += _surroundings([value for cell in found["cells"] for value in cell["values"]])
    failed = dict.fromkeys(why for cell in found["cells"] for why in cell["failed"].values())
    return notes + [f"Failed: {why}" for why in failed]


def _surroundings(values: Sequence[dict]) -> list[str]:
    """How, at which commits and with which versions values were measured: all there are, since they may be mixed."""
    if not values:
        return []
    commits = dict.fromkeys(value["commit"] or "unknown" for value in values)
    versions = dict.fromkeys(
        f"Python {value['python']}, " + ", ".join(f"{name} {value['packages'].get(name, '?')}" for name in STACK)
        for value in values
    )
    made = (
        f"Measured at commit{'s' if len(commits) > 1 else ''} {', '.join(commits)} with {'; and with '.join(versions)}."
    )
    how = dict.fromkeys(re.sub(r"severity \d", "each severity", value.get("protocol", "")) for value in values)
    return [made, *(f"How: {protocol}." for protocol in how if protocol)]


def _bars(lines: Sequence[Line], numbers: Sequence[str]) -> list[str]:
    """Where each mean lies between the least and the greatest of its number, as characters."""
    found = []
    for line, name in zip(lines, numbers):
        known = [other.value for other, own in zip(lines, numbers) if own == name and not math.isnan(other.value)]
        apart = max(known, default=0.0) - min(known, default=0.0)
        filled = 0.0 if math.isnan(line.value) or not apart else (line.value - min(known)) / apart
        found.append("" if math.isnan(line.value) or not apart else "|" + "·" * round(BAR * filled) + "●")
    return found
