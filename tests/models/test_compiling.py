"""What `compile` may be given."""

from __future__ import annotations

import pytest
import tensorflow as tf

from supcon_tf.losses.supcon import SupConLoss
from supcon_tf.metrics.representation import Alignment
from supcon_tf.models import compiling


class Own(tf.keras.metrics.Mean):
    """A metric of somebody."""


def own(labels, projections):
    return tf.reduce_mean(projections)


def test_metrics_of_projections_and_of_anybody_are_taken():
    wrapped = tf.keras.metrics.MeanMetricWrapper(own, name="own")
    compiling.require_metrics([None, [Alignment(), {"a": Own()}, own, wrapped]], classes=None)


@pytest.mark.parametrize("metric", ["acc", tf.keras.metrics.AUC(), tf.keras.metrics.categorical_accuracy])
def test_metrics_of_keras_are_not(metric):
    with pytest.raises(ValueError, match=r"sc\.callbacks\.KNNAccuracy"):
        compiling.require_metrics([{"a": [metric]}], classes=None)


def test_losses():
    for loss in (None, SupConLoss()):
        compiling.require_loss(loss)
    for loss in ("mse", tf.keras.losses.MeanSquaredError(), [SupConLoss()], own):
        with pytest.raises(ValueError, match="minimises `SupConLoss`"):
            compiling.require_loss(loss)
