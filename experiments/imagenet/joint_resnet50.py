"""SupCon and its classifier at once, ImageNet, ResNet-50: one stage instead of two.

    python -m launch.train --experiment=imagenet.joint_resnet50 --workdir=runs/joint50 --data_dir=DATA_DIR

Paper: "roughly the same" as two stages, without a number (Sec. 4.5).
Measured: not run here.
Cost: not measured; 72,984 steps of 6,144 images in two views.
Source: Sec. 4.5; there is no script. All else is the contrastive stage of `imagenet.supcon_resnet50`.
"""

import dataclasses

from experiments.imagenet import supcon_resnet50
from supcon_tf.config import Experiment, Stage


def config() -> Experiment:
    base = supcon_resnet50.config()
    joint = dataclasses.replace(base.contrastive, label_smoothing=0.05)
    return dataclasses.replace(base, contrastive=Stage(), linear=Stage(), joint=joint)
