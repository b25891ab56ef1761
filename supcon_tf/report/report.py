"""A page and a table that show finished runs: one, or several experiments side by side, over one or several seeds.

Reads run directories only (`runs.py` says which files) and needs no TensorFlow, so that a report can be written again
on any machine. The same directories give the same bytes.
"""

from __future__ import annotations

import math
import pathlib
import time
from collections.abc import Sequence

import numpy as np

from supcon_tf import notebook
from supcon_tf.names import STAGE_KINDS
from supcon_tf.records import words
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.files import replace_text
from supcon_tf.report import curves, figures, gallery, measures, page
from supcon_tf.report.runs import Run, RunGroup, as_text, merged, read_groups

COST = 0.01  # Most of a run's time that its page may take while it trains.

ABOUT = (
    "Supervised contrastive learning (Khosla et al., NeurIPS 2020, arXiv:2004.11362) pulls the embeddings of images of "
    "one class together and pushes those of other classes apart; a linear classifier on the frozen encoder then says "
    "what was learned."
)


class RunningReport:
    """`report.html` of a run that is going on, and of the run when it has ended; shown in a notebook.

    Args:
        directory: of the run.
    """

    def __init__(self, directory: RunDirectory):
        self.path, self._directory = directory.report, directory
        self._ended, self._cost = -math.inf, 0.0
        self._shown = notebook.Page()

    def update(self) -> None:
        """Writes the page again, if that costs less than `COST` of the time since it was written last.

        Where it cannot be written, that is said once, and the run goes on.
        """
        if self._cost < math.inf and time.perf_counter() - self._ended >= self._cost / COST:
            try:
                self.write()
            except (OSError, ValueError) as error:
                self._cost = math.inf
                print(f"WARNING: {self.path} is not written while the run goes on: {error}", flush=True)

    def write(self) -> None:
        """Writes the page as the run stands; a reader sees the old one or the new one, never half of one."""
        started = time.perf_counter()
        self._directory.verify()
        write_report(self.path, [self._directory.path], unfinished=True)
        if notebook.inside():  # elsewhere the page is not read again
            self._shown.show(self.path.read_text(encoding="utf-8"))
        self._ended = time.perf_counter()
        self._cost = self._ended - started

    def is_final(self) -> bool:
        """Whether the page was written after the run had ended."""
        summary = self._directory.summary
        return self.path.is_file() and summary.exists() and self.path.stat().st_mtime >= summary.stat().st_mtime


def write_report(
    path: str | pathlib.Path, run_directories: Sequence[str | pathlib.Path], *, unfinished: bool = False
) -> None:
    """Writes a self-contained HTML page about one or many runs.

    Runs of one experiment that differ in their seed are shown as mean and spread.

    Args:
        path: file to write, usually `report.html`; its folder is made where needed.
        run_directories: directories that training wrote; all of the same or of different experiments.
        unfinished: take runs that have not ended, too; the page says which.

    Raises:
        ValueError: no directory, one that is given twice, or one that is not a run directory.
    """
    groups = read_groups(run_directories, unfinished=unfinished)
    title = _title(groups)
    sections = [
        _header(title, groups),
        _results(groups),
        measures.measures_section(groups),
        curves.curves_section(groups),
        gallery.views_section(groups),
        gallery.images_section(groups),
        _settings(groups),
    ]
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, page.document(title, sections))


def summary_table(run_directories: Sequence[str | pathlib.Path]) -> str:
    """The results as plain text, one row an experiment: the numbers of the report's own table.

    Args:
        run_directories: as for `write_report`.

    Returns:
        Lines of equal columns: experiment, runs, mean and sample standard deviation of top-1 accuracy (of the mean
        average precision, where images have several labels) and its range in per cent, mean duration of a run. A dash
        stands where there is nothing to say, as for the spread of one run.

    Raises:
        ValueError: as `write_report`.
    """
    groups = read_groups(run_directories)
    head = ("experiment", "runs", f"{_measure(groups)} %", "deviation", "min - max", "training")
    rows = [head] + [(group.name, *_numbers(group)) for group in groups]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def summary_markdown(run_directories: Sequence[str | pathlib.Path]) -> str:
    """The same for a document, with a column for each seed.

    Args:
        run_directories: as for `write_report`.

    Raises:
        ValueError: as `write_report`.
    """
    groups = read_groups(run_directories)
    seeds = sorted({run.seed for group in groups for run in group.runs})
    head = ["experiment", *(f"seed {seed}" for seed in seeds), f"mean {_measure(groups)}", "deviation", "a run"]
    rows = []
    for group in groups:
        own = {run.seed: f"{_percent(run.accuracy)}%" for run in group.runs}
        _, mean, deviation, _, time = _numbers(group)
        spread = deviation if deviation == "-" else f"{deviation}%"
        rows.append([f"`{group.name}`", *(own.get(seed, "-") for seed in seeds), f"{mean}%", spread, time])
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def _measure(groups: Sequence[RunGroup]) -> str:
    """What the results of all experiments are: "top-1", or several measures."""
    return " or ".join(dict.fromkeys(group.measure for group in groups))


def _numbers(group: RunGroup) -> tuple[str, str, str, str, str]:
    """Runs, mean, deviation, range and duration as text."""
    values = 100 * group.accuracies
    spread = f"{values.min():.2f} - {values.max():.2f}" if len(values) > 1 else "-"
    return str(len(group.runs)), _percent(group.mean), _percent(group.deviation), spread, words.duration(group.seconds)


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.2f}"


def _title(groups: Sequence[RunGroup]) -> str:
    names = [group.name for group in groups]
    return " and ".join(names) if len(names) < 3 else f"{len(names)} experiments"


def _header(title: str, groups: Sequence[RunGroup]) -> str:
    runs = [run for group in groups for run in group.runs]
    data = ", ".join(dict.fromkeys(group.settings().get("data.name", "unnamed data") for group in groups))
    count = f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}"
    what = f"This page shows {count} on {data}, and was made from nothing but the run directories."
    return (
        f'<header>\n<h1>{page.escape(title)}</h1>\n<p class="lead">{ABOUT} {page.escape(what)}</p>\n'
        f"{''.join(page.warning(sentence) for sentence in _states(runs))}"
        f"{page.tiles(_tiles(groups))}\n</header>"
    )


def _states(runs: Sequence[Run]) -> list[str]:
    """What a reader has to know first: runs that are going on, and what they warned of."""
    sentences = []
    for run in runs:
        name = f"{run.summary['experiment']}, seed {run.seed}"
        if not run.finished:
            sentences.append(f"{name} is running: {run.progress}.")
        sentences += [
            f"{name}, {line['stage']} stage, epoch {line['epoch']}: {line['warning']}"
            for line in run.metrics
            if line.get("warning")
        ]
    return sentences


def _tiles(groups: Sequence[RunGroup]) -> list[str]:
    tiles = []
    for tone, group in enumerate(groups):
        spread = "" if math.isnan(group.deviation) else f"\u00b1 {_percent(group.deviation)}"
        seeds = f"{len(group.runs)} seeds" if len(group.runs) > 1 else f"seed {group.runs[0].seed}"
        unit = f"% {spread}".strip()
        tiles.append(page.tile(_percent(group.mean), f"{group.name}: {group.measure}, {seeds}", unit=unit, tone=tone))
    if len(groups) == 1:
        tiles += _per_class(groups[0])
    runs = [run for group in groups for run in group.runs]
    images = dict.fromkeys(f"{run.summary['test_images']:,}" for run in runs if "test_images" in run.summary)
    if images:
        tiles.append(page.tile(" | ".join(images), "test images, each seen once"))
    if len(groups) == 1 and "encoder" in (runs[0].summary.get("parameters") or {}):
        tiles.append(page.tile(_short_count(runs[0].summary["parameters"]["encoder"]), "parameters of the encoder"))
    value, _, unit = words.duration(float(np.sum([run.seconds for run in runs]))).partition(" ")
    tiles.append(page.tile(value, "training time, all runs together", unit=unit))
    return tiles


def _per_class(group: RunGroup) -> list[str]:
    """The mean of the classes' accuracies, where classes are of unlike size and it is another number than top-1."""
    values = [run.summary.get("test_mean_per_class_accuracy") for run in group.runs]
    known = [value for value in values if value is not None]
    if not known or _percent(float(np.mean(known))) == _percent(group.mean):
        return []
    return [page.tile(_percent(float(np.mean(known))), f"{group.name}: mean of the classes' accuracies", unit="%")]


def _results(groups: Sequence[RunGroup]) -> str:
    limits = _dot_limits(np.concatenate([group.accuracies for group in groups]))
    measure = _measure(groups)
    head = [
        "Experiment",
        "Runs",
        "Top-1 accuracy, %" if measure == "top-1" else f"{measure}, %",
        "Range, %",
        f"Each seed{figures.dot_scale(limits)}",
        "Training time",
    ]
    rows = [_result(group, tone, limits) for tone, group in enumerate(groups)]
    html = [page.table(head, rows, kind="results", numbers=(1, 2, 3, 5)), *_warnings(groups)]
    lead = "On the test images after the last epoch."
    if any(len(group.accuracies) > 1 for group in groups):
        lead += " Over seeds: mean \u00b1 sample standard deviation; the band beside the dots is the same."
    return page.section("Results", html, lead=lead)


def _result(group: RunGroup, tone: int, limits: tuple[float, float]) -> list[str]:
    runs, mean, deviation, spread, time = _numbers(group)
    known = [run for run in group.runs if not math.isnan(run.accuracy)]
    titles = [f"seed {run.seed}: {_percent(run.accuracy)} %" for run in known]
    dots = figures.seed_dots(group.accuracies, titles, limits=limits, tone=tone) if known else "no classifier"
    return [
        f"{page.chip(tone)}{page.escape(group.name)}<small>{page.escape(_describe(group))}</small>",
        runs,
        mean if deviation == "-" else f"{mean} &plusmn; {deviation}",
        spread.replace(" - ", " &ndash; "),
        dots,
        time,
    ]


def _describe(group: RunGroup) -> str:
    """An experiment in a line: its network and its stages."""
    settings = group.settings()
    stages = [
        f"{settings[f'{stage}.epochs']} epochs {stage.replace('_', '-')}"
        for stage in STAGE_KINDS
        if settings.get(f"{stage}.epochs", "0") != "0"
    ]
    return ", ".join([settings[name] for name in ("encoder.name",) if name in settings] + stages)


def _warnings(groups: Sequence[RunGroup]) -> list[str]:
    """Sentences about what a reader of the means should know."""
    sentences = []
    for group in groups:
        mixed = group.mixed_settings()
        if mixed:
            sentences.append(f"The runs of {group.name} differ in more than their seed: {', '.join(mixed)}.")
        without = len(group.runs) - len(group.accuracies)
        if without and len(group.accuracies):
            sentences.append(f"{without} of {len(group.runs)} runs of {group.name} have no test accuracy.")
    return [page.note(sentence) for sentence in sentences]


def _settings(groups: Sequence[RunGroup]) -> str:
    """Commands, what the experiments differ in, and everything else to be opened."""
    settings = {group.name: group.settings() for group in groups}
    names = list(merged(list(settings.values())))
    different = [name for name in names if len({table.get(name) for table in settings.values()}) > 1]
    environment = merged([as_text(run.environment) for group in groups for run in group.runs])
    html = []
    if different:
        html += ["<h3>What the experiments differ in</h3>", _setting_table(settings, different)]
    commands = dict.fromkeys(
        str(run.summary["command"]) for group in groups for run in group.runs if run.summary.get("command")
    )
    if commands:
        lines = "\n".join(commands)
        html.append("<h3>Commands</h3>" + f"<pre>{page.escape(lines)}</pre>")
    html.append(page.details(f"All {len(names)} settings", _setting_table(settings, names)))
    if environment:
        rows = [(page.escape(name), page.escape(value)) for name, value in environment.items()]
        html.append(page.details("Environment", page.table(("", ""), rows, kind="settings")))
    else:
        html.append(page.note("No environment.json: versions and machine are not known."))
    return page.section("Settings and surroundings", html)


def _setting_table(settings: dict[str, dict[str, str]], names: Sequence[str]) -> str:
    rows = [[page.escape(name), *(page.escape(table.get(name, "-")) for table in settings.values())] for name in names]
    return page.table(["Setting", *map(page.escape, settings)], rows, kind="settings")


def _dot_limits(values: np.ndarray) -> tuple[float, float]:
    """A scale on which all values can be told apart, at least two points of a per cent wide."""
    if not len(values):
        return 0.0, 1.0
    room = max(0.15 * float(np.ptp(values)), 0.01)
    return max(float(values.min()) - room, 0.0), min(float(values.max()) + room, 1.0)


def _short_count(number: int) -> str:
    return f"{number / 1e6:.1f} M" if number >= 1e6 else f"{number:,}"
