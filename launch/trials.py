"""Collects the trials that a recipe was chosen from: runs judged on held-out training images, as one file of results.

    python -m launch.trials --of=runs/tried --on="one CPU core" --name=cifar10 \
        --recipes=cifar10.supcon_quick,cifar10.cross_entropy_quick

Every finished run below the directories becomes a line: what differs from the recipe of its method, and its accuracy.
Lines that the file has from other directories stay; a run that is there already is not taken twice. `make results`
shows the file where a document asks for it.
"""

from __future__ import annotations

import json
import pathlib

from absl import flags

from launch import catalogue
from launch.endings import plain_endings, quiet
from launch.flags import refuse_strays, run_app
from launch.results import RESULTS
from supcon_tf import settings
from supcon_tf.config import Experiment
from supcon_tf.names import STAGE_KINDS
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.files import read_object, replace_text

FLAGS = flags.FLAGS
flags.DEFINE_list("of", [], "directories with runs below them")
flags.DEFINE_string("on", "", "where they ran, in words")
flags.DEFINE_string("name", "", "of the file: experiments/results/trials_NAME.json")
flags.DEFINE_list("recipes", [], "experiments, one of each method, that runs are compared with")
flags.DEFINE_string("commit", "", "of runs whose environment does not name theirs")

METHODS = {"contrastive": "SupCon", "joint": "SupCon, joint", "cross_entropy": "cross-entropy"}  # by the first stage
# What says nothing of how a run trained: names, its seed, and what was looked at on the way.
BESIDE = ("name", "seed", "data.train_split", "data.test_split", "data.held_out", "knn", "evaluate_every")


def main(argv: list[str]) -> None:
    """Adds the runs to the file."""
    quiet()
    with plain_endings():
        refuse_strays(argv)
        for name in ("of", "on", "name", "recipes"):
            if not FLAGS[name].value:
                raise ValueError(f"--{name} is missing; see --help.")
        recipes = [catalogue.load(name) for name in FLAGS.recipes]
        runs = sorted(path.parent for folder in FLAGS.of for path in pathlib.Path(folder).rglob("summary.json"))
        found = [trial for run in runs if (trial := trial_of(run, recipes, on=FLAGS.on, commit=FLAGS.commit))]
        path = RESULTS / f"trials_{FLAGS.name}.json"
        known = read_object(path)["trials"] if path.exists() else []
        trials = known + [trial for trial in found if trial not in known]
        replace_text(path, json.dumps({"trials": trials}, indent=1) + "\n")
        print(f"{path}: {len(trials)} trials, {len(trials) - len(known)} of them new", flush=True)


def trial_of(run: pathlib.Path, recipes: list[Experiment], *, on: str, commit: str = "") -> dict:
    """What a run was, and what it gave; nothing for one of another data set.

    Args:
        run: directory of a finished run.
        recipes: one of them trains its encoder as the run does.
        on: where it ran.
        commit: where its environment names none.

    Raises:
        ValueError: it was judged on test images, or is of no method that a recipe has.
    """
    directory = RunDirectory(run)
    summary, config = read_object(directory.summary), read_object(directory.config)
    experiment, environment = settings.from_json(Experiment, config), read_object(directory.environment)
    recipe = next((recipe for recipe in recipes if list(recipe.stages) == list(experiment.stages)), None)
    if recipe is None:
        raise ValueError(f"{run} has stages {', '.join(experiment.stages)}, and no recipe has these.")
    data = experiment.data
    if data.name != recipe.data.name:
        print(f"{run}: of {data.name}, left out", flush=True)
        return {}
    if not data.held_out and not data.test_split.startswith("train"):
        raise ValueError(f"{run} was judged on test images; a setting is chosen on a part of the training images.")
    changed = {
        name: saved
        for name, (saved, _) in settings.differences(config, recipe).items()
        if not name.startswith(BESIDE[:-1]) and not name.endswith(BESIDE[-1]) and _is_of(name, experiment)
    }
    return {
        "method": METHODS[next(iter(experiment.stages))],
        "experiment": recipe.name,
        "settings": changed,
        "judged_on": data.test_split or f"the training images, {data.held_out:g} of them held out",
        "validation_accuracy": summary["test_accuracy"],
        "images": summary["test_images"],
        "seed": experiment.seed,
        "seconds": round(sum(summary["seconds"].values()), 1),
        "device": on,
        "commit": environment.get("commit") or commit,
        "python": environment["python"],
        "tensorflow": environment["packages"]["tensorflow"],
    }


def _is_of(name: str, experiment: Experiment) -> bool:
    """Whether a field is none of a stage that the run does not have."""
    stage = name.split(".")[0]
    return stage not in STAGE_KINDS or stage in experiment.stages


if __name__ == "__main__":
    run_app(main)
