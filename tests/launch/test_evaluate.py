"""The command line that measures a run."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

from supcon_tf.config import Data, Encoder, Experiment, Projection, Stage
from supcon_tf.run.experiment import run_experiment
from tests.models_of_others import digits_model

ROOT = pathlib.Path(__file__).parents[2]


def evaluate(*flags):
    command = [sys.executable, "-m", "launch.evaluate", *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    "flags, message",
    [
        ([], "say which run: --run=DIRECTORY"),
        (["--run=x", "--measures=acuracy"], "Did you mean 'accuracy'"),
        (["--run=RUN", "--data.test_split=test"], "give --data.name too"),
        (
            ["--run=RUN/x.keras", "--data.name=digits", "--strategy=multi_worker"],
            "a model file is evaluated on one host",
        ),
        (["--run=x", "--against=y", "--measures=accuracy"], "ask for --measures of each by itself"),
        (["--run=x", "y"], "'y' is not a flag"),
        (["--run=x", "--measure=accuracy"], "no flag is called --measure. Did you mean `measures`?"),
        (["--run=RUN", "--against=nowhere"], "nowhere holds no run: it has no config.json"),
        (["--run=x", "--corrupted=cifar10_corrupted"], "--corrupted is about corrupted images: ask for --measures=rob"),
        (["--run=x", "--measures=robustness", "--corrupted=y", "--frost_dir=z"], "have their own frost"),
        (["--run=RUN", "--measures=robustness", "--baseline=nowhere"], "nowhere holds no run: it has no config.json"),
        (["--run=nowhere"], "nowhere holds no run: it has no config.json"),
        (["--run=no.keras", "--data.name=digits", "--model.output=logits"], "there is no model file no.keras"),
        (["--run=RUN/x.keras"], "does not say which images it is for: name them with --data.name"),
        (["--run=RUN/x.keras", "--data.name=digits"], "say what the model gives: --model.output="),
        (["--run=RUN/x.keras", "--against=RUN"], "--against compares two runs"),
        (["--run=RUN", "--model.size=8"], "--model.* and --to are for a model file"),
        (["--run=RUN/x.keras", "--model.mean=0.5"], "by `model.range`, or by `model.mean` and `model.std` together"),
        (["--run=RUN/x.keras", "--model.rang=0..1"], "no flag is called --model.rang. Did you mean `model.range`?"),
        (["--run=RUN/exported"], "is an export; name one of the models in it"),
    ],
)
def test_what_cannot_be_is_refused_with_one_message(flags, message, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "x.keras").write_bytes(b"")
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported" / "export.json").write_text("{}")
    ended = evaluate(*[flag.replace("RUN", str(tmp_path)) for flag in flags])
    assert ended.returncode == 2 and message in ended.stderr and "Traceback" not in ended.stderr
    assert ended.stderr.startswith("error: ")  # TensorFlow, which is noisy, was not loaded for this


@pytest.mark.guard
def test_a_run_is_measured_and_told(tmp_path):
    experiment = Experiment(
        name="tests.evaluated",
        data=Data(name="digits", examples=64),
        encoder=Encoder(name="resnet18", width=0.0625),
        projection=Projection(widths=(8,)),
        cross_entropy=Stage(epochs=1, batch_size=32),
    )
    summary = run_experiment(experiment, tmp_path / "run", write_report=False)
    ended = evaluate(f"--run={tmp_path / 'run'}", "--measures=accuracy,knn_dino")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[:3] == ["accuracy", "knn_dino", ""] and f"{100 * summary['test_accuracy']:.2f} % (" in lines[3]
    entries = json.loads((tmp_path / "run" / "measures.json").read_text())["measures"]
    assert [entry["measure"] for entry in entries] == ["accuracy", "knn_dino"]


@pytest.mark.slow
def test_a_model_file_is_measured_and_told(tmp_path):
    digits_model().save(tmp_path / "model.keras")
    how = ("--data.name=digits", "--model.output=probabilities", "--model.range=0..1", "--measures=accuracy")
    ended = evaluate(f"--run={tmp_path / 'model.keras'}", *how)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("images: 8 x 8 x 1, crop_then_resize, pixels 0..1\nfeatures: ")
    place = tmp_path / "model.keras.measures"
    (entry,) = json.loads((place / "measures.json").read_text())["measures"]
    assert f"{100 * entry['numbers'][0]['value']:.2f} % (" in ended.stdout
    again = evaluate(f"--run={tmp_path / 'model.keras'}", *how)
    assert "accuracy: measured before" in again.stdout and (place / "data").is_dir()
    wrong = evaluate(f"--run={tmp_path / 'model.keras'}", *how[:1], "--model.output=logits", "--model.range=0..1")
    assert wrong.returncode == 2 and "error: all rows of what the model gives lie in 0..1" in wrong.stderr
    assert "Traceback" not in wrong.stderr
