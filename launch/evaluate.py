"""Measures a trained run: accuracy, calibration, neighbours, few labels, retrieval, corruptions.

    python -m launch.evaluate --run=runs/digits_supcon
    python -m launch.evaluate --run=runs/cifar10 --measures=robustness --data_dir=DATA_DIR
    python -m launch.evaluate --run=runs/cifar10 --measures=robustness --corrupted=folder:CIFAR-10-C
    python -m launch.evaluate --run=runs/cifar10 --data.name=folder:PATH
    python -m launch.evaluate --run=runs/supcon --against=runs/cross_entropy
    python -m launch.evaluate --run=photos.keras --data.name=folder:PHOTOS --model.output=logits --model.range=0..255

The run may be finished or interrupted; its directory alone says what its networks are. Results go into
RUN/measures.json, and what is there already is not measured again. In the place of a run may stand a model of anybody,
a Keras file or a SavedModel; then `--model.*` say how it wants images and what it gives.
"""

from __future__ import annotations

import pathlib
from typing import Optional

from absl import flags

from launch.endings import plain_endings, quiet
from launch.flags import define_directory, define_section, given_section, refuse_strays, run_app
from supcon_tf import names
from supcon_tf.config import Data, Model
from supcon_tf.names import one_of
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.exported import FACTS
from supcon_tf.records.model_files import exported_facts, is_model, kind_of

FLAGS = flags.FLAGS

define_directory("run", "directory of the run (--workdir of launch.train); or a Keras file or SavedModel of anybody")
define_directory("to", "of a model file: directory for its measures; default: MODEL.measures beside it")
define_section(Model(), "model.")
define_directory("against", "directory of another run, whose answers to the same test images are compared by pairs")
flags.DEFINE_list("measures", list(names.QUICK_MEASURES), f"what to measure: all, or of {', '.join(names.MEASURES)}")
define_directory("data_dir", "directory of prepared TFDS data sets; default: `data` inside the run")
define_directory("frost_dir", "folder with the authors' pictures of frost; default: generated ones, named so")
flags.DEFINE_string(
    "corrupted", "", "stored corrupted images, read as they are: TFDS name (cifar10_corrupted), or folder:PATH of "
    "ImageNet-C's folders or CIFAR-10-C's arrays; default: corrupted in memory",
)  # fmt: skip
define_directory("baseline", "directory of another run, measured in the same way, whose errors are 100 of an mCE")
flags.DEFINE_string("data.name", "", "images of another set than the run's: TFDS name, or folder:PATH")
flags.DEFINE_string("data.train_split", "", "with data.name: TFDS splits of the training images, as in an experiment")
flags.DEFINE_string("data.test_split", "", "with data.name: TFDS splits of the test images")
flags.DEFINE_enum(
    "data.broken_images", "fail", ["fail", "skip"], "with data.name: files of a folder that are no images"
)
flags.DEFINE_enum("strategy", "one_device", names.STRATEGIES, "how images are spread over devices")
flags.DEFINE_integer("replicas", 0, "devices that share them; 0: all there are", lower_bound=0)

ASSISTED = "this host took part; the chief has the result"
AFTERWARDS = "the same command goes on, and keeps what was measured"


def main(argv: list[str]) -> None:
    """Checks the command before TensorFlow is loaded, then measures."""
    quiet()
    with plain_endings(afterwards=AFTERWARDS):
        refuse_strays(argv)
        if not FLAGS.run:
            raise ValueError("say which run: --run=DIRECTORY, the --workdir of its training.")
        if FLAGS.against and FLAGS["measures"].present:
            raise ValueError("--against compares the answers of two runs; ask for --measures of each by itself.")
        asked = _asked()
        data, model, of_model = _data(), given_section(Model(), "model."), is_model(pathlib.Path(FLAGS.run))
        if of_model:
            _check_model(model, data)
        else:
            _check_run(model)
        for run in filter(None, (FLAGS.against, FLAGS.baseline)):
            RunDirectory(run).require_run()
        # TensorFlow is loaded here: seconds that a misspelt flag should not cost.
        from supcon_tf.run.comparing import compare_runs, compared
        from supcon_tf.run.evaluating import Robustness, evaluate_run, table
        from supcon_tf.run.evaluating_model import evaluate_model

        how = {"data_dir": FLAGS.data_dir, "strategy": FLAGS.strategy, "replicas": FLAGS.replicas}
        if FLAGS.against:
            found = compare_runs(FLAGS.run, FLAGS.against, data=data, **how)
            print(compared(FLAGS.run, FLAGS.against, *found) if found else ASSISTED, flush=True)
            return
        robustness = Robustness(FLAGS.frost_dir, FLAGS.corrupted, FLAGS.baseline or "")
        how.update(measures=asked, robustness=robustness, told=lambda line: print(line, flush=True))
        if of_model:
            entries = evaluate_model(FLAGS.run, model, data, to=FLAGS.to, **how)
        else:
            entries = evaluate_run(FLAGS.run, data=data, **how)
        print(f"\n{table(entries)}" if entries else ASSISTED, flush=True)


def _asked() -> list[str]:
    """The measures; ValueError where there is no such one, or flags of corrupted images say nothing."""
    asked = list(names.MEASURES if FLAGS.measures == ["all"] else FLAGS.measures)
    for name in asked:
        one_of("measures", name, (*names.MEASURES, "all"))
    for name in ("corrupted", "baseline", "frost_dir"):
        if FLAGS[name].value and "robustness" not in asked:
            raise ValueError(f"--{name} is about corrupted images: ask for --measures=robustness.")
    if FLAGS.corrupted and FLAGS.frost_dir:
        raise ValueError("stored images (--corrupted) have their own frost; leave --frost_dir out.")
    return asked


def _check_model(model: Model, data: Optional[Data]) -> None:
    """What can be known of a model file before it is opened."""
    if FLAGS.against:
        raise ValueError("--against compares two runs, and --run names a model file.")
    kind_of(pathlib.Path(FLAGS.run))
    if data is None:
        raise ValueError("a model file does not say which images it is for: name them with --data.name.")
    if FLAGS.strategy == "multi_worker":
        raise ValueError("a model file is evaluated on one host; take --strategy=mirrored for its devices.")
    if model.output is None and not exported_facts(pathlib.Path(FLAGS.run)):
        raise ValueError("say what the model gives: --model.output=features, logits or probabilities.")


def _check_run(model: Model) -> None:
    """Both directories hold runs, and nothing is said that only a model file needs."""
    if model != Model() or FLAGS.to:
        raise ValueError(f"--model.* and --to are for a model file, and --run={FLAGS.run} is none.")
    if (pathlib.Path(FLAGS.run) / FACTS).is_file():
        raise ValueError(f"{FLAGS.run} is an export; name one of the models in it, such as {FLAGS.run}/encoder.keras.")
    RunDirectory(FLAGS.run).require_run()


def _data():
    """The images that the flags name; None for those of the run."""
    fields = ("name", "train_split", "test_split", "broken_images")
    given = {field: FLAGS[f"data.{field}"].value for field in fields if FLAGS[f"data.{field}"].present}
    if given and not given.get("name"):
        raise ValueError(f"--data.{next(iter(given))} says which part of which set: give --data.name too.")
    return Data(**given) if given else None


if __name__ == "__main__":
    run_app(main)
