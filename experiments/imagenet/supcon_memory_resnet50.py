"""SupCon with a memory, ImageNet, ResNet-50: batches of 256 that meet 8,192 past images too.

    python -m launch.train --experiment=imagenet.supcon_memory_resnet50 --workdir=runs/memory50 --data_dir=DATA_DIR

As the author later told of the published model, with batches of 1,024:

    python -m launch.train --experiment=imagenet.supcon_memory_resnet50 --workdir=runs/big --contrastive.batch_size=1024

Paper: 79.1 (end of Sec. 4.4, in words): memory of 8,192 rows of 128 dimensions, batch of 256, SGD, 8 GPUs.
Measured: not run here.
Cost: not measured; 1,501,368 steps of 256 images, 1,000,912 of them in two views and one more pass of one view.
Source: the paper gives no script, and no more than the line above. The author named temperature 0.07 and "otherwise the
settings of MoCo v2", which are those below, linear stage included.
Differs from it in: batch norm takes its moments from all replicas, where MoCo shuffles images between them; all views
of the batch are anchors and keys with gradient, beside the queue.
"""

import dataclasses

from experiments.imagenet import supcon_resnet50
from supcon_tf.config import Augment, Encoder, Experiment, Loss, Projection, Queue, Stage

AUGMENT = Augment(policy="sim_augment", crop_area=(0.2, 1.0), strength=0.5, jitter="pytorch", blur_probability=0.5)
EVERYTHING = ("kernels", "biases", "batch_norm")


def config() -> Experiment:
    return dataclasses.replace(
        supcon_resnet50.config(),
        precision="float32",
        encoder=Encoder(name="resnet50", stem="image", normalize_features=False),
        projection=Projection(widths=(2048, 128)),
        loss=Loss(temperature=0.07),
        queue=Queue(size=8192, momentum=0.999),
        contrastive=Stage(
            epochs=200,
            batch_size=256,
            optimizer="momentum",
            base_learning_rate=0.03,
            schedule="cosine",
            weight_decay=1e-4,
            decayed=EVERYTHING,
            augment=AUGMENT,
        ),
        linear=Stage(
            epochs=100,
            batch_size=256,
            optimizer="momentum",
            base_learning_rate=30.0,
            schedule="piecewise",
            decay_epochs=(60.0, 80.0),
            decay_rate=0.1,
            augment=Augment(policy="crop_flip", crop_area=(0.08, 1.0)),
        ),
    )
