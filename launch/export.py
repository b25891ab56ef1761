"""Exports the trained networks of a run: Keras models, SavedModels for serving, and a page that describes them.

    python -m launch.export --run=runs/digits_supcon --to=exported

The run may be finished or interrupted: its newest checkpoint counts. --to is written whole or not at all; an earlier
export there is replaced, anything else is left alone and refused.
"""

from __future__ import annotations

import pathlib

from absl import flags

from launch.endings import plain_endings, quiet
from launch.flags import define_directory, refuse_strays, run_app
from supcon_tf.paths import resolved, shown
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.exported import check_place

FLAGS = flags.FLAGS

define_directory("run", "directory of the run: the --workdir of launch.train")
define_directory("to", "directory that is written: new, empty, or an earlier export")
flags.DEFINE_string("data_licence", "", "licence of the data that the run was trained on, for the page; empty: unknown")
flags.DEFINE_bool("onnx", False, "write ONNX files too, which needs the extra [onnx]")


def main(argv: list[str]) -> None:
    """Checks the command before TensorFlow is loaded, then exports."""
    quiet()
    with plain_endings(afterwards="nothing was written; the same command begins again"):
        refuse_strays(argv)
        if not FLAGS.run:
            raise ValueError("say which run: --run=runs/digits_supcon.")
        if not FLAGS.to:
            raise ValueError("say where the networks go: --to=exported.")
        run, to = RunDirectory(resolved(FLAGS.run)), pathlib.Path(resolved(FLAGS.to))
        run.require_run()
        check_place(to)
        # TensorFlow is loaded here: seconds that a misspelt flag should not cost.
        from supcon_tf.run.export import export_run

        files = export_run(run, to, data_licence=FLAGS.data_licence, onnx=FLAGS.onnx)
        for name, what in files.items():
            print(f"{shown(str(to / name))}{'/' * name.endswith('/')}: {what}", flush=True)


if __name__ == "__main__":
    run_app(main)
