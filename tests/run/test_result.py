"""What a run leaves to look at, from answers that are known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from supcon_tf.augment.evaluation_crops import evaluation_crop
from supcon_tf.augment.policies import policy
from supcon_tf.augment.views import several
from supcon_tf.data.sets.load import load_source
from supcon_tf.records.directory import RunDirectory
from supcon_tf.run import result
from tests.tiny import tiny_networks


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return load_source("digits", str(tmp_path_factory.mktemp("data")))


@pytest.fixture
def embedded(source):
    """Answers to the test split: right but for images 1 and 4."""
    labels = source.labels("test")
    logits = np.eye(10, dtype=np.float32)[labels]
    logits[[1, 4]] = np.roll(logits[[1, 4]], 1, axis=1)
    return {"labels": labels, "logits": logits, "embeddings": np.zeros([len(labels), 3], np.float32)}


def save(directory, embedded, source, classified=True):
    views = several(policy("crop_flip", size=8))
    result.save_evaluation(
        directory, embedded, source, crop=evaluation_crop(size=8), views=views, seed=0, classified=classified
    )
    return np.load(directory.evaluation)


def test_mistakes_are_kept_with_their_pictures(tmp_path, embedded, source):
    saved = save(RunDirectory(tmp_path), embedded, source)
    assert saved["mistakes"].shape == (2, 8, 8, 1)
    np.testing.assert_array_equal(saved["mistake_labels"], embedded["labels"][[1, 4]])
    np.testing.assert_array_equal(saved["mistake_predictions"], (embedded["labels"][[1, 4]] + 1) % 10)
    stored = source.arrays("test")[0][[1, 4]] / 255
    np.testing.assert_allclose(saved["mistakes"], stored, atol=1e-6)
    assert saved["views"].shape == (result.PICTURED, 2, 8, 8, 1)


def test_where_nobody_trained_the_classifier_nothing_is_said_of_it(tmp_path, embedded, source):
    assert not {"predictions", "mistakes"} & set(save(RunDirectory(tmp_path), embedded, source, classified=False))


def test_the_summary_has_the_measures_the_sizes_and_the_time(tmp_path, embedded):
    directory, parts = RunDirectory(tmp_path), tiny_networks().parts()
    lines = [{"stage": "linear", "epoch": epoch, "step": epoch, "seconds": 1.5} for epoch in (1, 2)]
    directory.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = result.measured(directory, embedded, parts, classified=True)
    assert found["test_accuracy"] == pytest.approx(1 - 2 / 539) and found["seconds"] == {"linear": 3.0}
    assert found["test_images"] == 539
    assert found["parameters"]["classifier"] == 16 * 3 + 3
    assert result.measured(directory, embedded, parts, classified=False)["test_accuracy"] is None
