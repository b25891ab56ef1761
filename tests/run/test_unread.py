"""Settings without effect are named, each kind of them; the experiments of this repository have none."""

from __future__ import annotations

import dataclasses

import pytest

from launch import catalogue
from supcon_tf import settings
from supcon_tf.config import Augment, Experiment, Loss, Stage
from supcon_tf.names import POLICIES
from supcon_tf.run.unread import READ_BY, unread

ALL = {
    "contrastive": Experiment(contrastive=Stage(epochs=1), linear=Stage(epochs=1)),
    "alone": Experiment(contrastive=Stage(epochs=1)),
    "joint": Experiment(joint=Stage(epochs=1)),
    "cross_entropy": Experiment(cross_entropy=Stage(epochs=1)),
    "linear": Experiment(linear=Stage(epochs=1), encoder_from="runs/x"),
    "triplet": Experiment(contrastive=Stage(epochs=1), loss=Loss(name="triplet_hard")),
    "n_pairs": Experiment(contrastive=Stage(epochs=1), loss=Loss(name="n_pairs")),
}


@pytest.mark.parametrize("name", catalogue.names())
def test_no_experiment_here_has_an_idle_setting(name):
    assert unread(catalogue.load(name)) == []


@pytest.mark.parametrize(
    "kind, changes",
    [
        ("contrastive", {"contrastive.label_smoothing": 0.1}),
        ("contrastive", {"contrastive.evaluate_every": 3}),
        ("contrastive", {"contrastive.rmsprop_epsilon": 0.5}),
        ("contrastive", {"contrastive.epochs_per_decay": 3.0}),
        ("contrastive", {"contrastive.decay_epochs": (1.0,)}),
        ("contrastive", {"contrastive.decayed": ("biases",)}),
        ("contrastive", {"queue.momentum": 0.9}),
        ("contrastive", {"knn.neighbours": 5}),
        ("contrastive", {"tpu": "local"}),
        ("contrastive", {"wait_seconds": 5.0}),
        ("contrastive", {"data.broken_images": "skip"}),
        ("contrastive", {"contrastive.augment.strength": 0.9, "contrastive.augment.policy": "auto_augment"}),
        ("contrastive", {"contrastive.augment.rand_layers": 1}),
        ("contrastive", {"contrastive.augment.crop_area": (0.5, 1.0), "contrastive.augment.policy": "none"}),
        ("contrastive", {"contrastive.augment.jitter": "simclr", "contrastive.augment.strength": 0.0}),
        ("contrastive", {"contrastive.augment.stacked_order": "paper"}),
        ("linear", {"encoder.frozen": ("stem",)}),
        ("linear", {"encoder.weights": "x.h5"}),
        ("alone", {"zero_initialize_classifier": True}),
        ("joint", {"knn.every": 2}),
        ("cross_entropy", {"loss.temperature": 0.5}),
        ("cross_entropy", {"queue.size": 512}),
        ("cross_entropy", {"projection.widths": (64,)}),
        ("cross_entropy", {"data.views": 3}),
        ("linear", {"train.microbatches": 2}),
        ("contrastive", {"loss.margin": 0.2}),
        ("n_pairs", {"loss.margin": 0.2}),
        *(
            ("triplet", {f"loss.{name}": value})
            for name, value in (
                ("temperature", 0.5),
                ("base_temperature", None),
                ("contrast_mode", "one"),
                ("summation_location", "in"),
                ("denominator_mode", "one_positive"),
                ("no_positives", "exclude"),
            )
        ),
        ("contrastive", {"contrastive.angular_margin": 2}),
        ("linear", {"linear.angular_margin": 2}),
        ("cross_entropy", {"cross_entropy.margin_share": 0.5}),
        ("cross_entropy", {"cross_entropy.margin_steps": 5}),
    ],
    ids=str,
)
def test_a_setting_that_nobody_reads_is_named(kind, changes):
    idle = unread(settings.override(ALL[kind], changes))
    assert len(idle) == 1 and idle[0] in changes


@pytest.mark.parametrize(
    "kind, changes",
    [
        ("contrastive", {"linear.label_smoothing": 0.1, "linear.evaluate_every": 3}),
        ("triplet", {"loss.margin": 0.2, "loss.use_labels": False}),
        ("cross_entropy", {"cross_entropy.angular_margin": 2, "cross_entropy.margin_share": 0.5}),
        ("contrastive", {"contrastive.optimizer": "rmsprop", "contrastive.rmsprop_epsilon": 0.5}),
        ("contrastive", {"contrastive.schedule": "exponential", "contrastive.epochs_per_decay": 3.0}),
        ("contrastive", {"contrastive.schedule": "piecewise", "contrastive.decay_epochs": (1.0,)}),
        ("contrastive", {"contrastive.weight_decay": 0.1, "contrastive.decayed": ("biases",)}),
        ("contrastive", {"queue.size": 512, "queue.momentum": 0.9, "knn.every": 1, "knn.neighbours": 5}),
        ("contrastive", {"strategy": "multi_worker", "wait_seconds": 5.0}),
        ("contrastive", {"data.name": "folder:x", "data.broken_images": "skip"}),
        ("contrastive", {"contrastive.augment.strength": 0.0}),
        ("joint", {"loss.temperature": 0.5, "joint.label_smoothing": 0.1, "train.microbatches": 2}),
        ("cross_entropy", {"zero_initialize_classifier": True}),
        ("linear", {"linear.batch_norm": "batch", "encoder.frozen": ("stem",)}),
        ("contrastive", {"encoder.weights": "x.h5", "encoder.frozen": ("stem",)}),
    ],
    ids=str,
)  # fmt: skip
def test_a_setting_that_is_read_is_not(kind, changes):
    assert unread(settings.override(ALL[kind], changes)) == []


def test_of_a_stage_that_is_left_out_nothing_is_said():
    assert unread(Experiment(contrastive=Stage(epochs=1), linear=Stage(batch_size=7))) == []


def test_every_field_of_an_augmentation_has_a_reader():
    actions = {action for actions in POLICIES.values() for action in actions}
    assert set(READ_BY) == actions - {"centre"}
    fields = {field for fields in READ_BY.values() for field in fields} | {"policy", "stacked_order"}
    assert fields == {field.name for field in dataclasses.fields(Augment)}
