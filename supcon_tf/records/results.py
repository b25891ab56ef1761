"""A table of the paper as it was measured: its file, `table_<name>_<budget>.json`, and the answers beside it, `.npz`.

Everything in it is read from run directories: one value a cell and seed, with the command, the commit and the versions
that gave it. Means and intervals are not stored: whoever shows the table computes them from the values. An accuracy is
computed from the run's own answers and must be the one of its summary.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np

from supcon_tf.records import run_numbers
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.files import alone, read_object, replace_arrays, replace_text
from supcon_tf.tables import NUMBERS, Cell, Run, Table, runs_of

FAILURES = "failures.json"
ADVICE = "write it again with launch.reproduce."


def stem(found: dict) -> str:
    """The name of a measured table's files, without an ending."""
    return f"table_{found['table']}_{found['budget']}"


def collected(
    table: Table, budget: str, root: pathlib.Path, *, hours: Optional[Mapping[str, float]] = None
) -> tuple[dict, dict[str, np.ndarray]]:
    """What there is of a table in the directory of its runs.

    Args:
        table: of the paper.
        budget: of `tables.BUDGETS`.
        root: directory of all runs.
        hours: what a run is predicted to cost, by its directory below root.

    A run with a damaged file, or whose summary is not what its answers say, is one that failed, with what to do.

    Returns:
        (the JSON object; the answers of runs and the labels of their test images, by the names that values give them).
    """
    arrays: dict[str, np.ndarray] = {}
    known = failures(root)
    cells = []
    for cell in table.of(budget):
        own, values, failed = runs_of([cell]), [], {}
        for run in own:
            try:
                values.append(_value(run, cell, RunDirectory(root / run.directory), arrays))
            except ValueError as why:
                values.append(None)
                failed[run.seed] = str(why)
            if values[-1] is None and run.directory in known:
                failed.setdefault(run.seed, known[run.directory])
        cells.append(
            {
                "row": cell.row, "column": cell.column, "x": cell.x, "number": cell.number, "paper": cell.paper,
                "experiment": cell.experiment, "settings": dict(cell.settings), "seeds": cell.seeds,
                "values": [value for value in values if value],
                "failed": failed,
                "hours": sum((hours or {}).get(run.directory, 0.0) for run, value in zip(own, values) if not value),
            }
        )  # fmt: skip
    head = {name: getattr(table, name) for name in ("title", "source", "across", "reference")}
    found = {"table": table.name, "budget": budget, **head, "note": table.notes.get(budget, ""), "cells": cells}
    return json.loads(json.dumps(found)), arrays


def failures(root: pathlib.Path) -> dict[str, str]:
    """Runs below `root` that ended without a result, and why, in a line."""
    path = root / FAILURES
    return read_object(path, "remove it, and these runs are tried again.") if path.exists() else {}


def require_whole(run: Run, directory: RunDirectory) -> None:
    """ValueError, which says what to do, where files of a trained run are damaged, or contradict each other."""
    _value(run, dataclasses.replace(run.cell, number="top1"), directory, {})


def note(root: pathlib.Path, run: Run, why: str) -> None:
    """Notes why a run has no result; without a reason, that it has one."""
    root.mkdir(parents=True, exist_ok=True)
    with alone(root / FAILURES):
        known = failures(root)
        changed = {name: reason for name, reason in known.items() if name != run.directory}
        if why:
            changed[run.directory] = why.removeprefix("error: ")
        if changed != known:
            replace_text(root / FAILURES, json.dumps(changed, indent=1) + "\n")


def write(folder: pathlib.Path, found: dict, arrays: Mapping[str, np.ndarray]) -> pathlib.Path:
    """Writes a measured table and the answers beside it; returns the path of the first."""
    path = folder / f"{stem(found)}.json"
    folder.mkdir(parents=True, exist_ok=True)
    replace_arrays(path.with_suffix(".npz"), dict(arrays), compressed=True)
    replace_text(path, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return path


def read(path: pathlib.Path) -> dict:
    """The measured table in a file; ValueError where it holds none."""
    found = read_object(path, ADVICE)
    if not {"table", "budget", "title", "cells"} <= set(found) or not all(map(_is_cell, found["cells"])):
        raise ValueError(f"{path} holds no measured table; {ADVICE}")
    return found


def _value(run: Run, cell: Cell, directory: RunDirectory, arrays: dict) -> Optional[dict]:
    """What a run says of a cell, and where that comes from; None where it does not say it yet."""
    if not directory.summary.exists():
        return None
    found = run_numbers.value_of(cell, directory)
    if found is None:
        return None
    summary = directory.read_summary()
    if not NUMBERS[cell.number].measure:
        answered = run_numbers.answers(directory, summary[NUMBERS[cell.number].entry])
        labels = run_numbers.name_of(answered["labels"])
        arrays[labels], arrays[run.directory] = answered["labels"], answered["predictions"]
        found.update(answers=run.directory, labels=labels)
    environment = read_object(directory.environment)
    return {
        "seed": run.seed,
        **found,
        "command": commands_of(run, "RUNS", "DATA_DIR")[0],
        "commit": environment.get("commit", ""),
        "python": environment.get("python", ""),
        "packages": environment.get("packages", {}),
        "seconds": round(sum(summary["seconds"].values()), 1),
    }


def commands_of(run: Run, runs: str, data_dir: Optional[str], *, corrupted: Sequence[str] = ()) -> list[str]:
    """What makes a run: the command that trains it, and those that measure what a table asks of it beside.

    Args:
        run: of a table; or what is missing of it.
        runs: directory of all runs.
        data_dir: of prepared TFDS data sets; None: not said.
        corrupted: flags of `launch.evaluate` that say where corrupted images come from.
    """
    where = shlex.quote(f"{runs}/{run.directory}")
    data = f" --data_dir={shlex.quote(data_dir)}" if data_dir else ""
    said = shlex.join([f"--experiment={run.cell.experiment}", *run.cell.flags, f"--seed={run.seed}"])
    made = [f"python -m launch.train {said} --workdir={where}{data}"]
    if run.measures:
        beside = shlex.join(
            [f"--measures={','.join(run.measures)}", *(corrupted if "robustness" in run.measures else ())]
        )
        made.append(f"python -m launch.evaluate --run={where} {beside}{data}")
    for way in dict.fromkeys(way for way, _ in run.transfers):
        sets = ",".join(name for own, name in run.transfers if own == way)
        made.append(f"python -m launch.transfer --run={where} --how={way} --sets={sets}{data}")
    return made


def _is_cell(cell: Any) -> bool:
    needed = {"row", "column", "x", "number", "paper", "values", "seeds", "failed", "hours"}
    return isinstance(cell, dict) and needed <= set(cell) and cell["number"] in NUMBERS


def progress(found: dict) -> tuple[int, int]:
    """How many of the values of all cells and seeds are measured, or have a reason for none, and how many there are."""
    there = sum(len(cell["values"]) + len(cell["failed"]) for cell in found["cells"])
    return there, sum(cell["seeds"] for cell in found["cells"])
