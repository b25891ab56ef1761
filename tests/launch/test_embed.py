"""Embedding from the command line: what `--images` means, and one message for what is wrong."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

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


@pytest.mark.parametrize("flags, message", [
    (["--to=x.npz"], "say which images: --images=folder:PATH"),
    (["--to=x.npz", f"--images={ROOT}/README.md"], "README.md is no folder; name a folder of images, or a TFDS"),
    (["--to=x.npz", "--images=./nowhere"], "./nowhere is no folder"),
    (["--images=digits"], "say where the features go: --to="),
    (["--images=digits", f"--to={ROOT}"], "must name a file that ends in .npz"),
])  # fmt: skip
def test_values_that_mean_nothing_are_refused(flags, message, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    ended = test_flags.run("launch.embed", f"--run={tmp_path}", *flags)
    assert ended.returncode == 2 and message in ended.stderr, ended.stderr


def test_a_path_is_a_folder_and_all_else_a_data_set(tmp_path):
    (tmp_path / "photos").mkdir()
    folders = ["photos", str(tmp_path / "photos"), "folder:photos", "./photos"]
    program = "import sys; from launch import embed; print(*map(embed._set_name, sys.argv[1:]))"  # it defines flags
    ended = subprocess.run(
        [sys.executable, "-c", program, *folders, "imagenet_resized/32x32"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    *found, name = ended.stdout.split()
    assert set(found) == {f"folder:{tmp_path / 'photos'}"} and len(found) == 4 and name == "imagenet_resized/32x32"


@pytest.mark.slow
def test_the_images_of_a_data_set_are_embedded(trained_run, tmp_path):
    line = [sys.executable, "-m", "launch.embed", f"--run={trained_run}", "--images=digits", f"--to={tmp_path}/x.npz"]
    ended = subprocess.run([*line, "--replicas=2"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "539 images as 32 numbers each" in ended.stdout and "tensorboard --logdir=" in ended.stdout
    recorded = np.load(trained_run / "evaluation.npz")
    np.testing.assert_allclose(np.load(tmp_path / "x.npz")["features"], recorded["embeddings"], atol=1e-5)
    assert sorted(os.listdir(tmp_path)) == ["x.npz", "x_projector"]
