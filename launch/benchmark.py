"""Measures this library beside what people use today.

    python -m launch.benchmark loss        time and memory of the loss, forward and backward; minutes
    python -m launch.benchmark accuracy    the error of its gradient by temperature and input type
    python -m launch.benchmark step        time and memory of the training step and its parts; tens of minutes
    python -m launch.benchmark input       images a second of every augmentation, beside Pillow; minutes
    python -m launch.benchmark evaluate    neighbours, retrieval, linear classifiers, corruptions; a quarter of an hour
    python -m launch.benchmark communication    what a step sends as replicas are added, on paper
    python -m launch.benchmark tpu         whether a training step compiles for a TPU, its memory; needs no TPU

Each case of `loss`, `step`, `input` and `evaluate` runs in a process of its own. PyTorch, pytorch-metric-learning,
faiss and scikit-image are measured where they are installed (`make benchmark` installs them). Every result is a JSON
line in --json, and a row of the table at the end, which --page writes into a page, and --in_short, of `loss`, in four
lines.
"""

from __future__ import annotations

import importlib
import json
import pathlib

from absl import flags

from benchmarks.page import block, write
from benchmarks.process import read_records
from benchmarks.tpu.cases import fields_of
from launch import catalogue
from launch.endings import plain_endings, quiet
from launch.flags import run_app

FLAGS = flags.FLAGS

flags.DEFINE_string("json", None, "file that gets a JSON line per case; default: none")
flags.DEFINE_string("page", None, "page with a block for what is measured, as those in docs/measured; gets the table")
flags.DEFINE_string("in_short", None, "loss: page with a block too, as README; gets the figures of the paper's batch")
flags.DEFINE_string(
    "known", None, "evaluate: --json or output of a run that was cut; cases that it has are not repeated"
)
flags.DEFINE_bool("quick", False, "leave out the cases that take over a minute")
flags.DEFINE_bool("dry_run", False, "print the cases, measure nothing")

# Of `tpu`; those that take a list make a case of every combination.
flags.DEFINE_string("experiment", "imagenet.supcon_resnet50", "tpu: whose contrastive step; the flags below change it")
flags.DEFINE_list("encoder", None, "tpu: encoders")
flags.DEFINE_float("width", None, "tpu: factor on the number of filters")
flags.DEFINE_integer("image_size", None, "tpu: height and width of images, pixels")
flags.DEFINE_integer("replicas", 128, "tpu: that share the batch")
flags.DEFINE_integer("global_batch", None, "tpu: images of all replicas, in as many views as the experiment has")
flags.DEFINE_list("precision", None, "tpu: float32, mixed_bfloat16")
flags.DEFINE_list("microbatches", None, "tpu: parts of a replica's batch, one after the other")
flags.DEFINE_list("loss", "tiled", "tpu: tiled, or dense for the whole matrix")
flags.DEFINE_list("topology", "v4", "tpu: generations to compile for: v4, v5e, v5p, v6e")
flags.DEFINE_string("tpu_python", ".venv-tpu/bin/python", "tpu: the Python that `make tpu-env` made")
flags.DEFINE_bool("search", False, "tpu: halve the replica's batch until it fits; each try takes minutes")

# What changes the cases; the rest says where they run and where the table goes.
OF_CASES = ("quick", "experiment", "encoder", "width", "image_size", "replicas", "global_batch", "precision",
            "microbatches", "loss", "topology", "search")  # fmt: skip

PLANS = {
    "loss": "benchmarks.loss.plan",
    "accuracy": "benchmarks.loss.accuracy",
    "step": "benchmarks.step.plan",
    "input": "benchmarks.input.plan",
    "evaluate": "benchmarks.evaluate.plan",
    "communication": "benchmarks.step.communication",
    "tpu": "benchmarks.tpu.plan",
}


def main(argv: list[str]) -> None:
    """Runs the benchmark named on the command line."""
    quiet()
    with plain_endings(afterwards="the same command begins again"):
        what = argv[1] if len(argv) == 2 else None
        if what not in PLANS:
            raise ValueError(f"say what to measure: {', '.join(PLANS)}; got {' '.join(argv[1:]) or 'nothing'}.")
        kept = pathlib.Path(FLAGS.json) if FLAGS.json and not FLAGS.dry_run else None
        if kept:
            kept.write_text("")  # what cannot be written is known before anything is measured
        page, short = (
            pathlib.Path(name) if name and not FLAGS.dry_run else None for name in (FLAGS.page, FLAGS.in_short)
        )
        if short and what != "loss":
            raise ValueError(f"--in_short is for `loss` alone; `{what}` has no figures in short.")
        if FLAGS.known and what != "evaluate":
            raise ValueError(f"--known is for `evaluate` alone; `{what}` is measured as a whole.")
        for where in filter(None, (page, short)):
            block(where, _command(what))
        plan = importlib.import_module(PLANS[what])  # loads TensorFlow, and may load PyTorch
        if what == "tpu":
            experiment = catalogue.load(FLAGS.experiment)
            where = {"tpu_python": FLAGS.tpu_python, "search": FLAGS.search}
            records, table = plan.run(experiment, _fields(fields_of(experiment)), **where, dry_run=FLAGS.dry_run)
        else:
            more = {"known": read_records(pathlib.Path(FLAGS.known))} if FLAGS.known else {}
            records, table = plan.run(quick=FLAGS.quick, dry_run=FLAGS.dry_run, **more)
        print(table, flush=True)
        if page:
            write(page, _command(what), table)
        if short:
            write(short, _command(what), plan.in_short(records))
        if kept:
            kept.write_text("".join(json.dumps(record) + "\n" for record in records))


def _command(what: str) -> str:
    """What a page has above the table: the command, with the flags that were given and change the cases."""
    given = [FLAGS[name].serialize() for name in OF_CASES if FLAGS[name].present]
    return " ".join(["python -m launch.benchmark", what, *given])


def _fields(fields: dict) -> dict:
    """The fields of a plan for a TPU: those of the experiment, and the flags that are given in their place."""
    given = {name: FLAGS[name].value for name in (*fields, "replicas", "loss", "topology")}
    return {**fields, **{name: value for name, value in given.items() if value is not None}}


if __name__ == "__main__":
    run_app(main)
