"""Loss scaling on two replicas: an update that overflows on one of them is left out on both, and counted."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.training.state import StageState
from tests.training import stages


def train(directory, state, strategy, images, labels):
    """A linear stage of one epoch; `images` [n, 8, 1, S, S, 1] are those of n global batches. Returns its record."""
    steps = len(images)

    def batches(done, context):
        shares = images.reshape(-1, 4, *images.shape[2:]), np.tile(labels, steps).reshape(-1, 4)
        return tf.data.Dataset.from_tensor_slices(shares)

    stages.train(
        directory, state, strategy, batches, stage="linear", steps=steps, weight_decay=0.01, label_smoothing=0.0
    )
    return json.loads((directory / "metrics.jsonl").read_text())


@pytest.mark.two_replicas_required
def test_an_update_that_overflows_on_one_replica_is_left_out_on_both(two_replicas, make_state, batch, tmp_path):
    """Whichever replica it is: of three updates the first is done. The encoder's averages are frozen."""
    state, (images, labels) = make_state(two_replicas, "linear"), batch
    with two_replicas.scope():
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(state.optimizer)
        state = StageState.create(state.networks, state.trains, optimizer)
    features = state.networks.features(images[:, 0], training=False).numpy()
    kernel, bias = (variable.numpy() for variable in state.networks.classifier.weights)
    shares = np.exp(features @ kernel + bias)
    errors = (shares / shares.sum(-1, keepdims=True) - np.eye(3)[labels]) / 8
    stream = np.stack([images[:, :1]] * 3)
    stream[1, 0] = stream[2, 7] = np.inf  # the first and the last image of a batch are on different replicas
    record = train(tmp_path, state, two_replicas, stream, labels)
    assert record["overflows"] == 2 and 0 < record["loss"] < 10
    expected = kernel - 0.1 * (features.T @ errors + 0.01 * kernel), bias - 0.1 * errors.sum(0)
    for variable, value in zip(state.networks.classifier.weights, expected):
        for of_replica in two_replicas.experimental_local_results(getattr(variable, "_value", variable)):
            np.testing.assert_allclose(of_replica, value, rtol=1e-4, atol=1e-6)
