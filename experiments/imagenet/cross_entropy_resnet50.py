"""Cross-entropy baseline, ImageNet, ResNet-50, AutoAugment.

    python -m launch.train --experiment=imagenet.cross_entropy_resnet50 --workdir=runs/ce50 --data_dir=DATA_DIR

Paper: 78.2 (Table 2), 77.6 (Table 3).
Measured: not run here.
Cost: not measured; 41,705 steps of 6,144 images. The authors used 128 TPU cores.
Source: the authors' script cross_entropy_imagenet_resnet50.
Differs from it in: one view of each image, where the script makes two and learns from the first.
"""

import dataclasses

from experiments.imagenet import supcon_resnet50
from supcon_tf.config import Encoder, Experiment, Stage


def config() -> Experiment:
    return dataclasses.replace(
        supcon_resnet50.config(),
        encoder=Encoder(name="resnet50", stem="image", normalize_features=False),
        contrastive=Stage(),
        linear=Stage(),
        cross_entropy=Stage(
            epochs=200,
            batch_size=6144,
            optimizer="nesterov",
            base_learning_rate=0.1,
            schedule="cosine",
            warmup_epochs=12,
            weight_decay=1e-4,
            decayed=supcon_resnet50.DECAYED,
            label_smoothing=0.05,
            augment=supcon_resnet50.AUGMENT,
        ),
    )
