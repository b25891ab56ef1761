"""SupCon, CIFAR-10, ResNet-18 of a quarter width, for two CPU cores.

    python -m launch.train --experiment=cifar10.supcon_small --workdir=runs/cifar10_supcon_small --data_dir=DATA_DIR

Paper: 96.0 (Table 2: ResNet-50, all 50,000 images, batch 1024 to 4096, 1000 epochs).
Measured: see `experiments/results/`.
Cost: 48 minutes on one CPU core that computes bfloat16; `--precision=float32` on others.
Differs from the paper in: encoder of a quarter width, batch 128, epochs.
"""

from supcon_tf.config import Augment, Data, Encoder, Experiment, Loss, Projection, Stage

# The CIFAR scripts of the authors: crops of 20 to 100 % of the area, jitter of strength 0.5, no blur.
AUGMENT = Augment(policy="sim_augment", crop_area=(0.2, 1.0), strength=0.5)


def config() -> Experiment:
    return Experiment(
        precision="mixed_bfloat16",
        data=Data(name="cifar10"),
        encoder=Encoder(name="resnet18", width=0.25, normalize_features=False),
        projection=Projection(widths=(512, 128)),
        loss=Loss(temperature=0.1),
        contrastive=Stage(
            epochs=25, batch_size=128, base_learning_rate=1.0, warmup_epochs=1, weight_decay=1e-4, augment=AUGMENT
        ),
        linear=Stage(epochs=10, batch_size=128, base_learning_rate=0.5, evaluate_every=2, augment=AUGMENT),
    )
