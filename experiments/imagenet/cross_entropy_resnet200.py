"""Cross-entropy baseline, ImageNet, ResNet-200, Stacked RandAugment.

    python -m launch.train --experiment=imagenet.cross_entropy_resnet200 --workdir=runs/ce200 --data_dir=DATA_DIR

Paper: 80.9 (Table 3).
Measured: not run here.
Cost: not measured; 218,950 steps of 4,096 images. The authors used 256 TPU cores.
Source: the authors' script cross_entropy_imagenet_resnet200.
Differs from it in: as `imagenet.cross_entropy_resnet50`.
"""

import dataclasses

from experiments.imagenet import cross_entropy_resnet50, supcon_resnet200
from supcon_tf.config import Encoder, Experiment


def config() -> Experiment:
    base = cross_entropy_resnet50.config()
    return dataclasses.replace(
        base,
        encoder=Encoder(name="resnet200", stem="image", normalize_features=False),
        cross_entropy=dataclasses.replace(
            base.cross_entropy, epochs=700, batch_size=4096, augment=supcon_resnet200.AUGMENT
        ),
    )
