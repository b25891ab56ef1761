"""Cross-entropy baseline, CIFAR-10, ResNet-50.

    python -m launch.train --experiment=cifar10.cross_entropy_resnet50 --workdir=runs/cifar_ce50 --data_dir=DATA_DIR

Paper: 95.0 (Table 2).
Measured: not run here.
Cost: not measured; 48,829 steps of 1,024 images. The authors used 32 TPU cores.
Source: the authors' script cross_entropy_cifar10_resnet50.
Differs from it in: one view of each image, where the script makes two and learns from the first.
"""

import dataclasses

from experiments.cifar10 import supcon_resnet50
from supcon_tf.config import Experiment, Projection, Stage


def config() -> Experiment:
    return dataclasses.replace(
        supcon_resnet50.config(),
        cross_replica_batch_norm=True,
        projection=Projection(),
        contrastive=Stage(),
        linear=Stage(),
        cross_entropy=Stage(
            epochs=1000,
            batch_size=1024,
            optimizer="nesterov",
            base_learning_rate=0.1,
            schedule="cosine",
            warmup_epochs=12,
            weight_decay=5e-4,
            decayed=supcon_resnet50.DECAYED,
            evaluate_every=10,
            augment=supcon_resnet50.AUGMENT,
        ),
    )
