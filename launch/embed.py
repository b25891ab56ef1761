"""Features of images by the encoder of a run: arrays in FILE.npz, and FILE_projector/ for TensorBoard's projector.

    python -m launch.embed --run=runs/digits_supcon --images=digits --to=runs/digits.npz
    python -m launch.embed --run=runs/photos --images=folder:PHOTOS --to=runs/photos.npz
    tensorboard --logdir=runs/photos_projector

The images need not be those of the run, nor have labels; a set of TFDS may have test images alone, and
`--data.test_split` names other splits. They are cut and whitened as the run's were. FILE.npz has
`features` float32 [n, F], `labels` (-1: none), `splits`, `class_names`, `made` (of what, as JSON), and for a folder
`files`, the names in it.
"""

from __future__ import annotations

import os
import pathlib

from absl import flags

from launch.endings import plain_endings, quiet
from launch.flags import define_directory, refuse_strays, run_app
from supcon_tf.config import Data
from supcon_tf.names import STRATEGIES
from supcon_tf.paths import expanded, resolved, shown
from supcon_tf.records.directory import RunDirectory

FLAGS = flags.FLAGS

define_directory("run", "directory of the run: the --workdir of launch.train")
flags.DEFINE_string("images", "", "folder:PATH or the path of a folder of images; else the TFDS name of a data set")
flags.DEFINE_string("to", "", "file that is written, FILE.npz")
define_directory("data_dir", "directory of prepared TFDS data sets; default: `data` inside the run")
flags.DEFINE_enum(
    "split", None, ["train", "test", "all"], "images of which split; default: all of a folder, test of a TFDS set"
)
flags.DEFINE_string("data.train_split", "", "TFDS splits that are --split=train, as in an experiment")
flags.DEFINE_string("data.test_split", "", "TFDS splits that are --split=test")
flags.DEFINE_enum("broken_images", "fail", ["fail", "skip"], "what to do when files of a folder are no images")
flags.DEFINE_enum("strategy", "auto", [name for name in STRATEGIES if name != "multi_worker"], "devices that embed")
flags.DEFINE_integer("replicas", 0, "devices that share the images; 0: all there are", lower_bound=0)

FOLDER = "folder:"


def main(argv: list[str]) -> None:
    """Checks the command before TensorFlow is loaded, then embeds."""
    quiet()
    with plain_endings(afterwards="the same command begins again"):
        refuse_strays(argv)
        run, name, to = _run(), _set_name(FLAGS.images), _place(FLAGS.to)
        # TensorFlow is loaded here: seconds that a misspelt flag should not cost.
        from supcon_tf.distribution.strategy import make_strategy
        from supcon_tf.run.context import own_state
        from supcon_tf.run.embedding import embedded, save_embedded
        from supcon_tf.run.restored import experiment_of, restored

        experiment = experiment_of(run)
        with own_state(experiment):
            strategy = make_strategy(FLAGS.strategy, replicas=FLAGS.replicas)
            found = embedded(
                restored(run, strategy),
                Data(
                    name=name,
                    train_split=FLAGS["data.train_split"].value,
                    test_split=FLAGS["data.test_split"].value,
                    broken_images=FLAGS.broken_images,
                ),
                FLAGS.split or ("all" if name.startswith(FOLDER) else "test"),
                data_dir=FLAGS.data_dir or str(run.path / "data"),
                strategy=strategy,
            )
        projector = save_embedded(found, to)
        count, width = found.features.shape
        print(f"{shown(str(to))}: {count:,} images as {width} numbers each", flush=True)
        print(f"{shown(str(projector))}: see them by tensorboard --logdir={shown(str(projector))}", flush=True)


def _run() -> RunDirectory:
    if not FLAGS.run:
        raise ValueError("say whose encoder: --run=runs/digits_supcon.")
    run = RunDirectory(resolved(FLAGS.run))
    run.require_run()
    return run


def _set_name(images: str) -> str:
    """What `config.Data` calls the set."""
    if not images:
        raise ValueError(
            "say which images: --images=folder:PATH, the path of a folder, or the TFDS name of a data set."
        )
    if images.startswith(FOLDER):
        return f"{FOLDER}{resolved(images[len(FOLDER) :])}" if images != FOLDER else images
    path = expanded(images)
    if os.path.isdir(path):
        return f"{FOLDER}{resolved(path)}"
    if os.path.isfile(path) or path.startswith((os.sep, os.curdir + os.sep, os.pardir + os.sep)):
        raise ValueError(f"--images={shown(images)} is no folder; name a folder of images, or a TFDS data set.")
    return images


def _place(to: str) -> pathlib.Path:
    if not to:
        raise ValueError("say where the features go: --to=runs/features.npz.")
    path = pathlib.Path(resolved(to))
    if path.suffix != ".npz" or path.is_dir():
        raise ValueError(f"--to must name a file that ends in .npz, such as runs/features.npz; got {shown(to)}.")
    return path


if __name__ == "__main__":
    run_app(main)
