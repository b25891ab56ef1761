"""SupCon, CIFAR-10, ResNet-18 of a quarter width, in minutes on two CPU cores.

    python -m launch.train --experiment=cifar10.supcon_quick --workdir=runs/quick --data_dir=DATA_DIR

Paper: 96.0 (Table 2: ResNet-50, all 50,000 images, batch 1024 to 4096, 1000 epochs).
Measured: see `experiments/results/`.
Cost: see `experiments/results/`.
Differs from the paper in: encoder of a quarter width, batch 128, epochs, temperature, one view, crops and flips alone,
batch norm at the end of the head. Settings were chosen as those of `cifar10.cross_entropy_quick`. With twice the rate
and five times the weight decay a few images are scattered far out, and all others collapse.
"""

import dataclasses

from experiments.cifar10 import cross_entropy_quick
from supcon_tf.config import Experiment, Loss, Projection, Stage


def config() -> Experiment:
    base = cross_entropy_quick.config()
    shared = base.cross_entropy
    return dataclasses.replace(
        base,
        data=dataclasses.replace(base.data, views=1),
        projection=Projection(widths=(512, 128), last_batch_norm=True),
        loss=Loss(temperature=0.2),
        cross_entropy=Stage(),
        contrastive=Stage(
            epochs=16,
            batch_size=128,
            base_learning_rate=1.0,
            warmup_epochs=1,
            weight_decay=1e-4,
            augment=shared.augment,
        ),
        linear=Stage(epochs=4, batch_size=128, base_learning_rate=2.0, evaluate_every=4, augment=shared.augment),
    )
