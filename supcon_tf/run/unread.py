"""Settings that nobody reads: what differs from its default, and changes nothing in this run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from supcon_tf.config import Experiment, Loss, Stage, batch_statistics
from supcon_tf.names import OWN_DECAY, POLICIES, STAGE_KINDS
from supcon_tf.settings import settings

# Which actions of a policy read which fields of `Augment`.
READ_BY = {
    "crop": ("crop_area",),
    "flip": ("flip",),
    "jitter": ("strength", "jitter", "jitter_probability"),
    "grayscale": ("grayscale_probability",),
    "warp": ("warp_probability",),
    "blur": ("blur_probability",),
    "auto_augment": ("auto_policy",),
    "rand_augment": ("rand_layers", "rand_magnitude"),
}


def unread(experiment: Experiment) -> list[str]:
    """Dotted names of the settings that were set and have no effect.

    Set is what differs from its default. Of a stage without epochs nothing is read, and nothing is said: an experiment
    that describes it may leave it out.
    """
    defaults = {setting.name: setting.value for setting in settings(Experiment(contrastive=Stage(epochs=1)))}
    set_here = [setting.name for setting in settings(experiment) if setting.value != defaults[setting.name]]
    idle = set(_of_the_run(experiment))
    for name in experiment.stages:
        idle |= {f"{name}.{field}" for field in _of_a_stage(experiment, name)}
    return [name for name in set_here if name in idle or name.split(".")[0] in idle]


def _of_the_run(experiment: Experiment) -> Iterator[str]:
    """Fields, and whole sections, that no stage reads."""
    kinds = [STAGE_KINDS[name] for name in experiment.stages]
    if not any(kind.compares for kind in kinds):
        yield from ("loss", "queue", "projection", "data.views", "data.images_per_class")
    else:
        yield from _of_the_loss(experiment.loss)
        if not experiment.queue.size:
            yield "queue.momentum"
    if all(kind.classifies for kind in kinds):
        yield "knn"
    elif not experiment.knn.every:
        yield from ("knn.neighbours", "knn.temperature")
    if not any(kind.micro_batches for kind in kinds):
        yield "train.microbatches"
    if experiment.encoder_from:
        yield "encoder.weights"
    if not any(kind.encodes for kind in kinds) and not _moves_averages(experiment):
        yield "encoder.frozen"
    if not any(kind.classifies for kind in kinds):
        yield "zero_initialize_classifier"
    if experiment.data.evaluation_crop == "identity":
        yield "data.evaluation_padding"
    if not experiment.data.name.startswith("folder:"):
        yield "data.broken_images"
    if experiment.strategy != "multi_worker":
        yield "wait_seconds"
    if experiment.strategy not in ("auto", "tpu"):
        yield "tpu"


def _moves_averages(experiment: Experiment) -> bool:
    """Whether batch norm moves its averages in any stage."""
    return any(batch_statistics(name, stage) for name, stage in experiment.stages.items())


def _of_the_loss(loss: Loss) -> Iterator[str]:
    """Fields that the chosen loss does not read."""
    if loss.name in ("supcon", "n_pairs"):
        yield "loss.margin"
    if loss.name != "supcon":
        read = ("name", "margin", "use_labels")
        yield from (f"loss.{field.name}" for field in dataclasses.fields(loss) if field.name not in read)


def _of_a_stage(experiment: Experiment, name: str) -> Iterator[str]:
    """Fields of a stage with epochs that nobody reads."""
    stage, kind = experiment.stages[name], STAGE_KINDS[name]
    if not kind.classifies:
        yield from ("label_smoothing", "evaluate_every")
    if kind.compares or not kind.encodes:
        yield from ("angular_margin", "margin_share", "margin_steps")
    elif stage.angular_margin == 1:
        yield from ("margin_share", "margin_steps")
    if not batch_statistics(name, stage):
        yield "batch_norm_momentum"
    if stage.optimizer != "rmsprop":
        yield "rmsprop_epsilon"
    if stage.schedule not in ("exponential", "piecewise"):
        yield "decay_rate"
    if stage.schedule != "exponential":
        yield "epochs_per_decay"
    if stage.schedule != "piecewise":
        yield "decay_epochs"
    if not stage.weight_decay and stage.optimizer not in OWN_DECAY:  # LARS adapts what decays, whatever the decay
        yield from ("decayed", "decayed_parts")
    yield from (f"augment.{field}" for field in _of_augmentation(stage))


def _of_augmentation(stage: Stage) -> Iterator[str]:
    """Fields of a stage's augmentation that its policy does not read."""
    augment, actions = stage.augment, POLICIES[stage.augment.policy]
    if augment.strength == 0 and "jitter" in actions:
        actions = ("jitter_strength", *POLICIES["crop_flip"])
    read = {field for action in actions for field in READ_BY.get(action, ())}
    if "jitter_strength" in actions:
        read.add("strength")
    if {"jitter", "rand_augment"} <= set(actions):
        read.add("stacked_order")
    return (field for fields in (*READ_BY.values(), ("stacked_order",)) for field in fields if field not in read)
