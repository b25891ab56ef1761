"""What an encoder is worth on other sets: by a linear classifier on its features, or by fine-tuning.

The protocol of the paper's Table 4 (SimCLR, arXiv:2002.05709, App. B.8.1, after Kornblith et al., 2019): each set has
its own splits and measure; what is free is chosen on validation images, the official ones or a part held out of the
training images; then all training images train, and the test images are looked at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import pathlib
import re
import time
from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional, Union

import numpy as np

from supcon_tf.config import Data
from supcon_tf.data.sets.prepared import DataNotPrepared
from supcon_tf.data.sets.selection import held_out_numbers
from supcon_tf.data.sets.transfer import HELD_OUT, TABLE_4, Task
from supcon_tf.distribution.strategy import make_strategy
from supcon_tf.evaluation.intervals import share_interval, t_interval
from supcon_tf.evaluation.linear_probe import linear_probe
from supcon_tf.evaluation.measures import Measure
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.measures import interval_of, value_of
from supcon_tf.report.report import write_report
from supcon_tf.run.context import own_state
from supcon_tf.run.evaluating import Kept
from supcon_tf.run.fine_tuning import Part, Place, tuned
from supcon_tf.run.predictions import Predictor
from supcon_tf.run.restored import Restored, experiment_of, restored
from supcon_tf.transfer_budget import Budget

SCORES = {"top-1": "top1", "mean per class": "mean_per_class", "11-point mAP": "mean_average_precision"}
OF_SETS = "11-point mAP"  # the measure where an image has a set of labels, and only there


class Asked(NamedTuple):
    """How an encoder is transferred.

    Attributes:
        ways: of `names.TRANSFERS`.
        seeds: the first decides what is held out, and chooses; fine-tuning ends with a run of each.
        budget: of fine-tuning.
        strategy, replicas: over which devices images are spread, as in the config.
        command: what a person typed.
        told: is handed a line as each part begins.

    Example:
        >>> Asked().seeds
        (0,)
    """

    ways: tuple = ("linear",)
    seeds: tuple = (0,)
    budget: Budget = Budget()
    strategy: str = "one_device"
    replicas: int = 0
    command: str = ""
    told: Callable[[str], None] = lambda line: None


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        name: of the set.
        way: of `names.TRANSFERS`.
        entry: of `measures.json`; None where there is none.
        why_not: why there is none, in a line.
    """

    name: str
    way: str
    entry: Optional[dict] = None
    why_not: str = ""


def transfer(
    directory: Union[str, pathlib.Path], sets: Sequence[Task], asked: Asked, *, data_dir: Optional[str] = None
) -> list[Row]:
    """Transfers the encoder of a run to other sets; what is found is written to `measures.json` at once.

    What stands there of the same weights, data, software and settings is not measured again.

    Args:
        directory: of the run, finished or interrupted.
        sets: of `data.sets.transfer.tasks`.
        asked: what is done with each.
        data_dir: where TFDS data sets are prepared; default `<directory>/data`.

    Returns:
        A row for each set and way, in their order.

    Raises:
        ValueError: the directory holds no trained run.
        OSError, MemoryError, FloatingPointError: as `run_experiment`.

    Example:
        >>> from supcon_tf.data.sets.transfer import tasks
        >>> transfer("runs/nowhere", tasks(["dtd"]), Asked())
        Traceback (most recent call last):
        ValueError: runs/nowhere holds no run: ...
    """
    directory = RunDirectory(directory)
    data_dir = data_dir or str(directory.path / "data")
    experiment, rows = experiment_of(directory), {}
    with own_state(experiment), directory.held():
        devices = make_strategy(asked.strategy, replicas=asked.replicas, tpu="", wait_seconds=experiment.wait_seconds)
        trained = restored(directory, devices)
        ready = []
        for task in sets:
            try:
                target = Target(
                    task, lambda data: Predictor(directory, trained, data, data_dir, devices), asked.seeds[0]
                )
            except ValueError as why:
                asked.told(f"{task.name}: {why}")
                said = "not prepared" if isinstance(why, DataNotPrepared) else f"not measured, since {why}"
                rows.update({(task.name, way): Row(task.name, way, why_not=said) for way in asked.ways})
                continue
            if "linear" in asked.ways:
                rows[task.name, "linear"] = _linear(directory, target, asked)
            target.forget()
            ready.append(target)
    if "fine_tune" in asked.ways:
        for target in ready:
            rows[target.task.name, "fine_tune"] = _fine_tuned(directory, target, asked, trained, data_dir)
    with directory.held():
        write_report(directory.report, [directory.path], unfinished=True)
    return [rows[task.name, way] for task in sets for way in asked.ways]


class Target:
    """A set that is there.

    Args:
        task: the set.
        predictor: from a `Data` to what predicts its images.
        seed: of what is held out.

    Attributes:
        task: likewise.
        measure: of `SCORES`.
        train_count, test_count: images.
        fit_count, validation_count: images that are trained on, and chosen by, while settings are chosen.

    Raises:
        ValueError: the set cannot be used; it is a `DataNotPrepared` where it is not there.
    """

    def __init__(self, task: Task, predictor: Callable[[Data], Predictor], seed: int):
        self.task = task
        self._whole: Optional[Predictor] = predictor(Data(**task.whole))
        facts = self._whole.source.facts
        self.measure = OF_SETS if facts.label_sets else task.row.measure
        if not facts.labelled:
            raise ValueError("its images have no labels")
        if self.measure == OF_SETS and not facts.label_sets:
            raise ValueError(f"an image of {facts.name} has one class, and {OF_SETS} is of images with several labels")
        self._official = predictor(Data(**task.choosing)) if task.row.validation else None
        self._made = self._whole.made("test")  # Refuses a set with nothing to test on.
        self.train_count, self.test_count = facts.train_examples, facts.test_examples
        if self._official:
            facts = self._official.source.facts
            self.fit_count, self.validation_count = facts.train_examples, facts.test_examples
        else:
            self._held = held_out_numbers(self.train_count, HELD_OUT, seed)  # [k]
            self.fit_count, self.validation_count = self.train_count - len(self._held), len(self._held)

    @property
    def chosen_on(self) -> str:
        """The validation images, in words."""
        return f"{self.validation_count:,} " + (
            "official validation images" if self.task.row.validation else "held out of train"
        )

    def made(self, **how) -> dict:
        """What decides a number: weights, images, software, and how it is come by."""
        data = {**Data(**self.task.whole).source, "name": self.task.name, "source": self.task.source}
        choosing = {**self.task.choosing, "images": self.validation_count}
        made = {**self._made, "data": data, "measure": self.measure, "validation": choosing, **how}
        return json.loads(json.dumps(made))  # as a reader of the file has it

    def probed(self) -> dict:
        """What `linear_probe` finds."""
        if self._official:
            fit, validation = self._official.of("train"), self._official.of("test")
            parts = [(fit.features, fit.labels), (validation.features, validation.labels)]
        else:
            train = self._whole.of("train")
            kept = np.setdiff1d(np.arange(self.train_count), self._held)
            parts = [(train.features[part], train.labels[part]) for part in (kept, self._held)]
        test, classes = self._whole.of("test"), self._whole.source.facts.classes
        of_test, score = (test.features, test.labels), SCORES[self.measure]
        return linear_probe(parts[0], of_test, validation=parts[1], classes=classes, score=score)

    def forget(self) -> None:
        """Lets go of networks and images, which other sets need room for; nothing can be probed any more."""
        self._whole = self._official = None


def _linear(directory: RunDirectory, target: Target, asked: Asked) -> Row:
    seed = asked.seeds[0]

    def found() -> dict:
        probe = target.probed()
        protocol = f"logistic regression by L-BFGS, lambda of 45 chosen on {target.chosen_on}, retrained with them"
        if not probe["converged"]:
            asked.told(f"{target.task.name}: L-BFGS has not converged; the number is of where it stopped")
        chosen = {name: probe[of] for name, of in (("penalty", "penalty"), ("validation", "validation_accuracy"))}
        chosen["converged"] = probe["converged"]
        return {"chosen": chosen, **_number("linear", target, [probe["accuracy"]], protocol)}

    return _row(directory, "linear", target, asked, target.made(seed=seed), found)


def _fine_tuned(directory: RunDirectory, target: Target, asked: Asked, trained: Restored, data_dir: str) -> Row:
    budget, image, task = asked.budget, trained.image, target.task
    made = target.made(seeds=asked.seeds, budget=budget.as_json())
    weights = hashlib.sha256(json.dumps([made["weights"], made["fingerprint"], made["software"]]).encode()).hexdigest()
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", task.name)[-60:]
    seen = {"image_size": trained.size, "evaluation_crop": image["crop"], "evaluation_padding": image["padding"]}
    place = Place(
        name=task.name,
        run=directory.path,
        trained=trained.experiment,
        to=directory.path / "transfer" / f"{name}-{weights[:8]}",
        measure=target.measure,
        layout={"strategy": asked.strategy, "replicas": asked.replicas},
        data_dir=data_dir,
        command=asked.command,
        told=asked.told,
    )

    def found() -> dict:
        best = tuned(
            place,
            choosing=Part(Data(**task.choosing, **seen), target.fit_count),
            whole=Part(Data(**task.whole, **seen), target.train_count),
            budget=budget,
            seeds=asked.seeds,
        )
        count = len(best.settings)
        protocol = (
            f"{budget.steps:,} steps of {budget.batch_size}, rate and decay of {count} settings chosen on "
            f"{target.chosen_on}, retrained with them"
            + (f"; mean and t-interval over {len(best.scores)} seeds" if len(best.scores) > 1 else "")
        )
        names = ("learning_rate", "weight_decay", "validation")
        chosen = {**dict(zip(names, best.chosen)), "settings": [dict(zip(names, each)) for each in best.settings]}
        return {"chosen": chosen, "seconds": best.seconds, **_number("fine_tune", target, best.scores, protocol)}

    return _row(directory, "fine_tune", target, asked, made, found, hold=directory.held)


def _row(
    directory: RunDirectory,
    way: str,
    target: Target,
    asked: Asked,
    made: dict,
    found: Callable[[], dict],
    hold: Callable = contextlib.nullcontext,
) -> Row:
    """The row of a set; `found` makes its entry where there is none, `hold` is a block that may write it."""
    name, measure = target.task.name, f"transfer_{way}"
    kept = Kept(directory, made)
    if kept.has(measure):
        asked.told(f"{name}, {way}: measured before")
        return Row(name, way, kept.of(measure))
    asked.told(f"{name}, {way}")
    begun = time.perf_counter()
    try:
        entry = found()
    except ValueError as why:
        asked.told(f"{name}, {way}: {why}")
        return Row(name, way, why_not=f"not measured, since {why}")
    seconds = entry.pop("seconds", time.perf_counter() - begun)
    with hold():
        kept = Kept(directory, made)  # anew: others may have written meanwhile
        kept.add(measure, json.loads(json.dumps(entry)), seconds)
    return Row(name, way, kept.of(measure))


def _number(way: str, target: Target, values: Sequence[float], protocol: str) -> dict:
    """The one number of an entry: of several seeds the mean, with Student's interval."""
    n = target.test_count
    found = None
    if len(values) > 1:
        found = t_interval(values)
    elif target.measure == "top-1":
        found = share_interval(values[0], n)
    interval = (found.low, found.high) if found else None
    details = {"set": target.task.name, "measure": target.measure}
    name, mean = f"transfer_{way}", float(np.mean(values))
    return {"numbers": [Measure(name, mean, "share", protocol, n, interval, details)._asdict()]}


def table(rows: Sequence[Row], encoder: str) -> str:
    """Rows as lines for a terminal, beside the paper's fine-tuned ResNet of the like size.

    Args:
        rows: of `transfer`.
        encoder: of the run, of `names.ENCODERS`.

    Example:
        >>> print(table([Row("dtd", "linear", why_not="not prepared")], "resnet50").split("\\n")[1])
        dtd                linear     not prepared
    """
    paper = "SupCon-200" if encoder == "resnet200" else "SupCon-50"
    lines = [_line("set", "how", "measure", "ours", "interval", "n", f"paper, {paper}") + "chosen"]
    for row in rows:
        if row.entry is None:
            lines.append(f"{row.name:<19}{row.way:<11}{row.why_not}")
            continue
        (number,) = row.entry["numbers"]
        theirs = TABLE_4[paper].get(row.name) if row.way == "fine_tune" else None
        chosen = {name: value for name, value in row.entry["chosen"].items() if isinstance(value, float)}
        told = ", ".join(f"{name} {value:.3g}" for name, value in chosen.items())
        measure, n = number["details"]["measure"], f"{number['n']:,}"
        cells = (row.name, row.way, measure, value_of(number), interval_of(number), n)
        lines.append(_line(*cells, f"{theirs:.2f}" if theirs else "") + told)
    return "\n".join(line.rstrip() for line in lines)


def _line(*cells: str) -> str:
    return "".join(f"{cell:<{width}}" for cell, width in zip(cells, (19, 11, 16, 10, 16, 8, 19)))
