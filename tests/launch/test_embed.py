"""Embedding from the command line: what `--images` means, and one message for what is wrong."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from launch import embed
from tests.launch import test_flags

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "say whose encoder: --run="),
        (["--run=tests", "--images=digits", "--to=x.npz"], "tests holds no run: it has no config.json"),
        (["--run=RUN", "--images=digits", "--to=x.csv"], "must name a file that ends in .npz"),
        (["--run=RUN", "--split=validation"], "value should be one of <train|test|all>"),
        (["--run=RUN", "--image=x"], "no flag is called --image. Did you mean `images`?"),
    ],
)
def test_a_wrong_command_ends_before_tensorflow_is_loaded(arguments, message, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    ended = test_flags.run("launch.embed", *[text.replace("RUN", str(tmp_path)) for text in arguments])
    assert ended.returncode == 2 and message in ended.stderr and "Traceback" not in ended.stderr, ended.stderr


@pytest.mark.parametrize("read, text, message", [
    (embed._set_name, "", "say which images: --images=folder:PATH"),
    (embed._set_name, str(ROOT / "README.md"), "README.md is no folder; name a folder of images, or a TFDS data set"),
    (embed._set_name, "./nowhere", "./nowhere is no folder"),
    (embed._place, "", "say where the features go: --to="),
    (embed._place, str(ROOT), "must name a file that ends in .npz"),
])  # fmt: skip
def test_values_that_mean_nothing_are_refused(read, text, message):
    with pytest.raises(ValueError, match=message):
        read(text)


def test_a_path_is_a_folder_and_all_else_a_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for text in ("photos", str(tmp_path / "photos"), "folder:photos", "./photos"):
        assert embed._set_name(text) == f"folder:{tmp_path / 'photos'}"
    assert embed._set_name("imagenet_resized/32x32") == "imagenet_resized/32x32"


@pytest.mark.slow
def test_the_images_of_a_data_set_are_embedded(trained_run, tmp_path):
    line = [sys.executable, "-m", "launch.embed", f"--run={trained_run}", "--images=digits", f"--to={tmp_path}/x.npz"]
    ended = subprocess.run([*line, "--replicas=2"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "539 images as 32 numbers each" in ended.stdout and "tensorboard --logdir=" in ended.stdout
    recorded = np.load(trained_run / "evaluation.npz")
    np.testing.assert_allclose(np.load(tmp_path / "x.npz")["features"], recorded["embeddings"], atol=1e-5)
    assert sorted(os.listdir(tmp_path)) == ["x.npz", "x_projector"]
