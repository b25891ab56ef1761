"""Features of any images are those that the run would have of them, each once, in order, with the names of files."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from supcon_tf.config import Data
from supcon_tf.records.directory import RunDirectory
from supcon_tf.run import embedding as module
from supcon_tf.run.embedding import embedded, save_embedded
from supcon_tf.run.restored import restored
from tests.data import image_folder
from tests.run.conftest import in_colours


def of(run, split="test", name="digits", strategy=None, change=lambda trained: trained):
    strategy = strategy or tf.distribute.get_strategy()
    trained = change(restored(RunDirectory(run), strategy))
    return embedded(trained, Data(name=name), split, data_dir=str(run / "data"), strategy=strategy), trained


def test_they_are_what_the_run_recorded_and_all_is_both_splits(trained_run):
    found, _ = of(trained_run, "all")
    recorded = np.load(trained_run / "evaluation.npz")
    assert found.features.shape == (1797, 32) and found.features.dtype == np.float32 and found.files is None
    np.testing.assert_allclose(found.features[1258:], recorded["embeddings"], atol=1e-5)
    np.testing.assert_array_equal(found.labels[1258:], recorded["labels"])
    assert found.splits.tolist() == ["train"] * 1258 + ["test"] * 539 and found.class_names == tuple("0123456789")
    assert found.made["checkpoint"] == "linear/step-2"


@pytest.mark.slow
@pytest.mark.two_replicas_required
def test_two_replicas_give_the_same(trained_run, two_replicas):
    alone, together = of(trained_run)[0], of(trained_run, strategy=two_replicas)[0]
    np.testing.assert_allclose(together.features, alone.features, atol=1e-6)
    np.testing.assert_array_equal(together.labels, alone.labels)


@pytest.mark.slow
def test_a_folder_has_names_and_every_row_is_of_its_file(trained_run, tmp_path):
    for first, place in ((0, "cat"), (100, "dog")):
        image_folder.write_plain(tmp_path / "photos" / place, 6, first=first, size=(12, 9))
    found, trained = of(trained_run, "all", f"folder:{tmp_path / 'photos'}", change=in_colours)
    assert len(found.files) == 12 and found.class_names == ("cat", "dog")
    assert sorted(found.files) == sorted(f"{p}/{n + f:03}.png" for p, f in (("cat", 0), ("dog", 100)) for n in range(6))
    for row, label, name in zip(found.features, found.labels, found.files):
        assert found.class_names[label] == name.split("/")[0]
        value = np.float32(int(name[4:7]) / 255)
        white = (value - np.array(trained.image["mean"])) / trained.image["std"]
        white = tf.broadcast_to(tf.constant(white, tf.float32), [1, 8, 8, 3])
        np.testing.assert_allclose(row, trained.networks.features(white, training=False)[0], atol=1e-5)


@pytest.mark.slow
def test_images_without_labels_have_minus_one(trained_run, tmp_path):
    image_folder.write_plain(tmp_path / "photos", 6, size=(8, 8))
    found, _ = of(trained_run, "all", f"folder:{tmp_path / 'photos'}", change=in_colours)
    assert found.labels.tolist() == [-1] * 6 and len(set(found.files)) == 6
    save_embedded(found, tmp_path / "photos.npz")
    head, first, *_ = (tmp_path / "photos_projector" / "metadata.tsv").read_text().splitlines()
    assert (head, first) == ("label\tsplit\tfile", "-\ttrain\t000.png")


def test_the_files_are_read_again(trained_run, tmp_path):
    found, _ = of(trained_run)
    path = tmp_path / "deep" / "features.npz"
    assert save_embedded(found, path) == tmp_path / "deep" / "features_projector"
    kept = np.load(path)
    np.testing.assert_array_equal(kept["features"], found.features)
    assert kept["class_names"].tolist() == list("0123456789") and "files" not in kept
    assert json.loads(str(kept["made"]))["fingerprint"] == "digits/1.0.0 train=1258 test=539"
    lines = (tmp_path / "deep" / "features_projector" / "metadata.tsv").read_text().splitlines()
    assert len(lines) == 540 and lines[1] == f"{found.labels[0]}\ttest"


def test_label_sets_are_told_by_their_names(trained_run):
    found, _ = of(trained_run)
    sets = found._replace(labels=np.array([[1.0, -1, 1], [0, 0, 0]], np.float32), class_names=("a", "b", "c"))
    assert module._label_texts(sets) == ["a, c", ""]


def test_a_full_disk_is_told(trained_run, tmp_path, monkeypatch):
    found, _ = of(trained_run)

    def full(path, arrays):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "replace_arrays", full)
    with pytest.raises(OSError, match="the features could not be written \\(No space left") as raised:
        save_embedded(found, tmp_path / "x.npz")
    assert raised.value.errno == errno.ENOSPC


def test_what_does_not_fit_is_refused(trained_run, tmp_path):
    (tmp_path / "photos").mkdir()
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "one.png")
    with pytest.raises(ValueError, match="have 3 channels; the run's networks take 1"):
        of(trained_run, "all", f"folder:{tmp_path / 'photos'}")
    with pytest.raises(ValueError, match="has no split 'test'; it has 'train'"):
        of(trained_run, "test", f"folder:{tmp_path / 'photos'}", change=in_colours)
