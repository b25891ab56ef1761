"""SupCon and its classifier at once, CIFAR-10, ResNet-18 of a quarter width with the stem for large images: one stage.

    python -m launch.train --experiment=cifar10.joint_tiny --workdir=runs/tiny_joint --data_dir=DATA_DIR

Paper: "roughly the same" as two stages, without a number (Sec. 4.5).
Measured: see `experiments/results/`.
Cost: as `cifar10.supcon_tiny`, without its second stage.
Differs from the paper in: as `cifar10.supcon_tiny`, whose contrastive stage this is.
"""

from experiments.cifar10 import supcon_tiny
from experiments.cifar10.joint_quick import in_one_stage
from supcon_tf.config import Experiment


def config() -> Experiment:
    return in_one_stage(supcon_tiny.config())
