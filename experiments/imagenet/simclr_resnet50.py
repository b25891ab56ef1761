"""SimCLR, ImageNet, ResNet-50: every image its own class.

    python -m launch.train --experiment=imagenet.simclr_resnet50 --workdir=runs/simclr50 --data_dir=DATA_DIR

Paper: 70.2 (Table 2).
Measured: not run here.
Cost: not measured; 39,621 steps of 6,144 images, 20,853 of them in two views. The authors used 128 TPU cores.
Source: the authors' script simclr_imagenet_resnet50.
Differs from it in: the linear stage freezes batch norm, `--linear.batch_norm=batch` does as the script; the batch norm
of the projection head takes the moments of the batch, where the script's never did, by an error.
"""

import dataclasses

from experiments.imagenet import supcon_resnet50
from supcon_tf.config import Augment, Encoder, Experiment, Loss, Projection, Stage

AUGMENT = Augment(policy="sim_augment", crop_area=(0.08, 1.0), strength=1.0, jitter="simclr")


def config() -> Experiment:
    base = supcon_resnet50.config()
    return dataclasses.replace(
        base,
        zero_initialize_classifier=True,
        encoder=Encoder(name="resnet50", stem="image", normalize_features=False),
        projection=Projection(widths=(2048, 2048, 128), batch_norm=True),
        loss=Loss(temperature=0.1, base_temperature=None, use_labels=False),
        contrastive=dataclasses.replace(
            base.contrastive, epochs=100, base_learning_rate=0.3, weight_decay=1e-4, augment=AUGMENT
        ),
        linear=dataclasses.replace(
            base.linear,
            optimizer="nesterov",
            base_learning_rate=0.1,
            schedule="cosine",
            decay_rate=Stage.decay_rate,
            epochs_per_decay=Stage.epochs_per_decay,
            augment=AUGMENT,
        ),
    )
