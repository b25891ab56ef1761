"""Two processes evaluate a run together: the numbers of one device, written by the chief alone."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from supcon_tf.augment.corruptions.corruption import corrupted
from supcon_tf.config import Data
from supcon_tf.data.sets.load import load_source
from supcon_tf.names import CORRUPTIONS, SEVERITIES
from supcon_tf.run import assisting, evaluating, predictions
from supcon_tf.run.comparing import compare_runs, compared
from supcon_tf.run.corrupted_images import Robustness
from supcon_tf.run.evaluating import evaluate_run
from tests.data import corrupted_images as stored
from tests.distributed.test_trainer import free_ports

ROOT = pathlib.Path(__file__).parents[2]


def together(runs, *flags):
    """(status, stdout, stderr) of launch.evaluate on two hosts, each with a directory of the run."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    started = []
    for index, run in enumerate(runs):
        config = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
        command = [sys.executable, "-m", "launch.evaluate", f"--run={run}", "--strategy=multi_worker", *flags]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TF_CONFIG": config}, **pipes))
    ends = [process.communicate(timeout=500) for process in started]
    return [(process.returncode, *end) for process, end in zip(started, ends)]


def numbers(entries):
    return {number["name"]: number["value"] for entry in entries for number in entry.get("numbers", [])}


@pytest.mark.slow
def test_two_hosts_measure_what_one_does(trained_run, tmp_path):
    run, measures = shutil.copytree(trained_run, tmp_path / "run"), ["accuracy", "knn_dino"]
    alone = evaluate_run(run, measures=measures)
    shutil.move(run / "predictions", tmp_path / "before")
    (run / "measures.json").unlink()
    chief, other = together([run, run], f"--measures={','.join(measures)}")
    assert chief[0] == other[0] == 0, (chief, other)
    assert "top1" in chief[1] and other[1] == "this host took part; the chief has the result\n"
    found = json.loads((run / "measures.json").read_text())["measures"]
    assert numbers(found) == pytest.approx(numbers(alone), rel=1e-4) and found[0]["made"] == alone[0]["made"]
    for path in (tmp_path / "before").iterdir():
        one, two = np.load(path), np.load(run / "predictions" / path.name)
        np.testing.assert_allclose(two["logits"], one["logits"], atol=1e-4)
        np.testing.assert_array_equal(two["labels"], one["labels"])


@pytest.mark.slow
@pytest.mark.parametrize("where", ["in memory", "stored"])
def test_the_others_see_the_images_that_the_chief_sees(where, trained_run, tmp_path, monkeypatch):
    """Two corruptions: what the chief says, in turn, makes another host predict the same images by the same change."""
    run, data = shutil.copytree(trained_run, tmp_path / "run"), Data(name="digits", test_split="test[:60]")
    monkeypatch.setattr(evaluating, "CORRUPTIONS", ("gaussian_noise", "fog"))
    images, labels = load_source("digits", str(tmp_path / "data"), test_split="test[:60]").arrays("test")
    whole = {name: np.concatenate([corrupted(images, name, s, scale="small") for s in SEVERITIES])
             for name in CORRUPTIONS}  # fmt: skip
    stored.write_arrays(tmp_path / "c", whole, labels)
    said, logits, real = [], [], predictions.predicted
    monkeypatch.setattr(predictions, "ask", lambda strategy, what: said.append(json.dumps(what)))
    monkeypatch.setattr(predictions, "predicted", lambda *a, **how: logits.append(real(*a, **how)["logits"]) or
                        {"embeddings": logits[-1], "logits": logits[-1], "labels": labels})  # fmt: skip
    how = Robustness(stored=f"folder:{tmp_path / 'c'}" if where == "stored" else "")
    evaluate_run(run, measures=["robustness"], data=data, robustness=how)
    assert len(said) == len(logits) == 11  # the test images as they are, and five severities of each
    chiefs, asked = list(logits), iter([*map(json.loads, said), None])
    monkeypatch.setattr(evaluating, "next_asked", lambda strategy: next(asked))
    logits.clear()
    monkeypatch.setattr(evaluating, "is_chief", lambda strategy: False)
    assert evaluate_run(run, measures=["robustness"], data=data, robustness=how) == []
    np.testing.assert_array_equal(logits, chiefs)
    assert not any(np.array_equal(logits[0], other) for other in logits[1:])  # control


@pytest.mark.slow
def test_two_hosts_compare_runs(trained_run, tmp_path):
    first, second = (shutil.copytree(trained_run, tmp_path / name) for name in ("first", "second"))
    expected = compared(str(first), str(second), *compare_runs(first, second))
    for run in (first, second):
        shutil.rmtree(run / "predictions")
    chief, other = together([first, first], f"--against={second}")
    assert chief[:2] == (0, f"{expected}\n") and other[:2] == (0, "this host took part; the chief has the result\n")


@pytest.mark.slow
def test_hosts_of_other_weights_are_refused(trained_run, tmp_path):
    run, other = (shutil.copytree(trained_run, tmp_path / name) for name in ("run", "other"))
    shutil.rmtree(other / "checkpoints" / "linear")  # cut: the newest weights are those of the stage before
    (other / "summary.json").unlink()
    ends = together([run, other], "--measures=accuracy")
    assert [status for status, _, _ in ends] == [2, 2], ends
    assert all("checkpoint: linear/step-2 on the chief, contrastive/step-2 on worker 1" in said for _, _, said in ends)
    assert not (run / "measures.json").exists()


def test_the_others_learn_that_the_chief_is_done_however_it_ends(monkeypatch, one_device):
    said = []
    monkeypatch.setattr(assisting, "host_count", lambda strategy: 2)
    monkeypatch.setattr(assisting, "texts_of_hosts", lambda strategy, text: said.append(text) or [text, ""])
    with assisting.leading(one_device):
        assisting.ask(one_device, {"split": "test"})
    with pytest.raises(ValueError, match="the chief's"), assisting.leading(one_device):
        raise ValueError("the chief's")
    assert said == ['{"split": "test"}', "null", "null"]


def test_one_host_tells_nobody(monkeypatch, one_device):
    monkeypatch.setattr(assisting, "texts_of_hosts", None)
    with assisting.leading(one_device):
        assisting.ask(one_device, {"split": "test"})
