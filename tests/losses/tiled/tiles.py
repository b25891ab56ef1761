"""What tests of the kernel's files share: a small problem, cut into tiles."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from supcon_tf.losses import pairs
from supcon_tf.losses.modes import Mode
from supcon_tf.losses.pairs import Rows
from supcon_tf.losses.tiled import blocks
from tests.losses.problems import unit_rows

CLASSES = np.array([4, 0, 4, -1, 4, 0, -1, 4, 7])
SETS = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 0], [0.5, 0.5, 0], [0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
ROWS = unit_rows(18, 3)  # of 9 images in two views
CAP = 2  # positives from other images: one image


def labels_of(mode: Mode):
    """Labels of 9 images, of the kind that a mode is for."""
    return SETS if mode.label_sets else CLASSES


def rows_of(mode: Mode, rows=ROWS, dtype="float64") -> Rows:
    """18 rows and their ids."""
    labels = labels_of(mode)
    labels = tf.cast(labels, tf.float32 if labels.ndim == 2 else tf.int64)
    return Rows(tf.constant(rows, dtype), pairs.row_ids(labels, views=2, kept_images=mode.kept_images))


def blocks_of(mode: Mode, rows=ROWS, size=4, dtype="float64"):
    """Five blocks of 4 rows, the last with two rows of padding; classes and images are cut where it hurts."""
    return blocks.cut(rows_of(mode, rows, dtype), size=size, by_class=mode.tells_classes)


def modes():
    """One of each denominator and summation, one with a cap, one of label sets."""
    named = {
        f"{where} {which}": Mode.of(where, which)
        for where in ("out", "in")
        for which in ("all", "one_positive", "only_negatives")
    }
    return {**named, "cap": Mode.of(kept_images=CAP // 2), "sets": Mode.of(label_sets=True),
            "in one_positive sets": Mode.of("in", "one_positive", label_sets=True)}  # fmt: skip
