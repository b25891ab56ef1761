"""The command of an installation: its verbs, and a wheel that has everything inside one name."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

from supcon_tf import command

ROOT = pathlib.Path(__file__).parents[1]
# What `import supcon_tf` and a Keras program with it must not need: everything of the extra [train].
TRAIN_ONLY = ("tensorflow_datasets", "tensorflow_addons", "sklearn", "scipy", "PIL", "tqdm", "threadpoolctl")
PROGRAM = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {TRAIN_ONLY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
import numpy as np
import supcon_tf as sc
import tensorflow as tf
encoder = tf.keras.Sequential([tf.keras.Input([8, 8, 1]), tf.keras.layers.Flatten(), sc.ProjectionHead(widths=(16, 8))])
encoder.compile(sc.LARS(0.1), sc.SupConLoss())
images, labels = np.random.rand(12, 8, 8, 1).astype("float32"), np.arange(12) % 3
print("loss", encoder.fit(images, labels, verbose=0).history["loss"][0])
model = sc.SupConModel(tf.keras.Sequential([tf.keras.Input([8, 8, 1]), tf.keras.layers.Flatten()]))
model.compile("sgd")
knn = sc.callbacks.KNNAccuracy((images, labels), (images, labels), neighbours=3)
logs = model.fit(np.stack([images, images], 1), labels, callbacks=[knn], verbose=0).history
print("neighbours", logs["val_knn_accuracy"][0])
from supcon_tf.networks.resnet import resnet
try:
    sc.run_experiment
except ModuleNotFoundError as error:
    print(error)
print(resnet(18, image_shape=(8, 8, 3), width=0.0625, stem="small_image").output_shape)
"""


def run(*arguments, cwd, **environment):
    """A program of this Python, away from the repository."""
    own = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": "", **environment}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=own, capture_output=True, text=True)


def test_every_program_is_a_verb():
    programs = {path.stem for path in (ROOT / "launch").glob("*.py") if "run_app(" in path.read_text(encoding="utf-8")}
    programs -= {"flags", "results", "trials"}  # not a program; for the documents of the repository
    hosts = {f"hosts.{path.stem}" for path in (ROOT / "launch" / "hosts").glob("*.py") if path.stem in ("gpu", "tpu")}
    assert {command.module_of(verb).removeprefix("launch.") for verb in command.VERBS} == programs | hosts
    assert all(importlib.util.find_spec(command.module_of(verb)) for verb in command.VERBS)


def test_help_version_and_a_verb_that_is_none(capsys):
    for arguments, status, said in (([], 2, "usage: supcon"), (["--help"], 0, "  train "), (["--version"], 0, "0.")):
        with pytest.raises(SystemExit) as ended:
            command.main(arguments)
        assert ended.value.code == status and said in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        command.main(["evalute"])
    assert ended.value.code == 2 and "Did you mean `evaluate`" in capsys.readouterr().err


def test_a_verb_ends_as_its_program_does(tmp_path):
    program = "import sys; from supcon_tf.command import main; main(sys.argv[1:])"
    ended = run("-c", program, "train", "--experiment=digits.supkon", cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert ended.returncode == 2 and "Did you mean `digits.supcon`" in ended.stderr
    shown = run("-c", program, "prepare_data", "--help", cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert shown.returncode in (0, 1) and "--data_dir" in shown.stdout


@pytest.mark.slow
def test_a_keras_program_needs_nothing_of_the_extra_train(tmp_path):
    """SciPy is installed with it, and loaded where an interval is computed, not when TensorFlow is imported."""
    ended = run("-W", "error::UserWarning", "-c", PROGRAM, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert ended.returncode == 0, ended.stderr
    assert all(said in ended.stdout for said in ("loss ", "neighbours ", "supcon-tf[train]", "(None, 32)"))


@pytest.mark.guard
def test_a_wheel_installs_one_name_and_its_command_trains(tmp_path):
    """Built from a copy, unpacked elsewhere, run from a third place: experiments and all."""
    pytest.importorskip("setuptools")
    kept = shutil.ignore_patterns(".*", "runs", "build", "*.egg-info", "__pycache__", "results")
    shutil.copytree(ROOT, tmp_path / "source", ignore=kept)
    build = run("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", tmp_path, tmp_path / "source",
                cwd=tmp_path)  # fmt: skip
    assert build.returncode == 0, build.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    shutil.rmtree(tmp_path / "source")
    assert sorted(path.name.split("-")[0] for path in (tmp_path / "site").iterdir()) == ["supcon_tf", "supcon_tf"]
    assert (tmp_path / "site" / "supcon_tf" / "py.typed").exists()
    stubs = {path.relative_to(ROOT) for path in (ROOT / "supcon_tf").rglob("*.pyi")}
    assert stubs == {path.relative_to(tmp_path / "site") for path in (tmp_path / "site").rglob("*.pyi")}
    (where,) = (tmp_path / "site").glob("*.dist-info/entry_points.txt")
    assert "supcon = supcon_tf.command:main" in where.read_text()
    (tmp_path / "elsewhere").mkdir()
    program = "import sys; from supcon_tf.command import main; main(sys.argv[1:])"
    flags = ["--data.examples=64", "--encoder.width=0.0625", "--cross_entropy.epochs=1",
             "--cross_entropy.batch_size=32", "--cross_entropy.warmup_epochs=0"]  # fmt: skip
    ended = run("-c", program, "train", "--experiment=digits.cross_entropy", "--workdir=run", *flags,
                cwd=tmp_path / "elsewhere", PYTHONPATH=str(tmp_path / "site"))  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    summary = (tmp_path / "elsewhere" / "run" / "summary.json").read_text()
    assert '"command": "supcon train --experiment=digits.cross_entropy' in summary
