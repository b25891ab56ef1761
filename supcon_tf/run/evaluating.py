"""What a trained run is worth: its networks, some images, and measures of what comes out, kept beside the run."""

from __future__ import annotations

import contextlib
import functools
import json
import pathlib
import tempfile
import time
from collections.abc import Sequence
from typing import Callable, Optional, Union

from supcon_tf.config import Data
from supcon_tf.distribution import cluster
from supcon_tf.distribution.strategy import is_chief, make_strategy
from supcon_tf.evaluation.measures import Evidence, NotMeasurable, measured
from supcon_tf.names import CORRUPTIONS, MEASURES, QUICK_MEASURES, one_of
from supcon_tf.records import measures as measures_file
from supcon_tf.records.directory import RunDirectory
from supcon_tf.report.report import write_report
from supcon_tf.run.assisting import leading, next_asked
from supcon_tf.run.baseline import Baseline
from supcon_tf.run.context import own_state
from supcon_tf.run.corrupted_images import InMemory, Robustness, Stored, corrupted_images
from supcon_tf.run.hosts import agree
from supcon_tf.run.measured_pictures import keep_pictures
from supcon_tf.run.predictions import Predictor
from supcon_tf.run.restored import experiment_of, restored


def evaluate_run(
    directory: Union[str, pathlib.Path],
    *,
    measures: Sequence[str] = QUICK_MEASURES,
    data: Optional[Data] = None,
    data_dir: Optional[str] = None,
    strategy: str = "one_device",
    replicas: int = 0,
    robustness: Optional[Robustness] = None,
    told: Callable[[str], None] = lambda line: None,
) -> list[dict]:
    """Measures the networks of a finished or interrupted run, from its directory alone.

    Every measure is written to `measures.json` when it is known, and shown by `report.html` at the end. One that stands
    there, of the same weights, data and software, is not measured again. Features and logits stay in
    `predictions/`, images that the report shows in `pictures/`.

    Args:
        directory: of the run.
        measures: of `names.MEASURES`.
        data: images of another set; default the run's own, whole, as its classifier knows them.
        data_dir: where TFDS data sets are prepared; default `<directory>/data`.
        strategy: over whose replicas images are spread, of `names.STRATEGIES`; the numbers do not depend on it.
        replicas: as in the config.
        robustness: where corrupted images come from, and another run to compare errors with; default made in memory.
        told: is handed a line as each measure begins.

    Returns:
        The entries of `measures.json` for these measures and data: "measure", "made" (what decides the numbers),
        "seconds", and "numbers" (name, value, unit, protocol, n, interval) or "why_not", why there are none. None on
        hosts of "multi_worker" other than the chief, which predict their part and write nothing.

    Raises:
        ValueError: the directory holds no trained run, or the data cannot be had; or there is no such measure; or as
            `Stored` and `Baseline`.
        OSError, MemoryError, ConnectionError: as `run_experiment`.

    Example:
        >>> evaluate_run("runs/nowhere", measures=["accuracy"])
        Traceback (most recent call last):
        ValueError: runs/nowhere holds no run: ...
    """
    for name in measures:
        one_of("measures", name, MEASURES)
    directory = RunDirectory(directory)
    with opened(directory, data, data_dir, strategy, replicas) as (predictor, data_dir):
        if not is_chief(strategy):
            how = robustness if robustness and "robustness" in measures else Robustness()
            assist(predictor, corrupted_images(predictor, how, data_dir))
            return []
        entries = measure(predictor, directory, measures, robustness=robustness, data_dir=data_dir, told=told)
        _write_page(directory)
        return entries


def measure(
    predictor: Predictor,
    directory: RunDirectory,
    measures: Sequence[str],
    *,
    data_dir: str,
    robustness: Optional[Robustness] = None,
    told: Callable[[str], None] = lambda line: None,
) -> list[dict]:
    """Measures what a predictor gives, each once; args and returns as in `evaluate_run`.

    Args:
        predictor: of a run, or of a model file.
        directory: held; entries are kept in its `measures.json`.
    """
    how = robustness if robustness and "robustness" in measures else Robustness()
    images = corrupted_images(predictor, how, data_dir, told)
    evidence = _evidence(predictor, images)
    kept = Kept(directory, predictor.made("test"), {"robustness": {"corrupted": images.made}})
    baseline = Baseline(how.baseline, kept.made("robustness")) if how.baseline else None
    for name in measures:
        if kept.has(name):
            told(f"{name}: measured before")
            continue
        told(name)
        kept.add(name, *_timed(name, evidence))
    if baseline and "numbers" in kept.of("robustness"):
        kept.extend("robustness", baseline.against(kept.of("robustness"), evidence.unpublished, told))
    for name in measures:
        keep_pictures(directory, kept.of(name), predictor, images)
    return [kept.of(name) for name in measures]


def assist(predictor: Predictor, images: Union[InMemory, Stored, None] = None) -> None:
    """On a host that is not the chief: its part of all that the chief predicts.

    Args:
        predictor: of the same run and images as the chief's.
        images: likewise, where the chief measures robustness.
    """
    while asked := next_asked(predictor.strategy):
        stored = asked.pop("stored")
        there = images.on(stored["name"], stored["severity"]) if stored else predictor
        there.take_part(**asked)


@contextlib.contextmanager
def opened(directory: RunDirectory, data: Optional[Data], data_dir: Optional[str], strategy: str, replicas: int):
    """A block that holds a run, with its random state and precision.

    Yields what predicts by its networks, and where data lie. All hosts have the same networks and images; on the chief
    the block predicts, and on the others it takes part until the chief is done.
    """
    experiment, leads = experiment_of(directory), is_chief(strategy)
    with contextlib.ExitStack() as stack:
        stack.enter_context(own_state(experiment))
        if strategy == "multi_worker":
            stack.enter_context(cluster.whole())
        own = directory.path if leads else pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if leads:
            stack.enter_context(directory.held())
        devices, data_dir = make_strategy(strategy, replicas=replicas), data_dir or str(own / "data")
        trained = restored(directory, devices)
        predictor = Predictor(directory, trained, data or trained.experiment.data, data_dir, devices)
        agree(devices, "networks or images", predictor.made("test"))
        if leads:
            stack.enter_context(leading(devices))
        yield predictor, data_dir


def _write_page(directory: RunDirectory) -> None:
    """The run's page again, with what was measured."""
    directory.verify()
    write_report(directory.report, [directory.path], unfinished=True)


class Kept:
    """`measures.json`, in which an entry is one measure of one set of images.

    Args:
        directory: of the run, held.
        made: what decides the numbers: weights, data, software.
        beside: what decides those of some measures beside, by measure.
    """

    def __init__(self, directory: RunDirectory, made: dict, beside: Optional[dict[str, dict]] = None):
        self._directory, self._made, self._beside = directory, made, beside or {}
        self._entries = measures_file.read(directory.measures)

    def of(self, name: str) -> dict:
        """The entry of a measure of these images."""
        return next(entry for entry in self._entries if self._is(entry, name))

    def has(self, name: str) -> bool:
        """Whether there is one."""
        return any(self._is(entry, name) for entry in self._entries)

    def made(self, name: str) -> dict:
        """What decides the numbers of a measure."""
        return {**self._made, **self._beside.get(name, {})}

    def add(self, name: str, found: dict, seconds: float) -> None:
        """Writes an entry, in the place of one of the same images and other weights or software."""
        self._write(name, {"measure": name, "made": self.made(name), "seconds": round(seconds, 3), **found})

    def extend(self, name: str, numbers: Sequence[dict]) -> None:
        """Puts numbers into the entry of a measure, in the place of those of the same names."""
        entry, new = self.of(name), {number["name"] for number in numbers}
        others = [number for number in entry["numbers"] if number["name"] not in new]
        self._write(name, {**entry, "numbers": [*others, *numbers]})

    def _write(self, name: str, entry: dict) -> None:
        self._entries = [other for other in self._entries if not self._replaces(other, name)] + [entry]
        self._directory.write(self._directory.measures, measures_file.as_text(self._entries))

    def _is(self, entry: dict, name: str) -> bool:
        return entry["measure"] == name and entry["made"] == self.made(name)

    def _replaces(self, entry: dict, name: str) -> bool:
        return entry["measure"] == name and entry["made"]["data"] == self._made["data"]


def _evidence(predictor: Predictor, images: Union[InMemory, Stored]) -> Evidence:
    facts = predictor.source.facts
    trained = predictor.trained
    why = trained.why_no_logits if predictor.own_classes else (
        f"the classes of {facts.name} are not those of {trained.owner}'s classifier"
    )  # fmt: skip
    return Evidence(
        of=functools.lru_cache(predictor.of),
        corrupted=images.of,
        corruptions={name: images.label(name) for name in CORRUPTIONS},
        unpublished=frozenset(name for name in CORRUPTIONS if not images.is_published(name)),
        classes=facts.classes,
        class_names=facts.class_names,
        label_sets=facts.label_sets,
        labelled=facts.labelled,
        why_no_logits=why,
        why_no_features=trained.why_no_features,
        stored=images.stored,
    )


def _timed(name: str, evidence: Evidence) -> tuple[dict, float]:
    """The numbers of a measure, or why there are none, and the seconds that they took."""
    begun = time.perf_counter()
    try:
        numbers = [number._asdict() for number in measured(name, evidence)]
        found = {"numbers": json.loads(json.dumps(numbers))}  # as a reader of the file has them
    except NotMeasurable as why:
        found = {"why_not": str(why)}
    return found, time.perf_counter() - begun


def table(entries: Sequence[dict]) -> str:
    """Entries of `measures.json` as lines for a terminal.

    Example:
        >>> print(table([{"measure": "accuracy", "why_not": "the images have no labels"}]))
        accuracy: not measured, since the images have no labels
    """
    lines = []
    for entry in entries:
        if "why_not" in entry:
            lines.append(f"{entry['measure']}: not measured, since {entry['why_not']}")
        for number in entry.get("numbers", []):
            interval = measures_file.interval_of(number)
            said = measures_file.value_of(number) + (f" ({interval})" if interval else "")
            lines.append(f"{number['name']:<28}{said:<28}n = {number['n']:<8,}{number['protocol']}")
    return "\n".join(lines)
