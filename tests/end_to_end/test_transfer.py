"""Transfer through the command: from digits 0 to 4 to digits 5 to 9, killed and continued, and recomputed."""

from __future__ import annotations

import json
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import PIL.Image
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from supcon_tf.config import Augment, Data, Encoder, Experiment, Projection, Stage
from supcon_tf.run.experiment import run_experiment

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def write(root, labels):
    """A folder of the digits with these labels, 60 of each to train on and 40 to test."""
    digits = load_digits()
    for label in labels:
        for place, number in enumerate(np.flatnonzero(digits.target == label)[:100]):
            folder = root / ("train" if place < 60 else "test") / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            pixels = np.round(digits.images[number] * 15).astype(np.uint8)
            PIL.Image.fromarray(pixels).convert("RGB").save(folder / f"{number:04}.png")
    return root


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return write(tmp_path_factory.mktemp("other") / "digits", range(5, 10))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that has learnt the digits 0 to 4."""
    root = tmp_path_factory.mktemp("transfer")
    experiment = Experiment(
        name="tests.transfer",
        data=Data(name=f"folder:{write(root / 'digits', range(5))}"),
        encoder=Encoder(name="resnet18", width=0.125),
        projection=Projection(widths=(16,)),
        contrastive=Stage(
            epochs=12,
            batch_size=60,
            base_learning_rate=1.0,
            augment=Augment(policy="crop_flip", crop_area=(0.6, 1.0), flip=False),
        ),
    )
    run_experiment(experiment, root / "run", write_report=False)
    return root / "run"


def command(run, other):
    return [sys.executable, "-m", "launch.transfer", f"--run={run}", f"--sets=birdsnap=folder:{other},food101",
            "--how=linear,fine_tune", "--steps=15", "--batch_size=60", "--learning_rates=0.01,0.1",
            "--weight_decays=0,0.001", "--crop_area=0.6,1", "--noflip"]  # fmt: skip


def test_killed_and_continued_it_ends_with_numbers_that_others_compute(run, other, tmp_path):
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command(run, other), cwd=ROOT, stdout=log, stderr=log)
    end = time.monotonic() + 500
    while len(list(run.glob("transfer/*/*/summary.json"))) < 2 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    assert process.poll() is None, (tmp_path / "log").read_text()[-2000:]
    process.kill()
    assert process.wait() == -signal.SIGKILL
    done = {path: path.stat().st_mtime_ns for path in run.glob("transfer/*/*/summary.json")}
    assert 2 <= len(done) < 5
    ended = subprocess.run(command(run, other), cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "birdsnap, linear: measured before" in ended.stdout and "food101" in ended.stdout.splitlines()[-1]
    assert {path: path.stat().st_mtime_ns for path in done} == done  # what was complete is kept
    linear, tuned = json.loads((run / "measures.json").read_text())["measures"]
    _check_linear(run, linear)
    _check_tuned(run, tuned)
    table = ended.stdout.splitlines()[-5:]
    assert table[1].split()[:3] == ["birdsnap", "linear", "top-1"] and "75.15" in table[2]  # the paper's
    again = subprocess.run(command(run, other), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert again.stdout.splitlines()[-5:] == table


def _check_linear(run, entry):
    kept = {path.stem.split("-")[-1]: np.load(path) for path in (run / "predictions").glob("*.npz")}
    train, test = kept["train"], kept["test"]
    theirs = LogisticRegression(C=1 / entry["chosen"]["penalty"], solver="newton-cg", tol=1e-10, max_iter=10_000)
    theirs.fit(train["embeddings"].astype(np.float64), train["labels"])
    right = theirs.predict(test["embeddings"].astype(np.float64)) == test["labels"]
    assert entry["numbers"][0]["value"] == pytest.approx(np.mean(right), abs=0.02) and len(right) == 200
    assert np.mean(right) > 0.5


def _check_tuned(run, entry):
    summaries = {path.parent.name: json.loads(path.read_text()) for path in run.glob("transfer/*/*/summary.json")}
    grid = {name: each for name, each in summaries.items() if each["test_images"] == 60}  # a fifth, held out
    assert len(grid) == 4 and len(summaries) == 5
    assert entry["chosen"]["validation"] == max(each["test_accuracy"] for each in grid.values())
    assert len(entry["chosen"]["settings"]) == 4
    (last,) = set(summaries) - set(grid)
    wanted = f"rate_{entry['chosen']['learning_rate']:g}-decay_{entry['chosen']['weight_decay']:g}-"
    assert last.startswith(wanted)
    (place,) = run.glob(f"transfer/*/{last}")
    kept = np.load(place / "evaluation.npz")
    number = entry["numbers"][0]
    assert number["value"] == pytest.approx(np.mean(kept["predictions"] == kept["labels"])) and number["n"] == 200
    assert number["value"] > 0.4 and number["details"] == {"set": "birdsnap", "measure": "top-1"}
    assert list(place.glob("checkpoints/cross_entropy/*.sha256"))  # what was tested can be used
    assert not list(run.glob("transfer/*/*/diverged.json"))
