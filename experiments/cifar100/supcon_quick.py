"""SupCon, CIFAR-100, ResNet-18 of a quarter width: minutes on a GPU, tens of minutes on two CPU cores.

    python -m launch.train --experiment=cifar100.supcon_quick --workdir=runs/c100 --data_dir=DATA_DIR

A batch of 128 has 16 classes of 8 images: as they come, most images of 100 classes would have one positive or none.

Paper: 76.5 (Table 2: ResNet-50, batch 1024, 1000 epochs).
Measured: not run here, where there is no CIFAR-100.
Cost: not measured.
Differs from the paper in: as `cifar10.supcon_quick`, whose settings these are, and in its batches.
"""

import dataclasses

from experiments.cifar10 import supcon_quick
from supcon_tf.config import Data, Experiment


def config() -> Experiment:
    return dataclasses.replace(supcon_quick.config(), data=Data(name="cifar100", views=1, images_per_class=8))
