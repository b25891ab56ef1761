"""A program of a user, with types: `make types` checks it by mypy --strict, `make installs` runs it on an installation.

Every line of `wrong` must be an error to mypy: an ignore that is not needed is an error itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

import supcon_tf as sc

IMAGES: npt.NDArray[np.float32] = np.random.default_rng(0).random((12, 8, 8, 1), np.float32)
LABELS: npt.NDArray[np.int64] = np.arange(12) % 3


def known_values() -> list[float]:
    """The example of README: two images of class 0 and one of class 1, in two views each."""
    views = [[[1.0, 0.0], [0.8, 0.6]], [[0.6, 0.8], [1.0, 0.0]], [[0.0, -1.0], [0.0, -1.0]]]
    values = sc.supervised_contrastive_loss([0, 0, 1], views, temperature=0.5, base_temperature=None)
    return [round(float(value), 3) for value in values]


def optimizer(steps: int) -> sc.optim.LARS:
    rate = sc.learning_rate_schedule("cosine", peak_learning_rate=0.1, total_steps=steps, warmup_steps=1)
    return sc.LARS(rate, momentum=0.9, weight_decay=1e-6)


def loss() -> sc.SupConLoss:
    made: sc.SupConLoss = sc.losses.SupConLoss(temperature=0.1, base_temperature=None, label_mode="class")
    values: tf.Tensor = made.values(LABELS[:2], np.eye(2, dtype=np.float32), queue=sc.Queue(np.eye(2), [0, 1]))
    print("values", values.shape)
    return made


def model() -> sc.models.SupConModel:
    encoder = sc.build_encoder("resnet18", image_shape=(8, 8, 1), width=0.0625, stem="small_image")
    views: sc.TwoViews = sc.augment.TwoViews("crop_flip", size=8, views=2, options={"crop_area": (0.5, 1.0)})
    made = sc.SupConModel(encoder, projection=(16, 8), augment=views, loss=loss(), classes=3)
    made.compile(optimizer(steps=4))
    return made


def measured() -> tuple[float, float]:
    """Accuracy of the linear probe, and of nearest neighbours."""
    trained, split = model(), (IMAGES, LABELS)
    callbacks = [sc.callbacks.KNNAccuracy(split, split, neighbours=3), sc.callbacks.CollapseWarning(split)]
    history = trained.fit(IMAGES, LABELS, batch_size=6, epochs=2, callbacks=callbacks, verbose=0)
    print("logs", sorted(history.history))
    probe: sc.evaluation.LinearProbe = trained.linear_probe(split, split)
    neighbours = sc.evaluation.nearest_neighbours(trained, split, split, neighbours=3)
    features, labels = sc.evaluation.embed(trained, split)
    print("features", features.shape, "alignment", sc.evaluation.alignment(features, labels))
    return probe.interval.value, neighbours["top1"] or 0.0


def layers(features: tf.Tensor) -> tf.Tensor:
    head = sc.ProjectionHead(widths=(16, 8), last_batch_norm=True)
    metric = sc.metrics.EffectiveRank(width=8)
    metric.update_state(None, head(features))
    return sc.UnitNorm()(sc.ClassificationHead(3)(features))


def wrong() -> None:
    sc.SupConLoss(temprature=0.1)  # type: ignore[call-arg]
    sc.SupConLoss(temperature="0.1")  # type: ignore[arg-type]
    sc.SupConLos()  # type: ignore[attr-defined]
    sc.losses.SupConLos()  # type: ignore[attr-defined]
    sc.supervised_contrastive_loss([0, 1], np.eye(2), temprature=0.1)  # type: ignore[call-arg]
    sc.evaluation.linear("resnet18", (IMAGES, LABELS), (IMAGES, LABELS))  # type: ignore[arg-type]
    sc.learning_rate_schedule("cosine", peak_learning_rate=0.1)  # type: ignore[call-arg]
    sc.run_experiment("digits", "runs/digits")  # type: ignore[arg-type]
    sc.distribution.make_strategy(replica=2)  # type: ignore[call-arg]
    measured().accuracy  # type: ignore[attr-defined]  # noqa: B018


if __name__ == "__main__":
    print("known", known_values())
    print("measured", *measured())
    print("layers", layers(tf.ones([4, 16])).shape)
