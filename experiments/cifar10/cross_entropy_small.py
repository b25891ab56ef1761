"""Cross-entropy baseline, CIFAR-10, ResNet-18 of a quarter width, for two CPU cores.

    python -m launch.train --experiment=cifar10.cross_entropy_small --workdir=runs/cifar10_ce_small --data_dir=DATA_DIR

The encoder sees as many images as in `cifar10.supcon_small`: 50 epochs of one view against 25 of two.

Paper: 95.0 (Table 2: ResNet-50, all 50,000 images, batch 1024, 500 epochs).
Measured: see `experiments/results/`.
Cost: 45 minutes on one CPU core that computes bfloat16; `--precision=float32` on others.
Differs from the paper in: encoder of a quarter width, batch 128, epochs.
"""

import dataclasses

from experiments.cifar10 import supcon_small
from supcon_tf.config import Experiment, Projection, Stage


def config() -> Experiment:
    return dataclasses.replace(
        supcon_small.config(),
        projection=Projection(),
        contrastive=Stage(),
        linear=Stage(),
        cross_entropy=Stage(
            epochs=50,
            batch_size=128,
            base_learning_rate=0.1,
            warmup_epochs=2,
            weight_decay=5e-4,
            evaluate_every=5,
            augment=supcon_small.AUGMENT,
        ),
    )
