"""Fine-tuning of a run's encoder on another set: a grid of runs, the best on validation images again on all.

Protocol of the transfer tables (SimCLR, arXiv:2002.05709, App. B.8.1): Nesterov's momentum 0.9, 20,000 steps of 256
images, crops and flips; 7 rates times 7 decays and none, the decay divided by the rate. Every run is one of the house,
with a `cross_entropy` stage, in a directory of its own: what was cut goes on, what is complete is kept.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

from supcon_tf.config import LAYOUT, Augment, Data, Experiment, Stage
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.files import replace_text
from supcon_tf.run.experiment import run_experiment
from supcon_tf.settings import to_json
from supcon_tf.transfer_budget import Budget

SCORES = {  # in `summary.json`
    "top-1": "test_accuracy",
    "mean per class": "test_mean_per_class_accuracy",
    "11-point mAP": "test_mean_average_precision",
}


class Setting(NamedTuple):
    """A rate and a decay, and what they gave on the validation images: None where training diverged."""

    rate: float
    decay: float
    score: Optional[float] = None


class Tuned(NamedTuple):
    """What fine-tuning gave.

    Attributes:
        chosen: the best setting.
        settings: all of them, in the order of the grid.
        scores: on the test images, one a seed.
        seconds: that all runs trained.
    """

    chosen: Setting
    settings: list
    scores: list
    seconds: float


class Part(NamedTuple):
    """Images to train on, and images to evaluate on.

    Attributes:
        data: which.
        examples: how many there are to train on.
    """

    data: Data
    examples: int


class Place(NamedTuple):
    """What is fine-tuned, and where and how the runs of the grid live.

    Attributes:
        name: of the set.
        run: directory of the encoder's run.
        trained: its experiment.
        to: directory of the runs.
        measure: that they are compared by, of `SCORES`.
        layout: fields of an experiment that say which devices train.
        data_dir: where TFDS data sets are prepared.
        command: what a person typed.
        told: is handed a line as each run begins.
    """

    name: str
    run: pathlib.Path
    trained: Experiment
    to: pathlib.Path
    measure: str
    layout: dict
    data_dir: str
    command: str
    told: Callable[[str], None]


def tuned(place: Place, *, choosing: Part, whole: Part, budget: Budget, seeds: Sequence[int]) -> Tuned:
    """Fine-tunes with every setting, then with the best of them on all training images, and tests that.

    Args:
        place: the encoder, and where runs live.
        choosing: what is trained and evaluated on while settings are chosen; no test image is among it.
        whole: all training images, and the test images.
        budget: of each run, and the grid.
        seeds: the first chooses; each trains the last run.

    Raises:
        ValueError: every setting diverged, or as `run_experiment`.
        OSError, MemoryError, FloatingPointError: as `run_experiment`.
    """
    grid = [Setting(rate, decay) for rate in budget.rates for decay in budget.decays]
    tried, seconds = [], 0.0
    for number, setting in enumerate(grid, 1):
        place.told(f"{place.name}: setting {number} of {len(grid)}, rate {setting.rate:g}, decay {setting.decay:g}")
        experiment = experiment_for(place, setting, choosing, budget=budget, seed=seeds[0])
        summary = _validated(place, experiment)
        tried.append(setting._replace(score=summary.get(SCORES[place.measure])))
        seconds += _seconds(summary)
    best = chosen(tried)
    last = [experiment_for(place, best, whole, budget=budget, seed=seed) for seed in seeds]
    place.told(f"{place.name}: rate {best.rate:g}, decay {best.decay:g} on all training images")
    found = [_run(place, experiment) for experiment in last]
    return Tuned(best, tried, [each[SCORES[place.measure]] for each in found], seconds + sum(map(_seconds, found)))


def chosen(settings: Sequence[Setting]) -> Setting:
    """The best on validation; of equally good ones the lowest rate, and of these the strongest decay.

    Raises:
        ValueError: every setting diverged.

    Example:
        >>> chosen([Setting(0.1, 0.0, 0.9), Setting(0.01, 0.0, 0.9), Setting(0.01, 1e-3, 0.9), Setting(1.0, 0.0)])
        Setting(rate=0.01, decay=0.001, score=0.9)
    """
    sound = [setting for setting in settings if setting.score is not None]
    if not sound:
        raise ValueError(f"training diverged with all {len(settings)} settings; lower the learning rates.")
    return max(sound, key=lambda setting: (setting.score, -setting.rate, setting.decay))


def experiment_for(place: Place, setting: Setting, part: Part, *, budget: Budget, seed: int) -> Experiment:
    """The experiment of one setting.

    The moving averages of batch norm keep max(1 - 10 / s, 0.9) of themselves at a step, s steps being an epoch.
    """
    epochs = max(round(budget.steps * budget.batch_size / part.examples), 1)
    trained = place.trained
    stage = Stage(
        epochs=epochs,
        batch_size=budget.batch_size,
        optimizer="nesterov",
        base_learning_rate=setting.rate * 256 / budget.batch_size,  # which the stage scales back
        schedule="cosine",
        weight_decay=setting.decay / setting.rate,
        batch_norm_momentum=max(1 - 10 * budget.batch_size / part.examples, 0.9),
        evaluate_every=epochs,
        augment=Augment(policy="crop_flip", crop_area=budget.crop_area, flip=budget.flip),
    )
    return Experiment(
        name=f"fine_tune.{place.name}",
        seed=seed,
        precision=trained.precision,
        cross_replica_batch_norm=trained.cross_replica_batch_norm,
        encoder_from=os.path.abspath(place.run),
        data=part.data,
        encoder=dataclasses.replace(trained.encoder, weights=""),
        train=dataclasses.replace(trained.train, diagnose_every=0),
        cross_entropy=stage,
        **place.layout,
    )


def _validated(place: Place, experiment: Experiment) -> dict:
    """The summary of a setting's run on validation images, nothing where it diverged; its weights are not kept."""
    directory = _directory(place, experiment)
    diverged = directory.path / "diverged.json"
    summary = {}
    if not diverged.exists():
        try:
            summary = _run(place, experiment)
        except FloatingPointError as error:
            replace_text(diverged, json.dumps({"why": str(error)}) + "\n")
            place.told(f"{place.name}: diverged: {error}")
    shutil.rmtree(directory.path / "checkpoints", ignore_errors=True)
    return summary


def _seconds(summary: dict) -> float:
    """That a run trained, however often it was cut."""
    return sum(summary.get("seconds", {}).values())


def _run(place: Place, experiment: Experiment) -> dict:
    """The summary of an experiment, run to its end; that of a complete one at once."""
    directory = _directory(place, experiment)
    if directory.summary.exists():
        return directory.read_summary()
    directory.path.parent.mkdir(parents=True, exist_ok=True)
    return run_experiment(
        experiment, directory.path, data_dir=place.data_dir, command=place.command, write_report=False
    )


def _directory(place: Place, experiment: Experiment) -> RunDirectory:
    """Where an experiment runs: all that decides its numbers is in the name."""
    plain = Experiment(cross_entropy=Stage(epochs=1))
    same = dataclasses.replace(experiment, **{field: getattr(plain, field) for field in LAYOUT})
    digest = hashlib.sha256(to_json(same).encode()).hexdigest()[:8]
    stage = experiment.cross_entropy
    rate = stage.base_learning_rate * stage.batch_size / 256
    return RunDirectory(place.to / f"rate_{rate:.3g}-decay_{stage.weight_decay * rate:.3g}-{digest}")
