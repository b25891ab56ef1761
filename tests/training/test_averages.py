"""Moving averages of local batch norm: one value for all replicas, the mean of what each would have."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.training.averages import local_averages, take_mean
from supcon_tf.training.compiled import compile_update
from tests.training import stages


def on_each(strategy, variable):
    return [value.numpy() for value in strategy.experimental_local_results(getattr(variable, "_value", variable))]


def on_all(strategy, averages):
    return np.concatenate([np.stack(on_each(strategy, average), 1) for average in averages])  # [n, R]


@pytest.mark.two_replicas_required
def test_replicas_agree_after_an_update_and_so_does_a_checkpoint(two_replicas, make_state, feed, batch, tmp_path):
    """The first layer's mean is 0.1 of the mean of its inputs' means, whatever the replica."""
    state = make_state(two_replicas, "linear", cross_replica_batch_norm=False)
    averages = local_averages(state.networks)
    assert len(averages) == 4
    images, labels = batch
    images[4:] += 3.0  # unlike halves
    (convolution,) = [layer for layer in state.networks.encoder.layers if "conv" in layer.name][:1]
    rows = tf.nn.conv2d(images[:, 0], convolution.kernel, 2, "SAME")
    step = stages.make_update(state, "linear", weight_decay=0.0, batch_statistics=True)
    compile_update(step, state, two_replicas)(*feed(two_replicas, images, labels))
    for average in averages:
        one, other = on_each(two_replicas, average)
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(on_each(two_replicas, averages[0])[0], 0.1 * np.mean(rows, (0, 1, 2)), rtol=1e-4)
    before = on_all(two_replicas, averages)
    path = state.trackable().write(str(tmp_path / "saved"))
    for average in averages:
        average.assign(tf.zeros(average.shape))
    state.trackable().read(path).assert_existing_objects_matched()
    np.testing.assert_array_equal(before, on_all(two_replicas, averages))


@pytest.mark.two_replicas_required
def test_without_agreement_each_replica_has_its_own(two_replicas, make_state):
    """Control; then the mean. Equal values, as those of a frozen encoder, keep every bit."""
    state = make_state(two_replicas, cross_replica_batch_norm=False, last_batch_norm=True)
    averages = local_averages(state.networks)
    assert len(averages) == 6  # two of the encoder and one of the head, each with two
    third = np.float32(1 / 3)

    @tf.function
    def run(move, agree):
        def replica():
            number = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.float32)
            if move:
                for average in averages:
                    average.assign(tf.fill(average.shape, third + number))
            if agree:
                take_mean(averages)

        two_replicas.run(replica)

    for move, agree, expected in ((True, False, [third, 1 + third]), (True, True, [0.5 + third] * 2)):
        run(move, agree)
        for average in averages:
            np.testing.assert_allclose([value[0] for value in on_each(two_replicas, average)], expected, rtol=1e-6)
    before = on_all(two_replicas, averages)
    run(False, True)
    np.testing.assert_array_equal(before, on_all(two_replicas, averages))


@pytest.mark.two_replicas_required
def test_cross_replica_batch_norm_is_left_alone(two_replicas, make_state):
    assert local_averages(make_state(two_replicas).networks) == []
