"""Every public class of Keras' kinds: how to make one, and what to hand it. The sweep runs over this table."""

from __future__ import annotations

from typing import Callable, NamedTuple

import numpy as np
import tensorflow as tf

import supcon_tf as sc

IMAGES = np.random.default_rng(0).integers(0, 256, [6, 8, 8, 3]).astype(np.uint8)
ROWS = np.random.default_rng(1).standard_normal([6, 8]).astype(np.float32)
CLASSES = np.array([0, 1, 2, 0, 1, 2])
STAGE = {"peak_learning_rate": 0.5, "total_steps": 20, "warmup_steps": 4}


class Case(NamedTuple):
    """One class.

    Attributes:
        make: a new object.
        inputs: what it is called with, arrays whose first dimension is the batch.
        random: whether two calls differ.
    """

    make: Callable
    inputs: tuple
    random: bool = False


def tiny_model():
    """A `SupConModel` on a dense encoder."""
    encoder = tf.keras.Sequential([tf.keras.Input([8, 8, 3]), tf.keras.layers.Flatten(), tf.keras.layers.Dense(8)])
    return sc.models.SupConModel(encoder, projection=(8, 4), classes=3)


LAYERS = {
    "ProjectionHead": Case(lambda: sc.ProjectionHead(widths=(8, 4)), (ROWS,)),
    "ClassificationHead": Case(lambda: sc.ClassificationHead(3), (ROWS,)),
    "UnitNorm": Case(sc.UnitNorm, (ROWS,)),
    "TwoViews": Case(lambda: sc.TwoViews("crop_flip", size=8, seed=1), (IMAGES,), random=True),
    "ColorJitter": Case(lambda: sc.ColorJitter(0.5, seed=1), (IMAGES / np.float32(255),), random=True),
    "GaussianBlur": Case(lambda: sc.GaussianBlur(0.5, taps=3, seed=1), (IMAGES / np.float32(255),), random=True),
}
MODELS = {"SupConModel": Case(tiny_model, (IMAGES,))}
LOSSES = {"SupConLoss": Case(sc.SupConLoss, (CLASSES, ROWS))}
METRICS = {
    "Alignment": Case(sc.metrics.Alignment, (CLASSES, ROWS)),
    "Uniformity": Case(sc.metrics.Uniformity, (CLASSES, ROWS)),
    "EffectiveRank": Case(lambda: sc.metrics.EffectiveRank(8), (CLASSES, ROWS)),
    "AnchorsWithoutPositives": Case(sc.AnchorsWithoutPositives, (CLASSES, ROWS)),
}
OPTIMIZERS = {"LARS": lambda: sc.LARS(0.5, momentum=0.9, weight_decay=1e-4)}
SCHEDULES = {
    "CosineSchedule": lambda: sc.optim.CosineSchedule(**STAGE),
    "ExponentialSchedule": lambda: sc.optim.ExponentialSchedule(decay_rate=0.5, steps_per_decay=3, **STAGE),
    "PiecewiseSchedule": lambda: sc.optim.PiecewiseSchedule(decay_rate=0.5, boundaries=(4.0, 8.0), **STAGE),
}
CALLABLE = {**LAYERS, **MODELS}
EVERYTHING = {*CALLABLE, *LOSSES, *METRICS, *OPTIMIZERS, *SCHEDULES}
# Public classes that are none of Keras' kinds, each with the test that holds it.
ELSEWHERE = {
    "Queue": "tests/losses/test_queue.py", "LinearProbe": "tests/evaluation/test_encoder.py",
    "KNNAccuracy": "tests/callbacks/test_knn_accuracy.py",
    "CollapseWarning": "tests/callbacks/test_collapse_warning.py",
    "ProjectorLog": "tests/callbacks/test_projector_log.py", "EmbeddingMap": "tests/callbacks/test_embedding_map.py",
    "Report": "tests/callbacks/test_report.py",
}  # fmt: skip
