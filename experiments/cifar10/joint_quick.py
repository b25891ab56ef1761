"""SupCon and its classifier at once, CIFAR-10, ResNet-18 of a quarter width: one stage instead of two.

    python -m launch.train --experiment=cifar10.joint_quick --workdir=runs/quick_joint --data_dir=DATA_DIR

Paper: "roughly the same" as two stages, without a number (Sec. 4.5).
Measured: see `experiments/results/`.
Cost: as `cifar10.supcon_quick`, without its second stage.
Differs from the paper in: as `cifar10.supcon_quick`, whose contrastive stage this is.
"""

import dataclasses

from experiments.cifar10 import supcon_quick
from supcon_tf.config import Experiment, Stage


def config() -> Experiment:
    return in_one_stage(supcon_quick.config())


def in_one_stage(base: Experiment) -> Experiment:
    """The two stages of `base` as one: its contrastive stage, with the classifier in it."""
    joint = dataclasses.replace(base.contrastive, evaluate_every=4)
    return dataclasses.replace(base, contrastive=Stage(), linear=Stage(), joint=joint)
