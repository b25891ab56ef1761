"""A run's errors under corruption in relation to those of another run: an mCE with a named baseline."""

from __future__ import annotations

import re
from typing import Callable, Optional

import numpy as np

from supcon_tf.evaluation import robustness
from supcon_tf.evaluation.measures import Measure
from supcon_tf.paths import shown
from supcon_tf.records import measures
from supcon_tf.records.directory import RunDirectory

_ERROR = "error_"
_SEVERITY = "error_severity_"  # means over corruptions, beside the errors by corruption


class Baseline:
    """The measured errors of another run.

    Args:
        run: its directory.
        made: what decides the errors that it is compared with: `made` of an entry of `measures.json`.

    Attributes:
        name: of the baseline, as numbers are called by it.

    Raises:
        ValueError: there is no such run, or it has no errors on the same images, corrupted in the same way.
    """

    def __init__(self, run: str, made: dict):
        directory = RunDirectory(run)
        directory.require_run()
        same = [
            entry for entry in _measured(measures.read(directory.measures)) if _images(entry["made"]) == _images(made)
        ]
        if not same:
            raise ValueError(
                f"{shown(run)} has no errors of the same images under the same corruptions: measure it first, with the "
                f"same flags but --run={shown(run)} and no --baseline."
            )
        self._entry, self._run = same[-1], shown(run)
        self.name = re.sub(r"[^A-Za-z0-9.-]+", "_", shown(directory.path.resolve().name))

    def against(self, entry: dict, unpublished: frozenset, told: Callable[[str], None]) -> list[dict]:
        """mCE and relative mCE of an entry of `measures.json`, over the published corruptions.

        Args:
            entry: of robustness.
            unpublished: corruptions that do not count.
            told: is handed a line for what cannot be given.
        """
        (errors, clean, n), (theirs, their_clean, _) = _table(entry), _table(self._entry)
        means = {name: float(np.mean(values)) for name, values in theirs.items() if name not in unpublished}
        protocol = f"over {len(means)} corruptions, the errors of {self._run} ({self._checkpoint()}) are 100"
        ways = {
            "mce": lambda: robustness.mean_corruption_error(errors, baseline=means),
            "relative_mce": lambda: robustness.relative_corruption_error(
                errors, clean=clean, baseline=means, baseline_clean=their_clean
            ),
        }
        found = []
        for title, value in ways.items():
            name = f"{title}_against_{self.name}"
            try:
                found.append(Measure(name, value(), "points", f"{protocol}; {_how(entry)}", n)._asdict())
            except ValueError as why:
                told(f"{name}: not given, since {why}")
        return found

    def _checkpoint(self) -> str:
        made = self._entry["made"]
        return f"{made['checkpoint']}, weights {made['weights'][:8]}"


def _measured(entries: list[dict]) -> list[dict]:
    return [entry for entry in entries if entry["measure"] == "robustness" and entry.get("numbers")]


def _images(made: dict) -> Optional[dict]:
    """What must be equal: the clean images and the corrupted ones, wherever they lie."""
    if "corrupted" not in made:
        return None  # of an older version
    corrupted = {name: value for name, value in made["corrupted"].items() if name != "name"}
    clean = {name: made[name] for name in ("fingerprint", "split", "images")}
    return {**clean, "test_split": made["data"]["test_split"], "corrupted": corrupted}


def _table(entry: dict) -> tuple[dict, float, int]:
    """Errors by corruption, shares; the clean error, a share; and how many images a severity has."""
    numbers = {number["name"]: number for number in entry["numbers"]}
    errors = {
        name.removeprefix(_ERROR): number["details"]["error"]
        for name, number in numbers.items()
        if name.startswith(_ERROR) and not name.startswith(_SEVERITY)
    }
    return errors, numbers["clean_error"]["value"] / 100, numbers["mean_error"]["n"]


def _how(entry: dict) -> str:
    corrupted = entry["made"]["corrupted"]
    return f"stored images of {corrupted['name']}" if corrupted["images"] == "stored" else "corrupted in memory"
