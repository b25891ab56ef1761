"""The recipes that tables start from: at each budget one of SupCon and one of cross-entropy, by name and as configs.

Tables read rates, epochs and stages here, so that a recipe that changes takes its tables along.
"""

from __future__ import annotations

import dataclasses

from experiments.cifar10 import cross_entropy_quick, cross_entropy_tiny, supcon_quick, supcon_tiny
from experiments.digits import cross_entropy as digits_cross_entropy
from experiments.digits import supcon as digits_supcon
from experiments.imagenet import cross_entropy_resnet50, simclr_resnet50, supcon_resnet50, supcon_resnet200
from supcon_tf.config import Experiment, Stage
from supcon_tf.tables import values_of

SUPCON = {
    "digits": "digits.supcon",
    "tiny": "cifar10.supcon_tiny",
    "small": "cifar10.supcon_quick",
    "paper": "imagenet.supcon_resnet50",
}
CROSS_ENTROPY = {
    "digits": "digits.cross_entropy",
    "tiny": "cifar10.cross_entropy_tiny",
    "small": "cifar10.cross_entropy_quick",
    "paper": "imagenet.cross_entropy_resnet50",
}
ROWS = {"SupCon": SUPCON, "cross-entropy": CROSS_ENTROPY}
MODULES = {
    "digits": (digits_supcon, digits_cross_entropy),
    "tiny": (supcon_tiny, cross_entropy_tiny),
    "small": (supcon_quick, cross_entropy_quick),
    "paper": (supcon_resnet50, cross_entropy_resnet50),
}

# The paper's augmentations as its recipes have them: a policy comes with its strength and its jitter.
AUGMENTS = {
    "auto_augment": supcon_resnet50.AUGMENT,
    "rand_augment": dataclasses.replace(supcon_resnet50.AUGMENT, policy="rand_augment"),
    "sim_augment": simclr_resnet50.AUGMENT,
    "stacked_rand_augment": supcon_resnet200.AUGMENT,
}

VALUES = {  # of every setting of a recipe, by its name
    named[budget]: values_of(module.config())
    for budget, own in MODULES.items()
    for named, module in zip(ROWS.values(), own)
}


def config_of(row: str, budget: str) -> Experiment:
    """The config of the recipe of a row, "SupCon" or "cross-entropy"."""
    return MODULES[budget][list(ROWS).index(row)].config()


def encoding(experiment: Experiment) -> tuple[str, Stage]:
    """The stage that trains the encoder, and its name: the first."""
    return next(iter(experiment.stages.items()))


def as_settings(name: str, stage: Stage) -> dict:
    """What is said of a stage, by dotted name: the fields that are not their defaults."""
    found = {}
    for field in dataclasses.fields(stage):
        value = getattr(stage, field.name)
        if dataclasses.is_dataclass(value):
            found.update(as_settings(f"{name}.{field.name}", value))
        elif value != field.default:
            found[f"{name}.{field.name}"] = value
    return found
