"""SupCon and its classifier at once, digits, ResNet-18 of a quarter width: one stage instead of two.

    python -m launch.train --experiment=digits.joint --workdir=runs/digits_joint

Paper: "roughly the same" as two stages, without a number (Sec. 4.5).
Measured: see `experiments/results/`.
Cost: as `digits.supcon`, without its second stage.
Differs from the paper in: as `digits.supcon`, whose contrastive stage this is.
"""

import dataclasses

from experiments.digits import supcon
from supcon_tf.config import Experiment, Knn, Stage


def config() -> Experiment:
    base = supcon.config()
    joint = dataclasses.replace(base.contrastive, evaluate_every=6)
    return dataclasses.replace(base, knn=Knn(), contrastive=Stage(), linear=Stage(), joint=joint)
