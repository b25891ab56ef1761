"""The authors' scripts as experiments: rates, steps and networks of their table, and a real step of each stage."""

from __future__ import annotations

import importlib
import json
import re

import numpy as np
import pytest
import tensorflow_datasets as tfds

from launch import catalogue
from supcon_tf import settings
from supcon_tf.config import Projection
from supcon_tf.data.sets import digits
from supcon_tf.optim.schedules import scaled_learning_rate
from supcon_tf.run.experiment import run_experiment
from supcon_tf.training.duration import Duration

OURS = ("_small", "_small_short", "_quick", "_tiny")  # no script of the authors
IMAGES = {"imagenet2012": 1_281_167, "cifar10": 50_000}

# Encoder; peak learning rate of each stage; steps after each stage as the authors' code counts them, rounded down.
TABLE = {
    "imagenet.supcon_resnet50": ("resnet50", (9.6, 1.2), (72_983, 91_750)),
    "imagenet.supcon_resnet101": ("resnet101", (4.8, 0.8), (109_474, 137_625)),
    "imagenet.supcon_resnet101_stacked": ("resnet101", (4.8, 0.8), (109_474, 137_625)),
    "imagenet.supcon_resnet200": ("resnet200", (3.2, 0.8), (218_949, 247_100)),
    "imagenet.supcon_memory_resnet50": ("resnet50", (0.03, 30.0), (1_000_911, 1_501_367)),
    "imagenet.simclr_resnet50": ("resnet50", (7.2, 2.4), (20_852, 39_619)),
    "imagenet.cross_entropy_resnet50": ("resnet50", (2.4,), (41_704,)),
    "imagenet.cross_entropy_resnet200": ("resnet200", (1.6,), (218_949,)),
    "imagenet.joint_resnet50": ("resnet50", (9.6,), (72_983,)),
    "imagenet.classifier_resnet50": ("resnet50", (2.4,), (18_767,)),
    "cifar10.supcon_resnet50": ("resnet50", (2.0, 40.0), (12_207, 13_427)),
    "cifar10.simclr_resnet50": ("resnet50", (2.0, 1.0), (19_531, 23_925)),
    "cifar10.cross_entropy_resnet50": ("resnet50", (0.4,), (48_828,)),
}
# Stages: optimizer, schedule, epochs, warm-up, weight decay; then temperature, policy and label smoothing of the last.
RECIPES = {
    "imagenet.supcon_resnet50": (
        "lars cosine 350 12 0.001", "rmsprop exponential 90 12 1e-06", 0.1, "auto_augment", 0.05,
    ),
    "imagenet.supcon_resnet101": (
        "lars cosine 350 12 0.0001", "rmsprop exponential 90 12 1e-06", 0.1, "auto_augment", 0.05,
    ),
    "imagenet.supcon_resnet101_stacked": (
        "lars cosine 350 12 0.0001", "rmsprop exponential 90 12 1e-06", 0.1, "stacked_rand_augment", 0.05,
    ),
    "imagenet.supcon_resnet200": (
        "lars cosine 700 12 0.0001", "rmsprop exponential 90 12 1e-06", 0.1, "stacked_rand_augment", 0.05,
    ),
    "imagenet.supcon_memory_resnet50": (
        "momentum cosine 200 0 0.0001", "momentum piecewise 100 0 0", 0.07, "sim_augment", "crop_flip", 0.0
    ),
    "imagenet.simclr_resnet50": ("lars cosine 100 12 0.0001", "nesterov cosine 90 12 1e-06", 0.1, "sim_augment", 0.05),
    "imagenet.cross_entropy_resnet50": ("nesterov cosine 200 12 0.0001", 0.1, "auto_augment", 0.05),
    "imagenet.cross_entropy_resnet200": ("nesterov cosine 700 12 0.0001", 0.1, "stacked_rand_augment", 0.05),
    "imagenet.joint_resnet50": ("lars cosine 350 12 0.001", 0.1, "auto_augment", 0.05),
    "imagenet.classifier_resnet50": ("nesterov cosine 90 12 1e-06", 0.1, "sim_augment", 0.05),
    "cifar10.supcon_resnet50": ("momentum cosine 1000 10 0.0001", "momentum piecewise 100 0 0", 0.1, "sim_augment", 0),
    "cifar10.simclr_resnet50": ("momentum cosine 400 10 0.0001", "momentum cosine 90 0 0", 0.5, "sim_augment", 0),
    "cifar10.cross_entropy_resnet50": ("nesterov cosine 1000 12 0.0005", 0.1, "sim_augment", 0),
}  # fmt: skip


def test_the_tables_have_every_script():
    scripts = {
        name for name in catalogue.names() if name.startswith(("imagenet.", "cifar10.")) and not name.endswith(OURS)
    }
    assert scripts == set(TABLE) == set(RECIPES)


@pytest.mark.parametrize("name", TABLE)
def test_rates_and_steps_are_those_of_the_script(name):
    """A stage ends with the step that completes its last epoch: one more than the authors', who round down."""
    encoder, rates, steps = TABLE[name]
    experiment = catalogue.load(name)
    stages, images = list(experiment.stages.values()), IMAGES[experiment.data.name]
    assert experiment.encoder.name == encoder
    peaks = [scaled_learning_rate(stage.base_learning_rate, stage.batch_size) for stage in stages]
    assert peaks == pytest.approx(list(rates))
    durations = [Duration(stage.epochs, images, stage.batch_size) for stage in stages]
    done = np.cumsum([stage.epochs * duration.steps_per_epoch for stage, duration in zip(stages, durations)])
    assert tuple(done.astype(int)) == steps
    total = sum(duration.total_steps for duration in durations)
    assert 0 <= total - steps[-1] <= len(stages)
    assert f"{total:,} steps of {stages[0].batch_size:,} images" in re.sub(r"\s+", " ", header(name))


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_those_of_the_script(name):
    experiment = catalogue.load(name)
    stages = [
        f"{stage.optimizer} {stage.schedule} {stage.epochs} {stage.warmup_epochs:g} {stage.weight_decay:g}"
        for stage in experiment.stages.values()
    ]
    last = list(experiment.stages.values())[-1]
    policies = dict.fromkeys(stage.augment.policy for stage in experiment.stages.values())
    memory = experiment.queue.size > 0  # after MoCo, where all weights decay and features keep their length
    decayed = ("kernels", "biases", "batch_norm") if memory else ("kernels", "biases")
    assert all(stage.decayed == decayed for stage in experiment.stages.values() if stage.weight_decay)
    assert (*stages, experiment.loss.temperature, *policies, last.label_smoothing) == RECIPES[name]
    supervised = name.split(".")[1].startswith(("supcon", "joint"))
    assert experiment.loss.use_labels == ("simclr" not in name)
    assert experiment.encoder.normalize_features == (
        experiment.data.name == "imagenet2012" and (supervised or "classifier" in name) and not memory
    )
    assert experiment.encoder.stem == ("image" if experiment.data.name == "imagenet2012" else "small_image")


# What the authors' scripts have of what came after them; a new setting whose default changes a script stands out here.
HEADS = {
    "imagenet.simclr_resnet50": ((2048, 2048, 128), True),
    "cifar10.simclr_resnet50": ((2048, 2048, 128), True),
    "cifar10.supcon_resnet50": ((2048, 128), False),
    "imagenet.supcon_memory_resnet50": ((2048, 128), False),
}


@pytest.mark.parametrize("name", TABLE)
def test_heads_are_those_of_the_script(name):
    """Kernels of a hundredth; batch norm between layers in SimCLR alone, after the last nowhere. Absent, it is so."""
    head = catalogue.load(name).projection
    if "cross_entropy" in name or "classifier" in name:
        assert head == Projection()
        return
    widths, batch_norm = HEADS.get(name, ((128,), False))
    assert head == Projection(widths=widths, batch_norm=batch_norm, last_batch_norm=False, kernels="small")
    written = json.loads(settings.to_json(head))
    del written["last_batch_norm"], written["kernels"]  # as an older version wrote it
    assert settings.from_json(Projection, written) == head and settings.differences(written, head) == {}


def test_experiments_of_our_own_start_spread():
    """But for the recorded run of 25 epochs, which is as it was."""
    for name in ("digits.supcon", "cifar10.supcon_small_short"):
        assert catalogue.load(name).projection.last_batch_norm
    assert not catalogue.load("cifar10.supcon_small").projection.last_batch_norm


def header(name):
    return importlib.import_module(f"experiments.{name}").__doc__


class _Photos(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Sixteen images of noise to train on, four to test; of sizes that differ, as ImageNet's do."""

    VERSION = tfds.core.Version("1.0.0")
    test_split, side = "validation", None

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(self.side, self.side, 3), dtype=np.uint8),
            "label": tfds.features.ClassLabel(num_classes=10),
        }
        return digits.LocalInfo(
            builder=self, features=tfds.features.FeaturesDict(features), supervised_keys=("image", "label"),
            disable_shuffling=True,
        )  # fmt: skip

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(16), self.test_split: self._generate_examples(4)}

    def _generate_examples(self, count):
        random = np.random.default_rng(count)
        for number in range(count):
            side = self.side or 40 + number
            yield number, {"image": random.integers(0, 256, (side, side, 3), np.uint8), "label": number % 10}


class PhotosAsImagenet2012(_Photos):
    """Stands for ImageNet. A name of TFDS's own would keep TFDS from naming its sets in the same process."""


class PhotosAsCifar10(_Photos):
    """Stands for CIFAR-10."""

    test_split, side = "test", 32


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("photos")
    for builder in (PhotosAsImagenet2012, PhotosAsCifar10):
        builder(data_dir=str(directory)).download_and_prepare(
            download_config=tfds.download.DownloadConfig(try_download_gcs=False)
        )
        (directory / builder.name).rename(directory / builder.name.removeprefix("photos_as_"))
    return str(directory)


def small(name, **fields):
    """The experiment on 16 images: one epoch of one step a stage, thin networks, images of 32 pixels."""
    experiment = catalogue.load(name)
    cut = {
        "encoder.width": 0.0625,
        "projection.widths": (8,) * len(experiment.projection.widths),
        "strategy": "one_device",
        "precision": "float32",  # TensorFlow 2.15 has died of an illegal instruction in bfloat16 on some CPUs with AMX
        "encoder_from": "",
    }
    if experiment.data.image_size:
        cut.update({"data.image_size": 32, "data.evaluation_padding": 4})
    if experiment.queue.size:
        cut["queue.size"] = 24
    for stage in experiment.stages:
        cut.update({f"{stage}.epochs": 1, f"{stage}.warmup_epochs": 0.0, f"{stage}.batch_size": 16})
    return settings.override(experiment, {**cut, **fields})


def assert_steps(name, directory, data_dir, **fields):
    """Every stage does its one step, the result is finite, and the classifier is evaluated."""
    experiment = small(name, **fields)
    summary = run_experiment(experiment, directory, data_dir=data_dir, write_report=False)
    assert summary["test_images"] == 4 and 0 <= summary["test_accuracy"] <= 1
    assert set(summary["seconds"]) == set(experiment.stages)


@pytest.mark.slow
def test_a_small_imagenet_experiment_steps(data_dir, tmp_path):
    """A smaller encoder than its own, and one stage: it is the others' fast stand-in."""
    assert_steps("imagenet.cross_entropy_resnet50", tmp_path, data_dir, **{"encoder.name": "resnet18"})


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TABLE if name != "imagenet.classifier_resnet50"])
def test_every_experiment_steps(name, data_dir, tmp_path):
    assert_steps(name, tmp_path, data_dir)


@pytest.mark.slow
def test_the_classifier_steps_on_the_encoder_of_another_experiment(data_dir, tmp_path):
    assert_steps("imagenet.supcon_resnet50", tmp_path / "first", data_dir)
    assert_steps("imagenet.classifier_resnet50", tmp_path / "second", data_dir, encoder_from=str(tmp_path / "first"))
