"""All callbacks at once in any `fit`: cut and continued, in mixed precision, on two replicas."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

import supcon_tf as sc
from tests.callbacks.fits import LABELS, SPLIT, encoder_and_model, fit

pytestmark = pytest.mark.slow


def all_of(folder, encoder):
    """One of each; those that look at features look at the encoder."""
    views = np.stack([SPLIT[0], SPLIT[0]], 1)
    return [
        sc.callbacks.KNNAccuracy(SPLIT, SPLIT, neighbours=5, encoder=encoder),
        sc.callbacks.CollapseWarning((views[:12], LABELS[:12])),
        sc.callbacks.ProjectorLog(folder / "projector", SPLIT, encoder=encoder),
        sc.callbacks.EmbeddingMap(folder / "maps", SPLIT, encoder=encoder),
        sc.callbacks.Report(folder / "report"),
    ]


def left(folder):
    """What they have left: the lines of the report, and the shape of the projector's tensor."""
    lines = [json.loads(line) for line in (folder / "report/history.jsonl").read_text().splitlines()]
    assert "<svg" in (folder / "report/report.html").read_text()
    assert any("<svg" in page.read_text() for page in (folder / "maps").glob("*.html"))
    return lines, len(list((folder / "projector").glob("*metadata*")))


class Stops(tf.keras.callbacks.Callback):
    """Ends a `fit` in its fourth epoch, as a power cut would."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise InterruptedError


@pytest.mark.guard
def test_a_fit_that_was_cut_shows_what_one_that_was_not_shows(tmp_path):
    """Every number of every epoch, with `BackupAndRestore`."""

    def fitted(folder, *others):
        encoder, model = encoder_and_model(start=tf.keras.initializers.GlorotUniform(1))
        fit(model, *all_of(folder, encoder), *others, epochs=5, shuffle=False)
        return left(folder)

    backup = tmp_path / "backup"
    with pytest.raises(InterruptedError):
        fitted(tmp_path / "cut", tf.keras.callbacks.BackupAndRestore(backup), Stops())
    found, projectors = fitted(tmp_path / "cut", tf.keras.callbacks.BackupAndRestore(backup))
    expected, _ = fitted(tmp_path / "whole")
    assert [line["epoch"] for line in found] == [1, 2, 3, 4, 5] and projectors == 1
    for line, wanted in zip(found, expected):
        assert line == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_in_mixed_precision_they_look_at_half_features_in_float32(policy, tmp_path):
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        encoder, model = encoder_and_model()
        assert encoder(SPLIT[0]).dtype == policy.removeprefix("mixed_")
        callbacks = all_of(tmp_path, encoder)
        history = fit(model, *callbacks, epochs=2)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    lines, projectors = left(tmp_path)
    features = encoder(SPLIT[0]).numpy().astype("float32")
    expected = sc.evaluation.nearest_neighbours(
        tf.identity, (features, LABELS), (features, LABELS), neighbours=5, temperature=0.1
    )
    assert history["val_knn_accuracy"][-1] == pytest.approx(expected["top1"]) and projectors == 1
    assert len(lines) == 2 and all(np.isfinite(list(line.values())).all() for line in lines)


@pytest.mark.two_replicas_required
@pytest.mark.guard
def test_two_replicas_show_what_one_device_shows(two_replicas, tmp_path):
    def fitted(folder, scope):
        with scope:
            encoder, model = encoder_and_model(start=tf.keras.initializers.GlorotUniform(1))
        fit(model, *all_of(folder, encoder), epochs=3, shuffle=False)
        return left(folder)

    found, projectors = fitted(tmp_path / "two", two_replicas.scope())
    expected, _ = fitted(tmp_path / "one", tf.distribute.get_strategy().scope())
    assert projectors == 1 and len(found) == 3
    for line, wanted in zip(found, expected):
        assert line == pytest.approx(wanted, rel=1e-4)
