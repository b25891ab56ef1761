"""Cross-entropy baseline, CIFAR-10, ResNet-18 of a quarter width with the stem for large images, for one CPU core.

    python -m launch.train --experiment=cifar10.cross_entropy_tiny --workdir=runs/tiny_ce --data_dir=DATA_DIR

For tables with many runs: the stem's stride and pool leave a sixteenth of the places, so that a pass costs a sixth of
one of `cifar10.cross_entropy_quick`. The encoder sees as many images as in `cifar10.supcon_tiny`.

Paper: 95.0 (Table 2: ResNet-50, all 50,000 images, batch 1024, 500 epochs).
Measured: see `experiments/results/`.
Cost: see `experiments/results/`.
Differs from the paper in: as `cifar10.cross_entropy_quick`, and in the stem. Rate and batch were chosen
on a tenth of the training images; the trials are in `experiments/results/`.
"""

import dataclasses

from experiments.cifar10 import cross_entropy_quick
from supcon_tf.config import Experiment


def config() -> Experiment:
    base = cross_entropy_quick.config()
    return dataclasses.replace(
        base,
        encoder=dataclasses.replace(base.encoder, stem="image"),
        cross_entropy=dataclasses.replace(base.cross_entropy, epochs=8),
    )
