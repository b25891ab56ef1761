"""SupCon, ImageNet, ResNet-50, AutoAugment.

    python -m launch.train --experiment=imagenet.supcon_resnet50 --workdir=runs/supcon50 --data_dir=DATA_DIR

L_in instead of L_out, and at most 4 positives from other images:

    python -m launch.train --experiment=imagenet.supcon_resnet50 --workdir=runs/in50 --loss.summation_location=in
    python -m launch.train --experiment=imagenet.supcon_resnet50 --workdir=runs/cap50 --loss.positives_cap=4

Paper: 78.7 (Tables 1 to 3); 67.4 with L_in (Table 1); 78.0 with 5 positives, view included (Table 5).
Measured: not run here.
Cost: not measured; 91,752 steps of 6,144 images, 72,984 of them in two views. The authors used 128 TPU cores.
Source: the authors' script supcon_imagenet_resnet50.
Differs from it in: the linear stage freezes batch norm, `--linear.batch_norm=batch` does as the script; the mean square
of RMSProp starts at 0 instead of 1.
"""

from supcon_tf.config import Augment, Data, Encoder, Experiment, Loss, Projection, Stage

DATA = Data(name="imagenet2012", image_size=224, evaluation_crop="resize_then_crop", evaluation_padding=32)
AUGMENT = Augment(policy="auto_augment", crop_area=(0.08, 1.0))
DECAYED = ("kernels", "biases")


def config() -> Experiment:
    return Experiment(
        strategy="auto",
        precision="mixed_bfloat16",
        data=DATA,
        encoder=Encoder(name="resnet50", stem="image", normalize_features=True),
        projection=Projection(widths=(128,)),
        loss=Loss(temperature=0.1),
        contrastive=Stage(
            epochs=350,
            batch_size=6144,
            optimizer="lars",
            base_learning_rate=0.4,
            schedule="cosine",
            warmup_epochs=12,
            weight_decay=1e-3,
            decayed=DECAYED,
            augment=AUGMENT,
        ),
        linear=Stage(
            epochs=90,
            batch_size=6144,
            optimizer="rmsprop",
            rmsprop_epsilon=1e-3,
            base_learning_rate=0.05,
            schedule="exponential",
            decay_rate=0.97,
            epochs_per_decay=0.5,
            warmup_epochs=12,
            weight_decay=1e-6,
            decayed=DECAYED,
            label_smoothing=0.05,
            augment=AUGMENT,
        ),
    )
