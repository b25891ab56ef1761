"""SupCon, CIFAR-10, ResNet-18 of a quarter width with the stem for large images, for one CPU core.

    python -m launch.train --experiment=cifar10.supcon_tiny --workdir=runs/tiny --data_dir=DATA_DIR

For tables with many runs, as `cifar10.cross_entropy_tiny`.

Paper: 96.0 (Table 2: ResNet-50, all 50,000 images, batch 1024 to 4096, 1000 epochs).
Measured: see `experiments/results/`.
Cost: see `experiments/results/`.
Differs from the paper in: as `cifar10.supcon_quick`, in the stem, and in the temperature. Rates, temperature and batch
were chosen as those of `cifar10.cross_entropy_tiny`, from as many trials. At a temperature of 0.1 this rate collapses.
"""

import dataclasses

from experiments.cifar10 import cross_entropy_tiny, supcon_quick
from supcon_tf.config import Experiment, Loss


def config() -> Experiment:
    base = supcon_quick.config()
    return dataclasses.replace(
        base,
        encoder=cross_entropy_tiny.config().encoder,
        loss=Loss(temperature=0.5),
        contrastive=dataclasses.replace(base.contrastive, epochs=8),
    )
