"""The report's section of what was measured of trained networks: `measures.json` of every run that has one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from supcon_tf.records.measures import interval_of, read, value_of
from supcon_tf.report import figures, page
from supcon_tf.report.runs import Run, RunGroup

FEW = 10  # images, of which a share says little
PARTS = ("error_", "ece_severity_")  # of robustness, beside its means


def measures_section(groups: Sequence[RunGroup]) -> str:
    """Tables and pictures of what `launch.evaluate` found; nothing where it found nothing."""
    html = []
    for tone, group in enumerate(groups):
        for run in group.runs:
            html += _of_run(run, tone)
    lead = "Written by launch.evaluate; each line says how it is measured. Intervals are of 95 %."
    return page.section("Measures of the trained networks", html, lead=lead) if html else ""


def _of_run(run: Run, tone: int) -> list[str]:
    """A heading, a table and pictures for each set of images that a run was measured on."""
    entries = read(run.directory.measures)
    html = []
    for data in dict.fromkeys(entry["made"]["data"]["name"] for entry in entries):
        own = [entry for entry in entries if entry["made"]["data"]["name"] == data]
        title = f"{run.summary['experiment']}, seed {run.seed}, on {data}"
        html.append(f"<h3>{page.chip(tone)}{page.escape(title)}</h3>")
        numbers = [number for entry in own for number in entry.get("numbers", [])]
        if numbers:
            html += _tables(numbers, tone)
        html += [page.note(f"{entry['measure']}: {entry['why_not']}.") for entry in own if "why_not" in entry]
    return html


def _tables(numbers: Sequence[dict], tone: int) -> list[str]:
    """What matters, pictures, and the many numbers of corrupted images to be opened."""
    parts = [number for number in numbers if number["name"].startswith(PARTS)]
    whole = [number for number in numbers if number not in parts]
    folded = [page.details(f"{len(parts)} numbers by corruption and severity", _table(parts))] if parts else []
    return [_table(whole), *_pictures(numbers, tone), *folded]


def _table(numbers: Sequence[dict]) -> str:
    cells = [(n["name"], value_of(n), interval_of(n, " \u2013 "), f"{n['n']:,}", n["protocol"]) for n in numbers]
    rows = [list(map(page.escape, row)) for row in cells]
    return page.table(("Measure", "Value", "Interval", "n", "How"), rows, kind="results", numbers=(1, 2, 3))


def _pictures(numbers: Sequence[dict], tone: int) -> list[str]:
    """A reliability diagram, and errors by severity, where these were measured."""
    found = []
    for number in numbers:
        details = number.get("details") or {}
        if "confidence" in details:
            found.append(_reliability(details, tone))
    corrupted = [number for number in numbers if "severity" in (number.get("details") or {})]
    if corrupted:
        found.append(_by_severity(corrupted, tone))
    return [page.pair(found)] if found else []


def _reliability(details: dict, tone: int) -> str:
    confidence, accuracy = (np.array(details[name], np.float64) for name in ("confidence", "accuracy"))
    ends = np.array([0.0, 1.0])
    lines = [
        figures.Line(ends, ends, tone, "train", "as sure as right"),
        figures.Line(confidence, accuracy, tone, "mean", "share that is right"),
    ]
    few = sum(count < FEW for count in details["counts"])
    caption = (
        "How often an answer is right, over how sure the classifier is of it; on the diagonal both are equal. "
        f"{few} of {len(confidence)} bins hold fewer than {FEW} images."
    )
    chart = figures.line_chart(lines, percent=True, across="sure")
    return page.figure("Reliability", chart, caption=caption)


def _by_severity(numbers: Sequence[dict], tone: int) -> str:
    lines = [
        figures.Line(
            np.array(number["details"]["severity"], np.float64),
            np.array(number["details"]["error"], np.float64),
            tone,
            "seed",
            number["name"].removeprefix("error_"),
        )
        for number in numbers
    ]
    mean = np.mean([line.y for line in lines], axis=0)
    lines.append(figures.Line(lines[0].x, mean, tone, "mean", "mean over corruptions"))
    caption = "Top-1 error on corrupted test images: a thin line a corruption (its name under the pointer), their mean."
    return page.figure("Error by severity", figures.line_chart(lines, percent=True, across="level"), caption=caption)
