"""A table of the paper as it was measured: its file, `table_<name>_<budget>.json`, and the answers beside it, `.npz`.

Everything in it is read from run directories: one value a cell and seed, with the command, the commit and the versions
that gave it. Means and intervals are not stored: whoever shows the table computes them from the values. An accuracy is
computed from the run's own answers and must be the one of its summary.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import shlex
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from supcon_tf.records import measures as measures_file
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.files import read_object, replace_arrays, replace_text
from supcon_tf.tables import NUMBERS, TRANSFER, Cell, Run, Table, runs_of

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

    Returns:
        (the JSON object; the answers of runs and the labels of their test images, by the names that values give them).

    Raises:
        ValueError: a file of a run is damaged, or its summary is not what its answers say.
    """
    arrays: dict[str, np.ndarray] = {}
    failed = failures(root)
    cells = []
    for cell in table.of(budget):
        own = runs_of([cell])
        values = [_value(run, cell, RunDirectory(root / run.directory), arrays) for run in own]
        cells.append(
            {
                "row": cell.row, "column": cell.column, "x": cell.x, "number": cell.number, "paper": cell.paper,
                "experiment": cell.experiment, "settings": dict(cell.settings), "seeds": cell.seeds,
                "values": [value for value in values if value],
                "failed": {run.seed: failed[run.directory] for run in own if run.directory in failed},
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


def has_all(run: Run, directory: RunDirectory) -> bool:
    """Whether everything that is asked of a trained run is measured."""
    entries = measures_file.read(directory.measures)
    own = read_object(directory.config)["data"]["name"]
    there = {entry["measure"] for entry in entries if entry["made"]["data"]["name"] == own}
    moved = {
        (entry["measure"].removeprefix("transfer_"), (number.get("details") or {}).get("set"))
        for entry in entries
        for number in entry.get("numbers", [])
    }
    return set(run.measures) <= there and set(run.transfers) <= moved


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
    summary, number = read_object(directory.summary), NUMBERS[cell.number]
    if number.measure:
        found = _measured(directory, number.entry, cell.column if number.measure == TRANSFER else "")
        if found is None:
            return None
        stored, n, answers = found["value"], found["n"], {}
    else:
        stored, n = summary[number.entry], summary["test_images"]
        answers = _answers(directory, run, stored, arrays)
    environment = read_object(directory.environment)
    return {
        "seed": run.seed,
        "value": number.of(stored),
        "n": n,
        **answers,
        "command": commands_of(run, "RUNS", "DATA_DIR")[0],
        "commit": environment.get("commit", ""),
        "python": environment.get("python", ""),
        "packages": environment.get("packages", {}),
        "seconds": round(sum(summary["seconds"].values()), 1),
    }


def commands_of(run: Run, runs: str, data_dir: Optional[str]) -> list[str]:
    """What makes a run: the command that trains it, and those that measure what a table asks of it beside."""
    where = shlex.quote(f"{runs}/{run.directory}")
    data = f" --data_dir={shlex.quote(data_dir)}" if data_dir else ""
    said = shlex.join([f"--experiment={run.cell.experiment}", *run.cell.flags, f"--seed={run.seed}"])
    made = [f"python -m launch.train {said} --workdir={where}{data}"]
    if run.measures:
        made.append(f"python -m launch.evaluate --run={where} --measures={','.join(run.measures)}{data}")
    for way in dict.fromkeys(way for way, _ in run.transfers):
        sets = ",".join(name for own, name in run.transfers if own == way)
        made.append(f"python -m launch.transfer --run={where} --how={way} --sets={sets}{data}")
    return made


def _measured(directory: RunDirectory, name: str, moved_to: str) -> Optional[dict]:
    """A number of `measures.json`, of the run's own images or of a set it was moved to; None where it is not there."""
    own = read_object(directory.config)["data"]["name"]
    for entry in measures_file.read(directory.measures):
        for number in entry.get("numbers", []):
            of = (number.get("details") or {}).get("set") if moved_to else entry["made"]["data"]["name"]
            if number["name"] == name and of == (moved_to or own):
                return number
    return None


def _answers(directory: RunDirectory, run: Run, accuracy: float, arrays: dict) -> dict:
    """Keeps a run's answers and their labels; ValueError where they do not make its accuracy."""
    with np.load(directory.evaluation) as found:
        labels, predictions = found["labels"], found["predictions"]
    own = float(np.mean(predictions == labels))
    if abs(own - accuracy) > 1e-6:
        raise ValueError(
            f"{directory}: its answers are right {own:.6f} of the time, and its summary says {accuracy:.6f}; remove "
            "the directory, and the run is made again."
        )
    kind = np.uint8 if labels.max() < 256 else np.uint16
    named = f"labels/{hashlib.sha256(labels.astype(np.int64).tobytes()).hexdigest()[:12]}"
    arrays[named], arrays[run.directory] = labels.astype(kind), predictions.astype(kind)
    return {"answers": run.directory, "labels": named}


def _is_cell(cell: Any) -> bool:
    needed = {"row", "column", "x", "number", "paper", "values", "seeds", "failed", "hours"}
    return isinstance(cell, dict) and needed <= set(cell) and cell["number"] in NUMBERS


def progress(found: dict) -> tuple[int, int]:
    """How many of the values of all cells and seeds are measured, or have a reason for none, and how many there are."""
    there = sum(len(cell["values"]) + len(cell["failed"]) for cell in found["cells"])
    return there, sum(cell["seeds"] for cell in found["cells"])
