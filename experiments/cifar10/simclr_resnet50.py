"""SimCLR, CIFAR-10, ResNet-50: every image its own class.

    python -m launch.train --experiment=cifar10.simclr_resnet50 --workdir=runs/cifar_simclr50 --data_dir=DATA_DIR

Paper: 93.6 (Table 2).
Measured: not run here.
Cost: not measured; 23,927 steps of 1,024 images, 19,532 of them in two views. The authors used 32 TPU cores.
Source: the authors' script simclr_cifar10_resnet50.
Differs from it in: as `imagenet.simclr_resnet50`.
"""

import dataclasses

from experiments.cifar10 import supcon_resnet50
from supcon_tf.config import Experiment, Loss, Projection, Stage


def config() -> Experiment:
    base = supcon_resnet50.config()
    return dataclasses.replace(
        base,
        cross_replica_batch_norm=True,
        zero_initialize_classifier=True,
        projection=Projection(widths=(2048, 2048, 128), batch_norm=True),
        loss=Loss(temperature=0.5, base_temperature=None, use_labels=False),
        contrastive=dataclasses.replace(base.contrastive, epochs=400, batch_size=1024, base_learning_rate=0.5),
        linear=dataclasses.replace(
            base.linear,
            epochs=90,
            batch_size=1024,
            base_learning_rate=0.25,
            schedule="cosine",
            decay_epochs=(),
            decay_rate=Stage.decay_rate,
        ),
    )
