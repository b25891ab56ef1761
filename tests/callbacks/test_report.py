"""The page of a `fit`, and what is left of it after an interruption."""

from __future__ import annotations

import html
import json
import logging
import os
import random
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.callbacks.embedding_map import EmbeddingMap
from supcon_tf.callbacks.knn_accuracy import KNNAccuracy
from supcon_tf.callbacks.report import Report
from tests import kernels
from tests.callbacks.fits import SPLIT, encoder_and_model, fit


def lines(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_the_page_has_a_chart_for_each_number(tmp_path):
    encoder, model = encoder_and_model()
    history = fit(model, KNNAccuracy(SPLIT, SPLIT, neighbours=5, encoder=encoder), Report(tmp_path, "My <fit>"))
    page = (tmp_path / "report.html").read_text()
    assert "My &lt;fit&gt;" in page and page.count("<figure>") == 2 and "val_knn_accuracy" in page
    assert [line["loss"] for line in lines(tmp_path)] == pytest.approx(history["loss"])


class Stops(tf.keras.callbacks.Callback):
    """Ends the process' `fit` in an epoch, as a power cut would."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise InterruptedError


@pytest.mark.slow
def test_a_fit_that_is_backed_up_and_restored_has_each_epoch_once(tmp_path):
    """Killed in its fourth epoch, and begun again."""
    for end in ([Stops()], []):
        _, model = encoder_and_model()
        model(tf.zeros([1, 2, 6]))
        callbacks = [Report(tmp_path / "r"), tf.keras.callbacks.BackupAndRestore(tmp_path / "b"), *end]
        try:
            fit(model, *callbacks, epochs=5)
        except InterruptedError:
            assert [line["epoch"] for line in lines(tmp_path / "r")] == [1, 2, 3]
    assert [line["epoch"] for line in lines(tmp_path / "r")] == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_an_epoch_that_runs_again_replaces_its_line(tmp_path):
    _, model = encoder_and_model()
    fit(model, Report(tmp_path), epochs=3)
    first = lines(tmp_path)
    fit(model, Report(tmp_path), epochs=3, initial_epoch=1)
    second = lines(tmp_path)
    assert [line["epoch"] for line in second] == [1, 2, 3] and second[0] == first[0] and second[1] != first[1]


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "history.jsonl").write_text("[1]\n")
    with pytest.raises(ValueError, match="a folder of its own"):
        fit(encoder_and_model()[1], Report(tmp_path))


def test_a_notebook_shows_the_page_in_the_cell_of_the_fit(tmp_path, monkeypatch):
    cell = kernels.start(monkeypatch)
    fit(encoder_and_model()[1], Report(tmp_path), epochs=2)
    (shown,) = cell.outputs
    assert html.escape((tmp_path / "report.html").read_text()) in shown and "Epoch 2" in shown


def surroundings():
    """Of the process: precision, random state, warnings, logging, environment, output."""
    return {
        "policy": tf.keras.mixed_precision.global_policy().name,
        "python": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),
        "tensorflow": float(tf.random.uniform([])),
        "warnings": list(warnings.filters),
        "logging": (logging.root.level, list(logging.root.handlers), tf.get_logger().level),
        "environment": dict(os.environ),
        "output": (sys.stdout, sys.stderr, sys.displayhook),
        "pyplot": "matplotlib.pyplot" in sys.modules,
    }


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [False, True])
def test_a_fit_with_callbacks_changes_nothing_but_its_files(kernel, tmp_path, monkeypatch):
    """Random numbers and weights afterwards are those of a fit without them."""
    kernels.start(monkeypatch, kernel=kernel)
    found = []
    for with_callbacks in (True, False):
        tf.keras.utils.set_random_seed(1)
        encoder, model = encoder_and_model()
        callbacks = [
            KNNAccuracy(SPLIT, SPLIT, neighbours=5, encoder=encoder),
            EmbeddingMap(tmp_path / "maps", SPLIT, encoder=encoder),
            Report(tmp_path / "report"),
        ]
        fit(model, *(callbacks if with_callbacks else []))
        found.append((surroundings(), [weights.tolist() for weights in model.get_weights()]))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])
