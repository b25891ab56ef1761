"""SupCon, CIFAR-10, ResNet-50.

    python -m launch.train --experiment=cifar10.supcon_resnet50 --workdir=runs/cifar_supcon50 --data_dir=DATA_DIR

Paper: 96.0 (Table 2).
Measured: not run here.
Cost: not measured; 13,429 steps of 4,096 images, 12,208 of them in two views. The authors used 32 TPU cores.
Source: the authors' script supcon_cifar10_resnet50.
Differs from it in: the linear stage freezes batch norm, `--linear.batch_norm=batch` does as the script.
"""

from supcon_tf.config import Augment, Data, Encoder, Experiment, Loss, Projection, Stage

DATA = Data(name="cifar10", evaluation_crop="identity")
AUGMENT = Augment(policy="sim_augment", crop_area=(0.2, 1.0), strength=0.5)
DECAYED = ("kernels", "biases")


def config() -> Experiment:
    return Experiment(
        strategy="auto",
        precision="mixed_bfloat16",
        cross_replica_batch_norm=False,
        data=DATA,
        encoder=Encoder(name="resnet50", stem="small_image", normalize_features=False),
        projection=Projection(widths=(2048, 128)),
        loss=Loss(temperature=0.1),
        contrastive=Stage(
            epochs=1000,
            batch_size=4096,
            optimizer="momentum",
            base_learning_rate=0.125,
            schedule="cosine",
            warmup_epochs=10,
            weight_decay=1e-4,
            decayed=DECAYED,
            augment=AUGMENT,
        ),
        linear=Stage(
            epochs=100,
            batch_size=4096,
            optimizer="momentum",
            base_learning_rate=2.5,
            schedule="piecewise",
            decay_rate=0.2,
            decay_epochs=(60.0, 75.0, 90.0),
            evaluate_every=10,
            augment=AUGMENT,
        ),
    )
