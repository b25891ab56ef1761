"""Runs several experiments over several seeds, and compares them in one table and one report.

    python -m launch.compare --experiments=digits.cross_entropy,digits.supcon --seeds=0,1,2 --workdir=runs/digits

Every run has its own directory `<workdir>/<experiment>/seed_<n>`. The same command continues where it stopped; runs
that are complete are kept. Any field of the experiments is a flag that holds for all of them, as in `launch.train`.
"""

from __future__ import annotations

import dataclasses
import pathlib
import time

from absl import flags

from launch import catalogue
from launch.endings import plain_endings, quiet
from launch.flags import chosen, define_directory, run_app, typed
from supcon_tf.config import Experiment
from supcon_tf.names import STAGE_KINDS
from supcon_tf.records.directory import RunDirectory

FLAGS = flags.FLAGS

flags.DEFINE_list("experiments", [], "what to compare: names of experiments, separated by commas")
flags.DEFINE_list("seeds", ["0", "1", "2"], "each experiment runs once with each of these seeds")
define_directory("workdir", "directory of all runs; made if absent, continued if it holds them")
define_directory("data_dir", "directory of prepared TFDS data sets; default: `data` inside the workdir")


def planned() -> dict[pathlib.Path, Experiment]:
    """Run directory to experiment, seed by seed, so that an interrupted comparison has equally many of each."""
    if not FLAGS.workdir:
        raise ValueError("say where the runs live: --workdir=runs/comparison.")
    if not all(seed.strip().isdigit() for seed in FLAGS.seeds) or not FLAGS.seeds:
        raise ValueError(f"--seeds must be whole numbers separated by commas, as 0,1,2; got {','.join(FLAGS.seeds)}.")
    if FLAGS["seed"].present:
        raise ValueError(f"a comparison takes its seeds from --seeds; got --seed={FLAGS.seed}.")
    root = pathlib.Path(FLAGS.workdir)
    if (root / "config.json").exists():
        raise ValueError(f"{root} is the directory of a single run; name another --workdir.")
    experiments = {name: chosen(catalogue.load(name), only_its_stages=True) for name in FLAGS.experiments}
    runs = {
        root / name / f"seed_{seed}": dataclasses.replace(experiment, seed=seed)
        for seed in map(int, FLAGS.seeds)
        for name, experiment in experiments.items()
    }
    _refuse_strays(experiments)
    if any(experiment.strategy == "multi_worker" for experiment in runs.values()):
        raise ValueError("a comparison runs on one host; train each experiment with launch.hosts, or launch.train.")
    for directory, experiment in runs.items():
        RunDirectory(directory).check(experiment)
    return runs


def _refuse_strays(experiments: dict[str, Experiment]) -> None:
    """Raises for flags of a stage that none of the experiments has: they would do nothing."""
    present = {stage for experiment in experiments.values() for stage in experiment.stages}
    stages = set(STAGE_KINDS) - present
    strays = [name for name in FLAGS if name.split(".")[0] in stages and "." in name and FLAGS[name].present]
    if strays:
        raise ValueError(
            f"none of {', '.join(experiments)} has the stage that --{strays[0]} is for; leave it out, or give the "
            "stage epochs."
        )


def main(argv: list[str]) -> None:
    """Checks every run before TensorFlow is loaded, then runs them in turn."""
    del argv  # absl has parsed it
    quiet()
    with plain_endings():
        runs = planned()
        print(f"{len(runs)} runs: {', '.join(FLAGS.experiments)}, seeds {', '.join(FLAGS.seeds)}", flush=True)
        _run_all(runs)


def _run_all(runs: dict[pathlib.Path, Experiment]) -> None:
    """Every run in turn, then the comparison."""
    started = time.perf_counter()
    # TensorFlow is loaded here: seconds that a misspelt flag should not cost.
    from supcon_tf.report.report import summary_table, write_report
    from supcon_tf.run.experiment import run_experiment

    data_dir = FLAGS.data_dir or str(pathlib.Path(FLAGS.workdir) / "data")
    for number, (directory, experiment) in enumerate(runs.items(), 1):
        print(f"\nrun {number} of {len(runs)}: {experiment.name}, seed {experiment.seed}", flush=True)
        run_experiment(experiment, directory, data_dir=data_dir, command=typed("launch.compare"), write_report=False)
    page = pathlib.Path(FLAGS.workdir) / "report.html"
    write_report(page, list(runs))
    print(f"\n{summary_table(list(runs))}\n\nreport: {page}\nall in {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    run_app(main, experiment_flag="experiments", usage=__doc__)
