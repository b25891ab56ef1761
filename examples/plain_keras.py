"""The supervised contrastive loss in a Keras model of one's own, a classifier beside it: half a minute on one core.

    python examples/plain_keras.py [--epochs=20]

1. `TwoViews` in `dataset.map` draws two random views of each image.
2. A model from views [B, V, S, S, ch] to projections [B, V, D], and to logits of the first view.
3. `loss=SupConLoss()` for the one, cross-entropy for the other, each with its metrics.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import supcon_tf as sc


def digits():
    """1,797 handwritten digits: float32 [n, 8, 8, 1] in [0, 1] and their classes, for training and for testing."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype("float32").reshape(-1, 8, 8, 1)
    train, test, train_labels, test_labels = train_test_split(images, labels, test_size=0.3, random_state=0)
    return (train, train_labels), (test, test_labels)


def small_encoder():
    """Images [B, 8, 8, 1] to features [B, 64]."""
    layers = [tf.keras.Input([8, 8, 1])]
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        layers += [
            tf.keras.layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False),
            tf.keras.layers.BatchNormalization(momentum=0.9),  # 0.99 wants more than these 80 updates
            tf.keras.layers.ReLU(),
        ]
    return tf.keras.Sequential([*layers, tf.keras.layers.GlobalAveragePooling2D()], name="encoder")


def two_outputs(encoder):
    """Views [B, 2, 8, 8, 1] to projections [B, 2, 32] and to logits [B, 10]."""
    views = tf.keras.Input([2, 8, 8, 1])
    features = tf.keras.layers.TimeDistributed(encoder)(views)  # [B, 2, 64]
    projections = tf.keras.Sequential(
        [tf.keras.Input([2, 64]), tf.keras.layers.Dense(64, "relu"), tf.keras.layers.Dense(32), sc.UnitNorm()],
        name="projections",
    )(features)
    first = tf.keras.layers.Cropping1D((0, 1))(features)  # the classifier learns from the first view
    logits = tf.keras.layers.Dense(10, name="logits")(tf.keras.layers.Flatten()(first))
    return tf.keras.Model(views, {"projections": projections, "logits": logits})


def main(epochs: int):
    tf.keras.utils.set_random_seed(0)
    train, test = digits()
    two = sc.TwoViews("sim_augment", size=8, seed=0, options={"flip": False, "crop_area": (0.4, 1.0)})
    images = tf.data.Dataset.from_tensor_slices(train).shuffle(2000, seed=0).batch(256, drop_remainder=True)
    data = images.map(lambda x, y: (two(x), {"projections": y, "logits": y}), num_parallel_calls=tf.data.AUTOTUNE)

    encoder = small_encoder()
    model = two_outputs(encoder)
    model.compile(
        optimizer=tf.keras.optimizers.Adam(3e-3),
        loss={
            "projections": sc.SupConLoss(temperature=0.1),
            "logits": tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        },
        metrics={"projections": [sc.metrics.Alignment(), sc.metrics.Uniformity()], "logits": ["accuracy"]},
    )
    model.fit(data.prefetch(2), epochs=epochs, verbose=2,
              callbacks=[sc.callbacks.KNNAccuracy(train, test, every=5, encoder=encoder)])  # fmt: skip

    views = np.repeat(test[0][:, None], 2, 1)  # no augmentation: an image twice
    answers = model.predict(views, verbose=0)["logits"].argmax(1)
    print(f"joint classifier: {np.mean(answers == test[1]):.4f} of the test images right")
    probe = sc.evaluation.linear(encoder, train, test)
    low, high = probe.interval.low, probe.interval.high
    print(f"linear probe: {probe.accuracy:.4f} right (95 % interval {low:.4f} to {high:.4f})")


if __name__ == "__main__":
    main(int(sys.argv[1].split("=")[1]) if len(sys.argv) > 1 else 20)
