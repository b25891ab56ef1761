"""Trains one experiment, start to report.

    python -m launch.train --experiment=digits.supcon --workdir=runs/digits_supcon

Any field of the experiment is a flag: `--loss.temperature=0.07`. The same command on the same directory continues a
run that was interrupted.
"""

from __future__ import annotations

from absl import flags

from launch import catalogue
from launch.endings import plain_endings, quiet
from launch.flags import chosen, define_directory, run_app, typed
from supcon_tf.records.directory import RunDirectory

FLAGS = flags.FLAGS

flags.DEFINE_string("experiment", "", "what to run: a module under experiments/, by its dotted name")
define_directory("workdir", "directory of the run; made if absent, continued if it holds this experiment")
define_directory("data_dir", "directory of prepared TFDS data sets; default: `data` inside the workdir")

flags.DEFINE_float("time_limit", 0.0, "minutes after which a run saves its state and ends; 0: none", lower_bound=0.0)


def main(argv: list[str]) -> None:
    """Checks the whole command before TensorFlow is loaded, then runs it."""
    del argv  # absl has parsed it
    quiet()
    with plain_endings(time_limit=FLAGS.time_limit):
        experiment = chosen(catalogue.load(FLAGS.experiment))
        if not FLAGS.workdir:
            raise ValueError(f"say where the run lives: --workdir=runs/{FLAGS.experiment.replace('.', '_')}.")
        RunDirectory(FLAGS.workdir).check(experiment)
        # TensorFlow is loaded here: seconds that a misspelt flag should not cost.
        from supcon_tf.run.experiment import run_experiment

        run_experiment(experiment, FLAGS.workdir, data_dir=FLAGS.data_dir, command=typed("launch.train"))


if __name__ == "__main__":
    run_app(main, experiment_flag="experiment", usage=__doc__)
