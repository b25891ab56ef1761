"""Cross-entropy baseline, digits, ResNet-18 of a quarter width.

    python -m launch.train --experiment=digits.cross_entropy --workdir=runs/digits_cross_entropy

Paper: no such data; CIFAR-10 (Table 2) is 95.0 against 96.0 of SupCon.
Measured: see `experiments/results/`.
Cost: 16 s on two CPU cores.
Differs from the paper in: as `digits.supcon`; features go to the classifier as they are, as in the authors' baselines.
The rate was chosen among five on a fifth of the training images (`experiments/results/`). With features of unit length,
which the contrastive encoder has, the classifier is about as often right, and far too unsure of itself.
"""

import dataclasses

from experiments.digits import supcon
from supcon_tf.config import Experiment, Knn, Projection, Stage


def config() -> Experiment:
    base = supcon.config()
    return dataclasses.replace(
        base,
        encoder=dataclasses.replace(base.encoder, normalize_features=False),
        projection=Projection(),
        knn=Knn(),
        contrastive=Stage(),
        linear=Stage(),
        cross_entropy=Stage(
            epochs=32,
            batch_size=128,
            base_learning_rate=0.4,
            warmup_epochs=2,
            weight_decay=5e-4,
            evaluate_every=4,
            augment=supcon.AUGMENT,
        ),
    )
