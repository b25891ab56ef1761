"""Cross-entropy baseline, CIFAR-100, ResNet-18 of a quarter width: minutes on a GPU, tens of minutes on two CPU cores.

    python -m launch.train --experiment=cifar100.cross_entropy_quick --workdir=runs/c100_ce --data_dir=DATA_DIR

The encoder sees as many images as in `cifar100.supcon_quick`.

Paper: 75.3 (Table 2: ResNet-50, batch 1024, 500 epochs).
Measured: not run here, where there is no CIFAR-100.
Cost: not measured.
Differs from the paper in: as `cifar10.cross_entropy_quick`, whose settings these are.
"""

import dataclasses

from experiments.cifar10 import cross_entropy_quick
from supcon_tf.config import Data, Experiment


def config() -> Experiment:
    return dataclasses.replace(cross_entropy_quick.config(), data=Data(name="cifar100"))
