"""An encoder of one's own, trained by `SupConModel`, and what it is worth: about half a minute on one core.

    python examples/supcon_model.py [--epochs=20]

1. Any Keras encoder, with the loss, random views and a projection head around it, under `compile` and `fit`.
2. A linear classifier on the frozen encoder, whose penalty is chosen on a part of the training images.
3. Encoder and classifier as one model, saved, and loaded as it would be elsewhere.
"""

import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import supcon_tf as sc


def digits():
    """1,797 handwritten digits: uint8 [n, 8, 8, 1] and their classes, for training and for testing."""
    images, labels = load_digits(return_X_y=True)
    images = np.round(images * (255 / 16)).astype("uint8").reshape(-1, 8, 8, 1)
    train, test, train_labels, test_labels = train_test_split(images, labels, test_size=0.3, random_state=0)
    return (train, train_labels), (test, test_labels)


def small_encoder():
    """Images [B, 8, 8, 1] to features [B, 64]; yours may be any of `tf.keras.applications`."""
    layers = [tf.keras.Input([8, 8, 1])]
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        layers += [
            tf.keras.layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False),
            tf.keras.layers.BatchNormalization(momentum=0.9),  # 0.99 wants more than these 80 updates
            tf.keras.layers.ReLU(),
        ]
    return tf.keras.Sequential([*layers, tf.keras.layers.GlobalAveragePooling2D()])


def main(epochs: int):
    tf.keras.utils.set_random_seed(0)
    train, test = digits()

    # Left and right mean something in digits, so no view is flipped; crops keep most of the image.
    views = sc.TwoViews("sim_augment", size=8, seed=0, options={"flip": False, "crop_area": (0.4, 1.0)})
    model = sc.models.SupConModel(small_encoder(), augment=views)
    model.compile(optimizer=tf.keras.optimizers.Adam(3e-3), loss=sc.SupConLoss(temperature=0.1))

    batches = tf.data.Dataset.from_tensor_slices(train).shuffle(2000, seed=0).batch(256, drop_remainder=True)
    callbacks = [
        sc.callbacks.KNNAccuracy(train, test, every=5),
        sc.callbacks.CollapseWarning(next(iter(batches))),
        tf.keras.callbacks.TerminateOnNaN(),
    ]
    model.fit(batches.prefetch(2), epochs=epochs, callbacks=callbacks, verbose=2)

    probe = model.linear_probe(train, test)
    low, high = probe.interval.low, probe.interval.high
    print(f"linear probe: {probe.accuracy:.4f} of the test images right (95 % interval {low:.4f} to {high:.4f})")

    answer = [model.encoder, probe.classifier, tf.keras.layers.Softmax()]
    classifier = tf.keras.Sequential([tf.keras.Input([8, 8, 1]), *answer])
    path = pathlib.Path(tempfile.mkdtemp()) / "digits.keras"
    classifier.save(path)
    loaded = tf.keras.models.load_model(path)
    answers = loaded.predict(test[0] / np.float32(255), verbose=0).argmax(1)  # the encoder takes floats in [0, 1]
    print(f"saved and loaded: {np.mean(answers == test[1]):.4f} right")


if __name__ == "__main__":
    main(int(sys.argv[1].split("=")[1]) if len(sys.argv) > 1 else 20)
