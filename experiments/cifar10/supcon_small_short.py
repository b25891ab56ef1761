"""SupCon, CIFAR-10, ResNet-18 of a quarter width, in few epochs: a head whose embeddings start spread.

    python -m launch.train --experiment=cifar10.supcon_small_short --workdir=runs/short --data_dir=DATA_DIR

Paper: 96.0 (Table 2: ResNet-50, all 50,000 images, batch 1024 to 4096, 1000 epochs).
Measured: see `experiments/results/`.
Cost: 10 minutes on two CPU cores that tests shared.
Differs from the paper in: encoder of a quarter width, batch 128, epochs, crops and flips alone, batch norm at the end
of the head.
"""

import dataclasses

from experiments.cifar10 import supcon_small
from supcon_tf.config import Augment, Experiment, Knn, Projection

AUGMENT = Augment(policy="crop_flip", crop_area=(0.5, 1.0))


def config() -> Experiment:
    base = supcon_small.config()
    return dataclasses.replace(
        base,
        projection=Projection(widths=(512, 128), last_batch_norm=True),
        knn=Knn(every=2),
        # Twice the rate scatters a few images far out, and all others collapse.
        contrastive=dataclasses.replace(base.contrastive, epochs=8, base_learning_rate=2.0, augment=AUGMENT),
        linear=dataclasses.replace(base.linear, epochs=4, base_learning_rate=2.0, evaluate_every=2, augment=AUGMENT),
    )
