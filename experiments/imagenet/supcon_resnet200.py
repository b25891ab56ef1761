"""SupCon, ImageNet, ResNet-200, Stacked RandAugment.

    python -m launch.train --experiment=imagenet.supcon_resnet200 --workdir=runs/supcon200 --data_dir=DATA_DIR

Paper: 81.4 (Table 3).
Measured: not run here.
Cost: not measured; 247,101 steps of 4,096 images, 218,950 of them in two views. The authors used 256 TPU cores.
Source: the authors' script supcon_imagenet_resnet200.
Differs from it in: as `imagenet.supcon_resnet50`.
"""

import dataclasses

from experiments.imagenet import supcon_resnet50
from supcon_tf.config import Augment, Encoder, Experiment

AUGMENT = Augment(policy="stacked_rand_augment", crop_area=(0.08, 1.0), strength=1.0, jitter="simclr")


def config() -> Experiment:
    base = supcon_resnet50.config()
    return dataclasses.replace(
        base,
        encoder=Encoder(name="resnet200", stem="image", normalize_features=True),
        contrastive=dataclasses.replace(
            base.contrastive,
            epochs=700,
            batch_size=4096,
            base_learning_rate=0.2,
            weight_decay=1e-4,
            augment=AUGMENT,
        ),
        linear=dataclasses.replace(base.linear, batch_size=4096, augment=AUGMENT),
    )
