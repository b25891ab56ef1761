"""Run directories as a report sees them: one `Run` a directory, one `RunGroup` an experiment.

A run directory holds `config.json` and `summary.json`, and, as far as the run has come, `environment.json`,
`metrics.jsonl` (one line an epoch) and `evaluation.npz` (what the network did with the test images).
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from supcon_tf import settings
from supcon_tf.records import metrics
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.files import read_object


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run, as read from its directory."""

    directory: RunDirectory
    summary: dict[str, Any]
    config: dict[str, Any]
    environment: dict[str, Any]
    metrics: list[dict[str, Any]]
    finished: bool = True

    @property
    def seed(self) -> Any:
        return self.summary["seed"]

    @property
    def measure(self) -> str:
        """What `accuracy` is: "top-1", or "11-point mAP" where images have several labels."""
        return "11-point mAP" if "test_mean_average_precision" in self.summary else "top-1"

    @property
    def accuracy(self) -> float:
        """The measure of the test images, 0 to 1; NaN where the run had no classifier."""
        return _number(self.summary.get("test_mean_average_precision", self.summary.get("test_accuracy")))

    @property
    def progress(self) -> str:
        """How far a run has come: `contrastive, epoch 3 of 36`."""
        if not self.metrics:
            return "no epoch is complete"
        last = self.metrics[-1]
        return f"{last['stage']}, epoch {last['epoch']} of {last.get('epochs', '?')}"

    @property
    def seconds(self) -> float:
        """Duration of all stages together; NaN where none was written."""
        seconds = self.summary.get("seconds") or {}
        return float(sum(seconds.values())) if seconds else float("nan")

    def curve(self, stage: str, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Epochs and values of one metric in one stage.

        A resumed run may have written an epoch twice: the later line counts, for it is the one that was continued.

        Args:
            stage: "contrastive", "linear", "joint" or "cross_entropy".
            key: name of the metric, for instance "loss".

        Returns:
            float64 [E] epochs, ascending, and float64 [E] values; both empty where the metric was never written.
        """
        points = {line["epoch"]: _number(line[key]) for line in self.metrics if line["stage"] == stage and key in line}
        epochs = sorted(points)
        return np.array(epochs, np.float64), np.array([points[epoch] for epoch in epochs], np.float64)


@dataclasses.dataclass(frozen=True)
class RunGroup:
    """The runs of one experiment, which differ in their seed."""

    name: str
    runs: tuple[Run, ...]

    @property
    def accuracies(self) -> np.ndarray:
        """float64 [runs that have a classifier], their `accuracy`."""
        values = np.array([run.accuracy for run in self.runs])
        return values[~np.isnan(values)]

    @property
    def measure(self) -> str:
        """What `accuracies` are."""
        return " or ".join(dict.fromkeys(run.measure for run in self.runs if not np.isnan(run.accuracy))) or "top-1"

    @property
    def mean(self) -> float:
        return float(self.accuracies.mean()) if len(self.accuracies) else float("nan")

    @property
    def deviation(self) -> float:
        """Sample standard deviation (divided by runs - 1); NaN below two runs, where there is no spread to see."""
        return float(self.accuracies.std(ddof=1)) if len(self.accuracies) > 1 else float("nan")

    @property
    def seconds(self) -> float:
        """Mean duration of a run."""
        return float(np.mean([run.seconds for run in self.runs]))

    def evaluation(self) -> tuple[Optional[Run], dict[str, np.ndarray]]:
        """The first run that kept its `evaluation.npz`, and the arrays in it; (None, {}) where no run did."""
        for run in self.runs:
            if run.directory.evaluation.exists():
                return run, run.directory.read_evaluation()
        return None, {}

    def settings(self) -> dict[str, str]:
        """Every setting by dotted name, without name and seed; where runs disagree, all their values."""
        values = merged([as_text(run.config) for run in self.runs])
        return {name: value for name, value in values.items() if name not in ("name", "seed")}

    def mixed_settings(self) -> list[str]:
        """Names of settings, other than the seed, in which the runs differ: their mean then mixes experiments."""
        configs = [as_text(run.config) for run in self.runs]
        return [name for name in self.settings() if len({config.get(name) for config in configs}) > 1]


def read_run(directory: str | pathlib.Path, *, unfinished: bool = False) -> Run:
    """Reads one run directory.

    Args:
        directory: of the run.
        unfinished: also of one that has no `summary.json` yet.

    Raises:
        ValueError: a file that every run has is missing, is not JSON, or lacks the name or seed of the run.
    """
    files = RunDirectory(directory)
    finished = files.summary.is_file() or not unfinished
    needed = (files.summary, files.config) if finished else (files.config,)
    missing = [path.name for path in needed if not path.is_file()]
    if missing:
        raise ValueError(
            f"A run directory holds summary.json and config.json; {files} has no {' and no '.join(missing)}. "
            "Give the --workdir of a finished run."
        )
    config = read_object(files.config)
    begun = {"experiment": config.get("name", "unnamed"), "seed": config.get("seed", 0)}
    summary = files.read_summary() if finished else begun
    for key in begun:
        if key not in summary:
            raise ValueError(f"{files.summary} must name its `{key}`; it has {', '.join(summary)}.")
    return Run(
        files,
        summary,
        config=config,
        environment=read_object(files.environment) if files.environment.exists() else {},
        metrics=metrics.read(files.metrics),
        finished=finished,
    )


def read_groups(directories: Sequence[str | pathlib.Path], *, unfinished: bool = False) -> list[RunGroup]:
    """Reads runs and groups them by experiment.

    Args:
        directories: run directories, in any order.
        unfinished: take runs that have not ended, too.

    Returns:
        One group an experiment, in the order in which the experiments first come; runs ordered by seed.

    Raises:
        ValueError: no directory, one that is given twice, or one that is not a run directory.
    """
    paths = [pathlib.Path(directory) for directory in directories]
    if not paths:
        raise ValueError("A report needs at least one run directory; got none.")
    seen = set()
    for path in paths:
        if path.resolve() in seen:
            raise ValueError(f"Every run counts once in the mean; {path} was given twice.")
        seen.add(path.resolve())
    groups: dict[str, list[Run]] = {}
    for run in (read_run(path, unfinished=unfinished) for path in paths):
        groups.setdefault(str(run.summary["experiment"]), []).append(run)
    return [RunGroup(name, tuple(sorted(runs, key=lambda run: run.seed))) for name, runs in groups.items()]


def as_text(tree: dict[str, Any]) -> dict[str, str]:
    """Nested settings by dotted name, each value in JSON (text without its quotes)."""
    rows = settings.flat(tree)
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in rows.items()}


def merged(tables: Sequence[dict[str, str]]) -> dict[str, str]:
    """One table of several: where values disagree all are named, in the order in which they come."""
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: " | ".join(dict.fromkeys(table[name] for table in tables if name in table)) for name in names}


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
