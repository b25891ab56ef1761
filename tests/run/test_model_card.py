"""The page of an export has what the run's records say, and says what they do not."""

from __future__ import annotations

import json
import shutil

import pytest
import tensorflow as tf

from supcon_tf.records.directory import RunDirectory
from supcon_tf.run.model_card import facts_of, model_card
from supcon_tf.run.restored import restored

FILES = {"encoder.keras": "Keras model"}


def facts(directory, **how):
    run = RunDirectory(directory)
    return facts_of(restored(run, tf.distribute.get_strategy()), run, **how)


def row(card, name):
    """The second cell of a row."""
    return next(
        line.split(" | ", 1)[1].removesuffix(" |") for line in card.splitlines() if line.startswith(f"| {name} |")
    )


def test_it_tells_data_recipe_measures_and_versions(trained_run):
    card, summary = model_card(facts(trained_run), FILES), json.loads((trained_run / "summary.json").read_text())
    assert row(card, "trained on") == "digits" and row(card, "10 classes").startswith("0, 1, 2")
    assert row(card, "fingerprint") == json.loads((trained_run / "data.json").read_text())["fingerprint"]
    assert row(card, "seed") == "0" and "epochs 1, batch_size 32" in row(card, "stage linear")
    assert "temperature 0.1" in row(card, "loss") and row(card, "test_accuracy") == f"{summary['test_accuracy']:.4g}"
    assert row(card, "mean") == "0.3062" and "8, 8, 1" in row(card, "`.keras`")
    assert card.count(f"tensorflow {tf.__version__}") == 2
    assert "licence of the data: unknown" in card and "not finished" not in card


def test_further_measures_are_told_where_there_are_any(trained_run, tmp_path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    number = {"name": "ece", "value": 0.125, "unit": "share", "protocol": "a | b", "n": 7, "interval": [0.1, 0.2]}
    entry = {"measure": "calibration", "made": {"data": {"name": "digits"}}, "numbers": [number]}
    (run / "measures.json").write_text(json.dumps({"measures": [entry]}))
    card = model_card(facts(run), FILES)
    assert row(card, "ece") == "12.50 % | 10.00 to 20.00 | 7 | digits | a \\| b"


def test_a_cross_entropy_run_has_no_contrastive_loss_and_long_lists_are_cut(trained_run):
    told = facts(trained_run, data_licence="CC BY 4.0")
    told["data"]["class_names"] = [str(n) for n in range(25)]
    del told["recipe"]["loss"], told["recipe"]["stages"]["contrastive"]
    card = model_card(told, FILES)
    assert row(card, "25 classes").endswith("19, and 5 more in export.json") and "temperature" not in card
    assert "licence of the data: CC BY 4.0" in card


def test_facts_are_json_and_a_damaged_record_is_refused(trained_run, tmp_path):
    assert json.loads(json.dumps(facts(trained_run)))["recipe"]["stages"]["linear"]["epochs"] == 1
    run = shutil.copytree(trained_run, tmp_path / "run")
    (run / "summary.json").write_text("{")
    with pytest.raises(ValueError, match="not readable as JSON"):
        facts(run)
