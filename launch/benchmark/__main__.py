"""Measures this library beside what people use today.

    python -m launch.benchmark loss        time and memory of the loss, forward and backward; minutes
    python -m launch.benchmark accuracy    the error of its gradient by temperature and input type
    python -m launch.benchmark step        time and memory of the training step and its parts; tens of minutes
    python -m launch.benchmark input       images a second of every augmentation, beside Pillow; minutes
    python -m launch.benchmark communication    what a step sends as replicas are added, on paper
    python -m launch.benchmark tpu         whether a training step compiles for a TPU, its memory; needs no TPU

Each case of `loss`, `step` and `input` runs in a process of its own. PyTorch and pytorch-metric-learning are measured
where they are installed (`make benchmark` installs them). Every result is a JSON line in --json, and a row of the table
at the end.
"""

from __future__ import annotations

import importlib
import json
import pathlib

from absl import app, flags

from launch.benchmark import tpu
from launch.flags import plain_endings, quiet

FLAGS = flags.FLAGS

flags.DEFINE_string("json", None, "file that gets a JSON line per case; default: none")
flags.DEFINE_bool("quick", False, "leave out the cases that take over a minute")
flags.DEFINE_bool("dry_run", False, "print the cases, measure nothing")
tpu.define_flags()
flags.adopt_module_key_flags(tpu)

BENCHMARKS = ("loss", "accuracy", "step", "input", "communication", "tpu")


def main(argv: list[str]) -> None:
    """Runs the benchmark named on the command line."""
    quiet()
    with plain_endings():
        what = argv[1] if len(argv) == 2 else None
        if what not in BENCHMARKS:
            raise ValueError(f"say what to measure: {', '.join(BENCHMARKS)}; got {' '.join(argv[1:]) or 'nothing'}.")
        benchmark = importlib.import_module(f"launch.benchmark.{what}")  # loads TensorFlow, and may load PyTorch
        records, table = benchmark.run(quick=FLAGS.quick, dry_run=FLAGS.dry_run)
        if FLAGS.json and not FLAGS.dry_run:
            pathlib.Path(FLAGS.json).write_text("".join(json.dumps(record) + "\n" for record in records))
        print(table, flush=True)


if __name__ == "__main__":
    app.run(main)
