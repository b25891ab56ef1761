"""SupCon, ImageNet, ResNet-101, AutoAugment.

    python -m launch.train --experiment=imagenet.supcon_resnet101 --workdir=runs/supcon101 --data_dir=DATA_DIR

Paper: no number; its ResNet-101 has Stacked RandAugment, as `imagenet.supcon_resnet101_stacked` has.
Measured: not run here.
Cost: not measured; 137,626 steps of 4,096 images, 109,475 of them in two views. The authors used 128 TPU cores.
Source: the authors' script supcon_imagenet_resnet101.
Differs from it in: as `imagenet.supcon_resnet50`.
"""

import dataclasses

from experiments.imagenet import supcon_resnet50
from supcon_tf.config import Encoder, Experiment


def config() -> Experiment:
    base = supcon_resnet50.config()
    return dataclasses.replace(
        base,
        encoder=Encoder(name="resnet101", stem="image", normalize_features=True),
        contrastive=dataclasses.replace(base.contrastive, batch_size=4096, base_learning_rate=0.3, weight_decay=1e-4),
        linear=dataclasses.replace(base.linear, batch_size=4096),
    )
