"""Cross-entropy baseline, CIFAR-10, ResNet-18 of a quarter width, in minutes on two CPU cores.

    python -m launch.train --experiment=cifar10.cross_entropy_quick --workdir=runs/quick_ce --data_dir=DATA_DIR

The encoder sees as many images as in `cifar10.supcon_quick`.

Paper: 95.0 (Table 2: ResNet-50, all 50,000 images, batch 1024, 500 epochs).
Measured: see `experiments/results/`.
Cost: see `experiments/results/`.
Differs from the paper in: encoder of a quarter width, batch 128, epochs, crops and flips alone. Settings were chosen on
a tenth of the training images; the trials are in `experiments/results/`. They computed bfloat16, as
`--precision=mixed_bfloat16` does: the recipe has float32, since many CPUs emulate bfloat16 at a fraction of the speed.
"""

from supcon_tf.config import Augment, Data, Encoder, Experiment, Stage

AUGMENT = Augment(policy="crop_flip", crop_area=(0.5, 1.0))


def config() -> Experiment:
    return Experiment(
        data=Data(name="cifar10"),
        encoder=Encoder(name="resnet18", width=0.25, normalize_features=False),
        cross_entropy=Stage(
            epochs=16,
            batch_size=128,
            base_learning_rate=0.4,
            warmup_epochs=2,
            weight_decay=5e-4,
            evaluate_every=8,
            augment=AUGMENT,
        ),
    )
