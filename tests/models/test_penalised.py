"""Objectives with what layers ask for beside the loss."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.supcon import SupConLoss
from supcon_tf.models.penalised import PenalisedContrastive
from tests.losses.problems import unit_rows


def outcome(layers, **arguments):
    objective = PenalisedContrastive(batch_size=4, loss=SupConLoss().values, layers=layers, **arguments)
    rows = tf.constant(unit_rows(8, 3).astype("float32"))
    return objective.outcome(rows, tf.constant([0, 1, 0, -1]), views=2)


def test_penalties_are_added_to_the_value_and_not_shown():
    layer = tf.keras.layers.Dense(2, kernel_regularizer=tf.keras.regularizers.L2(0.5))
    layer.build((None, 3))
    plain, penalised = outcome(()), outcome((layer,))
    expected = 0.5 * np.sum(layer.get_weights()[0] ** 2)
    assert float(penalised.value - plain.value) == pytest.approx(expected, rel=1e-4)
    assert float(penalised.metrics["loss"]) == float(plain.metrics["loss"])
    assert penalised.compared[1].numpy().tolist() == [0, 1, 0, -1]  # an unlabelled image stays one


def test_in_parts_they_are_refused():
    layer = tf.keras.layers.Dense(2, kernel_regularizer=tf.keras.regularizers.L2(0.5))
    layer.build((None, 3))
    with pytest.raises(ValueError, match="microbatches > 1"):
        outcome((layer,), microbatches=2)
