"""A run on images with several labels, called as VOC 2007 is: splits, both stages, its measure, its page."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from supcon_tf.data.sets.digits import LocalInfo
from supcon_tf.evaluation.average_precision import mean_average_precision

ROOT = pathlib.Path(__file__).parents[2]
COLOURS = ("red", "green", "blue")


class Voc(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Photographs of their own sizes: a label is a channel that is bright, and one in eight labels is difficult."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="2007")]  # noqa: RUF012, TFDS reads it so

    def _info(self):
        labels = tfds.features.Sequence(tfds.features.ClassLabel(names=COLOURS))
        image = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
        features = {"image": image, "labels": labels, "labels_no_difficult": labels}
        return LocalInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(seed, count) for seed, (name, count) in enumerate(
            {"train": 48, "validation": 16, "test": 40}.items()
        )}  # fmt: skip

    def _generate_examples(self, seed, count):
        random = np.random.default_rng(seed)
        for number in range(count):
            bright, easy = random.random(3) < 0.4, random.random(3) < 0.875
            level = np.where(bright, 170, 60)
            pixels = np.clip(level + random.normal(0, 20, (*random.integers(14, 30, 2), 3)), 0, 255)
            yield (
                number,
                {
                    "image": pixels.astype(np.uint8),
                    "labels": np.flatnonzero(bright),
                    "labels_no_difficult": np.flatnonzero(bright & easy),
                },
            )


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    data_dir = str(tmp_path_factory.mktemp("voc"))
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    Voc(data_dir=data_dir, config="2007").download_and_prepare(download_config=config)
    return data_dir


def run(data_dir, workdir, *flags, module="launch.train", experiment="digits.supcon"):
    command = [sys.executable, "-m", module, f"--experiment={experiment}", "--data.name=voc/2007",
               f"--data_dir={data_dir}", f"--workdir={workdir}", "--data.image_size=16", *flags]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def finished(data_dir, tmp_path_factory):
    """A run of both stages, and its directory."""
    workdir = tmp_path_factory.mktemp("finished") / "run"
    ended = run(data_dir, workdir, "--encoder.width=0.0625", "--contrastive.epochs=12",
                "--contrastive.batch_size=32", "--contrastive.warmup_epochs=0",
                "--contrastive.augment.policy=crop_flip", "--linear.epochs=12", "--linear.batch_size=32",
                "--knn.every=0", "--projection.last_batch_norm=false")  # fmt: skip
    return ended, workdir


@pytest.mark.guard
def test_both_stages_learn_the_labels_and_their_measure_is_average_precision(finished):
    ended, workdir = finished
    assert ended.returncode == 0, ended.stderr[-2000:]
    summary = json.loads((workdir / "summary.json").read_text())
    evaluation = np.load(workdir / "evaluation.npz")
    labels = evaluation["labels"]
    assert summary["test_images"] == 40 and labels.shape == (40, 3) and set(np.unique(labels)) == {-1, 0, 1}
    chance = mean_average_precision(np.zeros(labels.shape), labels)
    found = summary["test_mean_average_precision"]
    assert found > 0.8 > 0.6 > chance
    assert found == pytest.approx(np.mean(evaluation["average_precisions"]))
    assert f"test mAP {found:.2%}" in ended.stdout and "64 training and 40 test images" in ended.stdout
    records = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert records[-1]["test_mean_average_precision"] == pytest.approx(found, abs=1e-6)
    assert records[-1]["loss"] < records[12]["loss"] and all(np.isfinite(record["loss"]) for record in records)
    page = (workdir / "report.html").read_text()
    assert "11-point mAP" in page and "Average precision of each class" in page and "Confusion matrix" not in page


def test_cross_entropy_goes_on_from_the_encoder_of_another_run(data_dir, finished, tmp_path):
    """Fine-tuning, as for the paper's transfer table. Neighbours are asked for, and no stage uses them."""
    tuned = run(data_dir, tmp_path / "run", f"--encoder_from={finished[1]}", "--encoder.width=0.0625",
                "--cross_entropy.epochs=6", "--cross_entropy.batch_size=32", "--knn.every=1",
                experiment="digits.cross_entropy")  # fmt: skip
    assert tuned.returncode == 0, tuned.stderr[-2000:]
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["test_mean_average_precision"] > 0.6 and "the encoder is that of" in tuned.stdout


def test_the_set_is_shown_with_its_labels(data_dir, tmp_path):
    shown = run(data_dir, tmp_path / "look", module="launch.prepare_data")
    assert shown.returncode == 0, shown.stderr[-2000:]
    assert "labels of an image" in shown.stdout and "  green" in shown.stdout
    assert (tmp_path / "look" / "samples.png").exists()


@pytest.mark.parametrize("flag", ["--knn.every=1", "--loss.positives_cap=2", "--data.images_per_class=2"])
def test_what_needs_one_class_is_one_message(data_dir, tmp_path, flag):
    refused = run(data_dir, tmp_path / "run", "--knn.every=0", flag)
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert f"several labels, where one class is needed: set {flag[2:].split('=')[0]}=" in refused.stderr
