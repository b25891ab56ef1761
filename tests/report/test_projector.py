"""TensorBoard reads the projector's files, and never points with the labels of others."""

from __future__ import annotations

import os

import numpy as np
import pytest

from supcon_tf.report import projector
from supcon_tf.report.projector import write_projector


def test_tensorboard_finds_the_points(tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    features = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    write_projector(tmp_path / "points", features, {"label": list("abcde"), "file": [f"{n}.png" for n in range(5)]})
    config = text_format.Parse((tmp_path / "points" / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (points,) = config.embeddings
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "points" / points.tensor_path, dtype=np.float32), features)
    lines = (tmp_path / "points" / points.metadata_path).read_text().splitlines()
    assert lines[0] == "label\tfile" and lines[5] == "e\t4.png" and len(lines) == 6


def test_large_sets_are_written_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(projector, "_ROWS", 2)
    write_projector(tmp_path, np.eye(5), {"label": list("abcde")})
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "tensors.tsv"), np.eye(5))
    assert (tmp_path / "metadata.tsv").read_text() == "a\nb\nc\nd\ne\n"  # one column has no head


def test_odd_names_stay_in_their_place(tmp_path):
    names = ["a\tb", "a\nb", "", os.fsdecode(b"caf\xe9")]
    write_projector(tmp_path, np.eye(4), {"label": names, "n": list("1234")})
    lines = (tmp_path / "metadata.tsv").read_text().splitlines()
    assert lines == ["label\tn", "a\\tb\t1", "a\\nb\t2", "-\t3", "caf\\xe9\t4"]


def test_an_interruption_leaves_nothing_that_is_shown(tmp_path, monkeypatch):
    write_projector(tmp_path, np.eye(2), {"label": ["a", "b"]})

    def interrupt(path, text):
        raise KeyboardInterrupt

    monkeypatch.setattr(projector, "replace_text", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_projector(tmp_path, np.zeros([2, 2]), {"label": ["c", "d"]})
    assert not (tmp_path / "projector_config.pbtxt").exists()


def test_a_short_column_is_refused(tmp_path):
    with pytest.raises(ValueError, match="column 'label' must have a text for each of 2 rows; got 1"):
        write_projector(tmp_path, np.eye(2), {"label": ["a"]})
    assert list(tmp_path.iterdir()) == []
