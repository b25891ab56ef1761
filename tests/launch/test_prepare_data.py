"""Preparing and checking data from the command line: facts, pictures, and one message for what is wrong."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets as tfds

from launch import prepare_data
from supcon_tf.data.sets.load import load_source
from tests.data import image_folder
from tests.launch import test_flags

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "say where the pictures go: --workdir="),
        (["--workdir=x", "--data.broken_images=drop"], "must be one of fail, skip; got 'drop'"),
        (["--workdir=x", "--data.name=folder:x", "--download"], "nothing to download for 'folder:x'"),
        (["--workdir=x", "--previev"], "no flag is called --previev. Did you mean `preview`?"),
    ],
)
def test_a_wrong_command_ends_before_tensorflow_is_loaded(arguments, message):
    ended = test_flags.run("launch.prepare_data", *arguments)
    assert ended.returncode == 2 and message in ended.stderr and "Traceback" not in ended.stderr


def test_the_transfer_sets_are_listed_without_a_data_set():
    told = test_flags.run("launch.prepare_data", "--transfer_sets").stdout
    assert len(told.splitlines()) == 13 and "11-point mAP" in told and "not in TFDS" in told


@pytest.mark.slow
def test_a_folder_is_checked_and_shown(tmp_path):
    image_folder.write_every_kind(tmp_path / "photos" / "train" / "a")
    image_folder.write_plain(tmp_path / "photos" / "train" / "b", 3)
    image_folder.write_broken(tmp_path / "photos" / "train" / "a")
    command = [sys.executable, "-m", "launch.prepare_data", f"--data.name=folder:{tmp_path / 'photos'}"]
    command += [f"--workdir={tmp_path / 'look'}"]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert all(f"train/a/{name}: " in refused.stderr for name in image_folder.BROKEN)

    command += ["--data.broken_images=skip", "--data.image_size=16", "--preview"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert shown.returncode == 0, shown.stderr
    lines = dict(
        line.split(maxsplit=2)[:2] for line in shown.stdout.splitlines() if line.startswith("  ") and "/" not in line
    )
    assert lines == {"a": str(len(image_folder.GOOD) + 1), "b": "3"}
    assert "skipped 5 files" in shown.stdout and "any size, RGB" in shown.stdout
    sizes = {path.name: PIL.Image.open(path).size for path in (tmp_path / "look").glob("*.png")}
    assert sizes == {
        "samples.png": (8 * 66 + 2, 2 * 66 + 2),
        "views_contrastive.png": (8 * 66 + 2, 10 * 66 + 2),
        "views_linear.png": (8 * 66 + 2, 10 * 66 + 2),
    }


def test_samples_are_the_first_images_of_every_class(tmp_path):
    source = load_source("digits", str(tmp_path))
    numbers = prepare_data._of_every_class(source)
    labels = source.labels("train")
    assert numbers.shape == (10, 8) and np.array_equal(labels[numbers], np.arange(10)[:, None].repeat(8, 1))
    assert "122 to 128, median 126" in prepare_data.facts_table(source)


def test_only_what_is_asked_for_is_downloaded_and_only_once(tmp_path, monkeypatch):
    class Builder:
        def download_and_prepare(self):
            os.makedirs(tmp_path / "cifar10" / "3.0.2")
            (tmp_path / "cifar10" / "3.0.2" / "dataset_info.json").write_text("{}")

    asked = []
    monkeypatch.setattr(tfds, "builder", lambda name, data_dir: asked.append((name, data_dir)) or Builder())
    for _ in range(2):
        prepare_data.download("cifar10", str(tmp_path))
    assert asked == [("cifar10", str(tmp_path))]


def test_a_download_that_fails_is_one_message(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("Failed to resolve host\nand so on")

    monkeypatch.setattr(tfds, "builder", unreachable)
    with pytest.raises(ValueError, match=r"TFDS could not prepare 'cifar10' in .*: Failed to resolve host$"):
        prepare_data.download("cifar10", str(tmp_path))
