"""A run is evaluated from its directory alone, each measure once, on any number of replicas."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from supcon_tf.config import Data
from supcon_tf.run import evaluating
from supcon_tf.run.evaluating import evaluate_run, table


@pytest.fixture
def run(trained_run, tmp_path):
    return shutil.copytree(trained_run, tmp_path / "run")


def numbers(entries):
    return {number["name"]: number["value"] for entry in entries for number in entry.get("numbers", [])}


def test_its_accuracy_is_that_of_the_summary_and_everything_is_written(run):
    entries = evaluate_run(run, measures=["accuracy", "knn_dino", "calibration"])
    summary = json.loads((run / "summary.json").read_text())
    found = numbers(entries)
    assert found["top1"] == pytest.approx(summary["test_accuracy"])
    assert found["mean_per_class"] == pytest.approx(summary["test_mean_per_class_accuracy"])
    assert json.loads((run / "measures.json").read_text()) == {"measures": entries}
    assert entries[0]["made"]["data"]["name"] == "digits" and entries[0]["seconds"] > 0
    kept = np.load(next((run / "predictions").glob("*-test.npz")))
    answers = kept["logits"].argmax(1)  # the stored predictions give the number by other code
    assert np.mean(answers == kept["labels"]) == pytest.approx(found["top1"])


@pytest.mark.guard
def test_what_is_measured_is_not_measured_again_and_a_cut_goes_on(run, monkeypatch):
    evaluate_run(run, measures=["accuracy"])
    asked, told = [], []
    real = evaluating.measured
    monkeypatch.setattr(evaluating, "measured", lambda name, evidence: asked.append(name) or real(name, evidence))
    evaluate_run(run, measures=["accuracy", "retrieval"], told=told.append)
    assert asked == ["retrieval"] and told == ["accuracy: measured before", "retrieval"]


@pytest.mark.slow
def test_other_weights_and_other_data_are_measured_anew(run):
    first = evaluate_run(run, measures=["retrieval"])
    half = evaluate_run(run, measures=["retrieval"], data=Data(name="digits", test_split="test[:50%]"))
    assert half[0]["numbers"][0]["n"] < first[0]["numbers"][0]["n"]
    shutil.rmtree(run / "checkpoints" / "linear")  # cut: the newest weights are those of the stage before
    (run / "summary.json").unlink()
    again = evaluate_run(run, measures=["retrieval", "accuracy"])
    assert again[0]["made"]["checkpoint"] == "contrastive/step-2"
    assert again[1]["why_not"] == "the run has trained no classifier"
    entries = json.loads((run / "measures.json").read_text())["measures"]
    assert len(entries) == 3 and first[0] not in entries and half[0] in entries


def test_images_without_labels_have_a_reason(run, tmp_path):
    from tests.data import image_folder

    image_folder.write_plain(tmp_path / "images", 3, size=(8, 8))
    with pytest.raises(ValueError, match="have 3 channels; the run's networks take 1"):
        evaluate_run(run, measures=["accuracy"], data=Data(name=f"folder:{tmp_path / 'images'}"))


@pytest.mark.guard
@pytest.mark.two_replicas_required
def test_two_replicas_measure_the_same(run, two_replicas, monkeypatch):
    measures = ["accuracy", "retrieval", "representation"]
    alone = numbers(evaluate_run(run, measures=measures))
    for kept in ("predictions", "measures.json"):
        shutil.move(run / kept, run.parent / kept)
    monkeypatch.setattr(evaluating, "make_strategy", lambda *name, **how: two_replicas)  # the one of the process
    together = numbers(evaluate_run(run, measures=measures, strategy="mirrored", replicas=2))
    assert together == pytest.approx(alone, rel=1e-4)


@pytest.mark.slow
def test_corrupted_images_are_predicted_once_each(run, monkeypatch):
    monkeypatch.setattr(evaluating, "CORRUPTIONS", ("gaussian_noise", "contrast"))
    entries = evaluate_run(run, measures=["robustness"])
    assert len(list((run / "predictions").glob("*-test-*.npz"))) == 10
    assert {"error_gaussian_noise", "error_contrast", "mean_error", "clean_error"} <= set(numbers(entries))
    assert not {"error_fog", "mce"} & set(numbers(entries))


def test_a_damaged_file_of_measures_says_what_to_do(run):
    (run / "measures.json").write_text("{")
    with pytest.raises(ValueError, match=r"measures.json is missing or not readable.*remove it, and evaluate"):
        evaluate_run(run, measures=["accuracy"])


def test_a_misspelt_measure_is_refused_before_anything(tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        evaluate_run(tmp_path / "nowhere", measures=["acuracy"])


def test_the_table_has_a_line_a_number():
    number = {"name": "top1", "value": 0.5, "unit": "share", "protocol": "as it is", "n": 1234, "interval": (0.4, 0.6)}
    plain = {**number, "name": "nll", "value": 2.5, "unit": "nats", "interval": None}
    lines = table([{"measure": "accuracy", "numbers": [number, plain]}, {"measure": "x", "why_not": "no y"}]).split(
        "\n"
    )
    assert lines[0].split() == ["top1", "50.00", "%", "(40.00", "to", "60.00)", "n", "=", "1,234", "as", "it", "is"]
    assert "2.5000 nats" in lines[1] and lines[2] == "x: not measured, since no y"
