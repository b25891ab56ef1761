"""The experiment's own rules: which stages go together, and what must divide what."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import pytest

from supcon_tf import settings
from supcon_tf.config import Augment, Data, Experiment, Loss, Model, Projection, Stage

CONTRASTIVE = Experiment(contrastive=Stage(epochs=2))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"contrastive.epochs": 0}, "an experiment needs a stage"),
        ({"cross_entropy.epochs": 1}, "two ways to train one encoder"),
        ({"joint.epochs": 1}, "`contrastive` and `joint` both have epochs; they are two ways to train one encoder"),
        ({"contrastive.epochs": 0, "joint.epochs": 1, "linear.epochs": 1}, "`linear` trains on the encoder of the"),
        ({"contrastive.epochs": 0, "linear.epochs": 1}, "on the encoder of another run: set `encoder_from`"),
        (
            {"contrastive.epochs": 0, "joint.epochs": 1, "linear.epochs": 1, "encoder_from": "runs/x"},
            "set `encoder_from`, and no other stage",
        ),
        ({"contrastive.epochs": 0, "joint.epochs": 1, "joint.batch_size": 1}, "`joint.batch_size` must be at least 2"),
        ({"contrastive.decayed": ("bias",)}, "must be one of kernels, biases, batch_norm; got 'bias'"),
        ({"contrastive.epochs": 0, "linear.epochs": 1}, "`linear` trains on the encoder of the contrastive stage"),
        ({"replicas": 2}, "`strategy=one_device` has 1 replica; got replicas=2. Set `strategy=mirrored`"),
        ({"strategy": "mirrored", "replicas": 3}, "must be divisible by the 3 replicas; got 256"),
        (
            {"train.microbatches": 3},
            "`contrastive.batch_size` must be divisible by the 1 replica times 3 micro-batches",
        ),
        ({"loss.positives_cap": 3}, "must be a multiple of data.views=2; got 3"),
        (
            {"contrastive.warmup_epochs": 2.0},
            "`contrastive.warmup_epochs` must be fewer than the 2 epochs of the stage; got 2",
        ),
        (
            {"contrastive.augment.crop_area": (0.9, 0.1)},
            "`contrastive.augment.crop_area` must be (smallest, largest); got",
        ),
        (
            {"data.images_per_class": 3},
            "`contrastive.batch_size` must be a multiple of data.images_per_class=3; got 256",
        ),
        ({"data.views": 1, "loss.use_labels": False}, "leaves none: set data.views=2"),
        ({"data.views": 1, "loss.positives_cap": 0}, "leaves none: set data.views=2"),
        (
            {"contrastive.batch_size": 1},
            "`contrastive.batch_size` must be at least 2: the views of a single image have",
        ),
        ({"projection.widths": (8, 1)}, "the last of `projection.widths` must be at least 2"),
        ({"queue.size": 255}, "`queue.size` must be 0, or at least contrastive.batch_size=256"),
        ({"queue.size": 256, "loss.positives_cap": 4}, "`loss.positives_cap` counts images of the batch, so it has no"),
        ({"seed": 2**32}, "must be at most 4294967295"),
        ({"projection.widths": ()}, "must name at least one layer"),
        ({"loss.temperature": 0.0}, "must be at least 0.001; got 0.0"),
        ({"loss.name": "triplet"}, "Did you mean 'triplet_hard'?"),
        ({"loss.margin": 0.0}, "must be above 0.0; got 0.0"),
        ({"loss.name": "pair_margin", "queue.size": 256}, "`loss.name=pair_margin` compares all images of the batch"),
        ({"loss.name": "triplet_hard", "loss.positives_cap": 2}, "set queue.size=0 and loss.positives_cap=none"),
        (
            {"loss.name": "n_pairs", "data.views": 3},
            "`loss.name=n_pairs` pairs the 2 views of an image: set data.views",
        ),
        ({"cross_entropy.angular_margin": 5}, "must be at most 4; got 5"),
    ],
)
def test_what_does_not_go_together_is_named(changes, message):
    with pytest.raises(ValueError) as error:
        settings.override(CONTRASTIVE, changes)
    assert message in str(error.value)


def test_stages_come_in_the_order_they_run():
    both = dataclasses.replace(CONTRASTIVE, linear=Stage(epochs=1))
    assert list(both.stages) == ["contrastive", "linear"]
    alone = dataclasses.replace(both, contrastive=Stage(), encoder_from="runs/other")
    assert list(alone.stages) == ["linear"]
    assert list(Experiment(cross_entropy=Stage(epochs=1)).stages) == ["cross_entropy"]
    two = Experiment(cross_entropy=Stage(epochs=1), linear=Stage(epochs=1))  # Table 7: cross-entropy in two stages
    assert list(two.stages) == ["cross_entropy", "linear"]


def test_a_config_from_before_the_other_losses_is_the_same_experiment():
    """What an older version did not write has its default: a run directory of then is continued and read now."""
    now = json.loads(settings.to_json(CONTRASTIVE))
    then = json.loads(settings.to_json(CONTRASTIVE))
    for section, fields in (
        ("loss", ("name", "margin")),
        ("contrastive", ("angular_margin", "margin_share", "margin_steps")),
    ):
        for field in fields:
            then[section].pop(field)
    assert settings.from_json(Experiment, then) == CONTRASTIVE and settings.differences(then, CONTRASTIVE) == {}
    for path in sorted(pathlib.Path(__file__).parents[1].glob("experiments/results/*/config.json")):
        read = settings.from_json(Experiment, json.loads(path.read_text()))
        assert settings.differences(json.loads(path.read_text()), read) == {}
    assert "margin" in now["loss"]


def test_every_field_has_a_flag_name_and_help():
    fields = settings.settings(CONTRASTIVE)
    assert len({field.name for field in fields}) == len(fields) > 50
    assert all(len(field.help) > 4 for field in fields)


def test_sections_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CONTRASTIVE.seed = 1


def test_the_loss_section_has_the_arguments_of_the_loss():
    import inspect

    from supcon_tf.losses.supcon import supervised_contrastive_loss

    arguments = inspect.signature(supervised_contrastive_loss).parameters
    ours = {field.name: getattr(Loss(), field.name) for field in dataclasses.fields(Loss)}
    ours.pop("use_labels")
    assert (ours.pop("name"), ours.pop("margin")) == ("supcon", None)  # which loss; and what of the others has a margin
    # How it is computed, for which a run has its own words; and what a run's networks and data have settled.
    how = {"cross_replica", "queue", "tile_rows", "jit_compile", "normalize", "label_mode"}
    theirs = {name: p.default for name, p in arguments.items() if p.default is not p.empty and name not in how}
    assert ours == theirs


def test_the_augment_section_has_the_arguments_of_the_policies():
    import inspect

    from supcon_tf.augment.policies import policy

    arguments = inspect.signature(policy).parameters
    ours = {field.name: getattr(Augment(), field.name) for field in dataclasses.fields(Augment)}
    theirs = {name: p.default for name, p in arguments.items() if p.default is not p.empty}
    assert set(ours) - {"policy"} == set(theirs)
    cifar = {"crop_area", "strength"}  # Defaults of a run are the paper's for CIFAR, of the function for ImageNet.
    assert {n: v for n, v in ours.items() if n not in cifar | {"policy"}} == {
        n: v for n, v in theirs.items() if n not in cifar
    }


def test_defaults_are_the_papers():
    assert Loss().temperature == 0.1 and Projection().widths == (128,) and Data().views == 2
    assert Augment().policy == "sim_augment"


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"range": "0-255"}, "`Model.range` must be one of 0..255, 0..1, -1..1, torch, caffe"),
        ({"mean": (0.5,)}, "by `model.range`, or by `model.mean` and `model.std` together"),
        ({"mean": (0.5,), "std": (0.5,), "range": "0..1"}, "by `model.range`, or by"),
        ({"mean": (123.68,), "std": (1.0,)}, "`Model.mean` must be at most 1"),  # of pixels in 0..255
        ({"output": "features", "answers": "last"}, "there are no answers"),
        ({"output": "features", "class_names": "names.txt"}, "there are no answers"),
    ],
)
def test_what_is_said_of_a_model_goes_together(changes, message):
    with pytest.raises(ValueError, match=message):
        Model(**changes)
