"""Transfers a trained encoder to other sets: a linear classifier on its features, or fine-tuning.

    python -m launch.transfer --run=runs/supcon50 --data_dir=DATA_DIR
    python -m launch.transfer --run=runs/supcon50 --data_dir=DATA_DIR --sets=dtd,voc2007 --how=linear,fine_tune
    python -m launch.transfer --run=runs/supcon50 --sets=birdsnap=folder:BIRDS

The paper's twelve sets have the splits and the measures of its Table 4. Settings are chosen on validation images, never
on test. Results go into RUN/measures.json; the same command goes on where it was cut.
"""

from __future__ import annotations

from absl import flags

from launch.endings import plain_endings, quiet
from launch.flags import define_directory, refuse_strays, run_app, typed
from supcon_tf import names
from supcon_tf.data.sets.transfer import TRANSFER_SETS, tasks
from supcon_tf.names import one_of
from supcon_tf.records.directory import RunDirectory
from supcon_tf.transfer_budget import Budget

FLAGS = flags.FLAGS
MEASURES = {"top1": "top-1", "mean_per_class": "mean per class"}

define_directory("run", "directory of the run (--workdir of launch.train)")
flags.DEFINE_list(
    "sets", ["all"], f"all, or of {', '.join(TRANSFER_SETS)}; other TFDS names; folder:PATH; NAME=folder:PATH"
)
flags.DEFINE_list("how", ["linear"], f"of {', '.join(names.TRANSFERS)}; the second trains some 57 runs a set")
define_directory("data_dir", "directory of prepared TFDS data sets; default: `data` inside the run")
flags.DEFINE_list("seeds", ["0"], "the first chooses settings; fine-tuning with the best is repeated with each")
flags.DEFINE_enum("measure", "top1", list(MEASURES), "of sets that are not of the twelve")
flags.DEFINE_integer("steps", 20_000, "of each run of fine-tuning, rounded to whole epochs", lower_bound=1)
flags.DEFINE_integer("batch_size", 256, "images of a step of fine-tuning", lower_bound=1)
flags.DEFINE_list("learning_rates", [], "to choose from; empty: 7 from 0.0001 to 0.1")
flags.DEFINE_list("weight_decays", [], "to choose from, each divided by the rate; empty: 7 from 1e-6 to 1e-3, and 0")
flags.DEFINE_list("crop_area", ["0.08", "1"], "smallest and largest share of an image that fine-tuning crops")
flags.DEFINE_bool("flip", True, "whether fine-tuning mirrors half of the images")
flags.DEFINE_enum(
    "strategy", "one_device", [name for name in names.STRATEGIES if name != "multi_worker"], "devices that share images"
)
flags.DEFINE_integer("replicas", 0, "devices that share them; 0: all there are", lower_bound=0)

AFTERWARDS = "the same command goes on, and keeps what was measured"


def main(argv: list[str]) -> None:
    """Checks the command before TensorFlow is loaded, then transfers."""
    quiet()
    with plain_endings(afterwards=AFTERWARDS):
        refuse_strays(argv)
        if not FLAGS.run:
            raise ValueError("say which run: --run=DIRECTORY, the --workdir of its training.")
        for name in FLAGS.how or [""]:
            one_of("how", name, names.TRANSFERS)
        sets, seeds, budget = tasks(FLAGS.sets, MEASURES[FLAGS.measure]), _seeds(), _budget()
        directory = RunDirectory(FLAGS.run)
        directory.require_run()
        # TensorFlow is loaded here: seconds that a misspelt flag should not cost.
        from supcon_tf.run.restored import experiment_of
        from supcon_tf.run.transferring import Asked, table, transfer

        encoder = experiment_of(directory).encoder.name
        asked = Asked(
            ways=tuple(FLAGS.how),
            seeds=seeds,
            budget=Budget(**budget),
            strategy=FLAGS.strategy,
            replicas=FLAGS.replicas,
            command=typed("launch.transfer"),
            told=lambda line: print(line, flush=True),
        )
        print(f"\n{table(transfer(FLAGS.run, sets, asked, data_dir=FLAGS.data_dir), encoder)}", flush=True)


def _seeds() -> tuple:
    if not FLAGS.seeds or not all(seed.strip().isdigit() for seed in FLAGS.seeds):
        raise ValueError(f"--seeds must be whole numbers separated by commas, as 0,1,2; got {','.join(FLAGS.seeds)}.")
    return tuple(map(int, FLAGS.seeds))


def _budget() -> dict:
    """Fields of `transfer_budget.Budget`; those that the command line leaves out keep their defaults."""
    fields = {"steps": FLAGS.steps, "batch_size": FLAGS.batch_size, "flip": FLAGS.flip}
    fields["crop_area"] = _numbers("crop_area", above=0.0)
    if len(fields["crop_area"]) != 2:
        raise ValueError(f"--crop_area must be two shares, as 0.08,1; got {','.join(FLAGS.crop_area)}.")
    if FLAGS.learning_rates:
        fields["rates"] = _numbers("learning_rates", above=0.0)
    if FLAGS.weight_decays:
        fields["decays"] = _numbers("weight_decays", least=0.0)
    return fields


def _numbers(flag: str, *, above: float = float("-inf"), least: float = float("-inf")) -> tuple:
    try:
        found = tuple(float(text) for text in FLAGS[flag].value)
    except ValueError:
        found = ()
    if not found or not all(above < number < float("inf") and number >= least for number in found):
        limit = f"above {above:g}" if above > float("-inf") else f"at least {least:g}"
        raise ValueError(f"--{flag} must be numbers {limit} separated by commas; got {','.join(FLAGS[flag].value)}.")
    if len(set(found)) < len(found):
        raise ValueError(f"--{flag} has a number twice: {','.join(FLAGS[flag].value)}.")
    return found


if __name__ == "__main__":
    run_app(main)
