"""SupCon, ImageNet, ResNet-101, Stacked RandAugment: what the paper reports and no script of the authors does.

    python -m launch.train --experiment=imagenet.supcon_resnet101_stacked --workdir=runs/stacked101 --data_dir=DATA_DIR

Paper: 80.2 (Table 3).
Measured: not run here.
Cost: not measured; 137,626 steps of 4,096 images, 109,475 of them in two views.
Source: Table 3 for the augmentation; all else is the authors' script supcon_imagenet_resnet101, whose is AutoAugment.
Differs from the paper in: the number of epochs and rates are those of the script; the paper gives none for ResNet-101.
"""

import dataclasses

from experiments.imagenet import supcon_resnet101, supcon_resnet200
from supcon_tf.config import Experiment


def config() -> Experiment:
    base = supcon_resnet101.config()
    return dataclasses.replace(
        base,
        contrastive=dataclasses.replace(base.contrastive, augment=supcon_resnet200.AUGMENT),
        linear=dataclasses.replace(base.linear, augment=supcon_resnet200.AUGMENT),
    )
