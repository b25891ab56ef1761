"""The numbers that a finished run has for a table, and what of them is missing.

A measure counts where it is of the networks that the run ended with, and of the run's own images, all of them: what was
measured of an interrupted run, or of a part of a split, stands in the same file. So does a transfer by another protocol
than the paper's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Optional

import numpy as np

from supcon_tf.records import measures as measures_file
from supcon_tf.records import metrics
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.files import read_object
from supcon_tf.tables import NUMBERS, TRANSFER, Cell, Run
from supcon_tf.transfer_budget import Budget


def missing(run: Run, directory: RunDirectory, corrupted: Mapping[str, Any] = MappingProxyType({})) -> Run:
    """The run with those measures and transfers alone that it has not yet.

    Args:
        run: trained.
        directory: of it.
        corrupted: what robustness must have been measured on, as entries say it; empty: any corrupted images count.

    Raises:
        ValueError: a file of the run is damaged.
    """

    if not run.measures and not run.transfers:
        return run

    def suits(entry: dict) -> bool:
        images = entry["made"].get("corrupted", {})
        return entry["measure"] != "robustness" or all(images.get(name) == is_ for name, is_ in corrupted.items())

    there = {entry["measure"] for entry in _own(directory) if suits(entry)}
    return run._replace(
        measures=tuple(name for name in run.measures if name not in there),
        transfers=tuple(pair for pair in run.transfers if _moved(directory, *pair) is None),
    )


def value_of(cell: Cell, directory: RunDirectory) -> Optional[dict]:
    """What a run says of a cell: "value" as the table has it, "n", and how it was measured; None where it says nothing.

    Raises:
        ValueError: a file of the run is damaged.
    """
    number = NUMBERS[cell.number]
    if not number.measure:
        summary = directory.read_summary()
        if not {number.entry, "test_images"} <= set(summary):
            raise ValueError(
                f"{directory.summary} says nothing of {number.entry}; remove it, and the command of the run evaluates "
                "again."
            )
        return {"value": number.of(summary[number.entry]), "n": summary["test_images"]}
    if number.measure == TRANSFER:
        found = _moved(directory, number.entry.removeprefix("transfer_"), cell.column)
    else:
        found = next(
            (each for entry in _own(directory) for each in _numbers(entry) if each["name"] == number.entry), None
        )
    if found is None:
        return None
    return {"value": number.of(found["value"]), "n": found["n"], "protocol": found["protocol"]}


def answers(directory: RunDirectory, accuracy: float) -> dict[str, np.ndarray]:
    """What a run answered to the test images, "predictions" and "labels", each [N]; ValueError where its file is
    damaged, or they do not make the accuracy of its summary."""
    found = directory.read_evaluation("predictions", "labels")
    own = float(np.mean(found["predictions"] == found["labels"]))
    if abs(own - accuracy) > 1e-6:
        raise ValueError(
            f"{directory}: its answers are right {own:.6f} of the time, and its summary says {accuracy:.6f}; remove "
            "the directory, and the run is made again."
        )
    kind = np.uint8 if found["labels"].max() < 256 else np.uint16
    return {name: array.astype(kind) for name, array in found.items()}


def name_of(labels: np.ndarray) -> str:
    """A name for labels [N] that all runs on the same test images have."""
    return f"labels/{hashlib.sha256(labels.astype(np.int64).tobytes()).hexdigest()[:12]}"


def _own(directory: RunDirectory) -> Iterator[dict]:
    """Entries of the networks that the run ended with, on its own images."""
    data = read_object(directory.config)["data"]
    for entry in _of_the_end(directory):
        told = entry["made"]["data"]
        if all(data.get(name) == value for name, value in told.items()):
            yield entry


def _moved(directory: RunDirectory, way: str, name: str) -> Optional[dict]:
    """The number of a transfer to a set, by the paper's protocol; None where there is none."""
    for entry in _of_the_end(directory):
        for number in _numbers(entry):
            if entry["measure"] == f"transfer_{way}" and (number.get("details") or {}).get("set") == name:
                return number if entry["made"].get("budget") in (None, Budget().as_json()) else None
    return None


def _of_the_end(directory: RunDirectory) -> Iterator[dict]:
    """Entries of the newest checkpoint of a finished run."""
    last = metrics.read(directory.metrics)[-1]
    for entry in measures_file.read(directory.measures):
        if entry["made"].get("checkpoint") == f"{last['stage']}/step-{last['step']}":
            yield entry


def _numbers(entry: dict) -> list[dict]:
    return entry.get("numbers", [])
