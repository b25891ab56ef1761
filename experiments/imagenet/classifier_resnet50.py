"""A linear classifier on the encoder of another run, ImageNet, ResNet-50.

    python -m launch.train --experiment=imagenet.classifier_resnet50 --workdir=runs/linear50 --encoder_from=RUN

RUN is the directory of a finished run of `imagenet.supcon_resnet50`.

Paper: 78.7 for both stages (Table 1), with RMSProp in the second; 77.6 with momentum instead (Table 8).
Measured: not run here.
Cost: not measured; 18,768 steps of 6,144 images.
Source: the authors' script train_classification_head_from_pretrained_encoder, which as published does not run: it names
flags that do not exist, and restores nothing.
Differs from it in: it restores the encoder, and trains on the normalised features of SupCon.
"""

import dataclasses

from experiments.imagenet import simclr_resnet50, supcon_resnet50
from supcon_tf.config import Experiment, Stage


def config() -> Experiment:
    return dataclasses.replace(
        supcon_resnet50.config(),
        encoder_from="runs/supcon50",
        contrastive=Stage(),
        linear=simclr_resnet50.config().linear,
    )
