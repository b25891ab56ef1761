"""A run on a folder of images as people have them: every kind that is read, and files that are no images."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from tests.data import image_folder

ROOT = pathlib.Path(__file__).parents[2]
LEVELS = {"dark": (0, 90), "light": (165, 255)}  # A difference that grey images and a single pixel have too.
TRAINED, TESTED = len(image_folder.GOOD) + 1, 6  # images of a class


def write(folder: pathlib.Path, levels: tuple[int, int], random: np.random.Generator) -> None:
    """One image of every kind, and one of a single pixel."""
    folder.mkdir(parents=True)
    for mode, name, options in image_folder.GOOD:
        size = (*random.integers(9, 40, 2), 3)
        pixels = random.integers(*levels, size, np.uint8)
        PIL.Image.fromarray(pixels).convert(mode).save(folder / name, **options)
    PIL.Image.new("RGB", (1, 1), (levels[0] + 40,) * 3).save(folder / "pixel.png")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes, and broken files of every kind among those to train on and those to evaluate on."""
    root, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for label, levels in LEVELS.items():
        write(root / "train" / label, levels, random)
        for number in range(TESTED):
            image_folder.write_plain(root / "test" / label, 1, first=levels[0] + 10 * number, size=(9 + number, 12))
    image_folder.write_broken(root / "train" / "dark")
    image_folder.write_broken(root / "test" / "light")
    return root


def train(photos, workdir, *flags):
    command = [sys.executable, "-m", "launch.train", "--experiment=digits.supcon", f"--workdir={workdir}",
               f"--data.name=folder:{photos}", "--data.image_size=16", "--data.views=2", "--encoder.width=0.0625",
               "--contrastive.epochs=20", f"--contrastive.batch_size={TRAINED}", "--contrastive.warmup_epochs=0",
               "--contrastive.augment.policy=sim_augment", "--contrastive.augment.strength=0.1",
               "--linear.epochs=10", f"--linear.batch_size={2 * TRAINED}", "--knn.every=0", *flags]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_broken_files_end_a_run_before_it_trains(photos, tmp_path):
    ended = train(photos, tmp_path / "run")
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert f"has {2 * len(image_folder.BROKEN)} files that cannot be read" in ended.stderr
    assert all(f"train/dark/{name}: " in ended.stderr for name in image_folder.BROKEN)
    assert "data.broken_images=skip" in ended.stderr
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.slow
def test_a_folder_is_trained_on_and_evaluated_without_its_broken_files(photos, tmp_path):
    ended = train(photos, tmp_path / "run", "--data.broken_images=skip")
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert f"skipped {2 * len(image_folder.BROKEN)} files" in ended.stdout
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [records[index]["step"] for index in (19, -1)] == [20 * 2, 10]
    assert all(np.isfinite(record["loss"]) for record in records)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    evaluation = np.load(tmp_path / "run" / "evaluation.npz")
    assert summary["test_images"] == 2 * TESTED == len(evaluation["labels"])
    assert summary["test_accuracy"] > 0.8  # chance is 0.5
    assert "<svg" in (tmp_path / "run" / "report.html").read_text()
