"""The memory of a stage: who follows whom, what is kept, and that replicas and resumption change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.names import STAGE_KINDS
from supcon_tf.training.averages import local_averages
from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.compiled import compile_update
from supcon_tf.training.momentum_queue import FOLLOWED, MomentumQueue
from supcon_tf.training.state import StageState
from tests.losses.problems import largest_difference
from tests.tiny import tiny_networks
from tests.training import stages

LOSS = {"temperature": 0.1, "base_temperature": None}
SIZE, MOMENTUM = 20, 0.75  # two batches of eight and a half: the third wraps around


def make_state(strategy, *, stage="contrastive", learning_rate=0.1, cross_replica_batch_norm=True, **options):
    with strategy.scope():
        networks = tiny_networks(cross_replica_batch_norm=cross_replica_batch_norm)
        networks.follower = tiny_networks(cross_replica_batch_norm=cross_replica_batch_norm)
        for variable in networks.follower.encoder.trainable_variables:
            variable.assign(variable + 1)  # it becomes a copy, whatever it was
        queue = MomentumQueue(networks, size=SIZE, momentum=MOMENTUM, **options)
        optimizer = tf.keras.optimizers.SGD(learning_rate, momentum=0.9)
        return StageState.create(networks, STAGE_KINDS[stage].trains, optimizer, queue)


def make_update(state, strategy, *, use_labels=True, loss=None, **options):
    step = stages.make_update(state, loss={**LOSS, **(loss or {})}, use_labels=use_labels, **options)
    return compile_update(step, state, strategy)


def weights(networks):
    return [v.numpy() for name in FOLLOWED for v in networks.parts()[name].trainable_variables]


def everything(state):
    """Trained network, its follower, the queue."""
    queue = state.queue.read()
    return [*weights(state.networks), *weights(state.networks.follower), queue.rows.numpy(), queue.labels.numpy()]


def test_the_follower_takes_a_part_of_the_way_and_fills_the_places_in_turn(one_device, feed, batch):
    images, labels = batch
    state = make_state(one_device)
    follower, update = state.networks.follower, make_update(state, one_device)
    start = before = weights(state.networks)
    assert largest_difference(weights(follower), start) == 0
    expected_rows, expected_labels = np.zeros([SIZE, 8], np.float32), np.full(SIZE, -1)
    for number in range(3):
        update(*feed(one_device, images, labels + number))
        leader = weights(state.networks)
        assert largest_difference(leader, start) > 1e-3
        after = [MOMENTUM * old + (1 - MOMENTUM) * new for old, new in zip(before, leader)]
        assert largest_difference(weights(follower), after) < 1e-6
        before = weights(follower)
        places = (8 * number + np.arange(8)) % SIZE
        expected_rows[places] = follower.project(images[:, -1], training=True).numpy()
        expected_labels[places] = labels + number
        queue = state.queue.read()
        np.testing.assert_allclose(queue.rows, expected_rows, atol=1e-6)
        np.testing.assert_array_equal(queue.labels, expected_labels)
        assert int(queue.filled) == min(8 * (number + 1), SIZE)


def test_a_follower_normalises_as_its_leader():
    """`Normalization` computes with copies of its weights."""
    networks, images = tiny_networks(normalized=True), np.random.default_rng(0).uniform(3, 9, (4, 8, 8, 1)).astype("f4")
    networks.encoder.layers[1].adapt(images)
    networks.follower = tiny_networks(normalized=True)
    MomentumQueue(networks, size=SIZE, momentum=MOMENTUM)
    both = [which.project(images, training=False) for which in (networks.follower, networks)]
    np.testing.assert_allclose(*both, atol=1e-6)


def test_the_loss_is_that_of_batch_and_queue_and_without_labels_of_images_alone(one_device, feed, batch):
    images, labels = batch
    state = make_state(one_device)
    update = make_update(state, one_device, use_labels=False)
    update(*feed(one_device, images, labels))
    queue = state.queue.read()
    np.testing.assert_array_equal(queue.labels[:8], -np.ones(8))
    rows = state.networks.project(images.reshape(16, *images.shape[2:]), training=True)
    found = float(update(*feed(one_device, images, labels))[0]["loss"])
    similarity = np.concatenate([rows, queue.rows[:8]]) @ rows.numpy().T / 0.1  # [N + Q, N]
    similarity[np.arange(16), np.arange(16)] = -np.inf
    positive = similarity[np.arange(16) ^ 1, np.arange(16)]
    assert found == pytest.approx(np.mean(np.log(np.exp(similarity).sum(0)) - positive), rel=1e-5)


def three_updates(strategy, feed, batch, **options):
    state = make_state(strategy)
    update = make_update(state, strategy, **options)
    for number in range(3):
        metrics, _ = update(*feed(strategy, batch[0], batch[1] + number % 2))
    return everything(state), float(metrics["loss"])


@pytest.mark.guard
@pytest.mark.two_replicas_required
@pytest.mark.parametrize("gather", [True, False])
def test_two_replicas_are_one_device_but_not_without_the_gather(gather, one_device, two_replicas, feed, batch):
    alone, loss = three_updates(one_device, feed, batch)
    shared, loss_shared = three_updates(two_replicas, feed, batch, loss={"cross_replica": gather})
    if gather:
        assert largest_difference(alone, shared) < 5e-5
        assert loss_shared == pytest.approx(loss, rel=1e-5)
    else:  # the control
        assert largest_difference(alone, shared) > 1e-2


@pytest.mark.slow
def test_micro_batches_and_xla_change_nothing_where_batch_norm_is_frozen(one_device, feed, batch):
    ends = []
    for microbatches, jit_compile in ((1, False), (4, False), (1, True)):
        state = make_state(one_device, batch_statistics=False, microbatches=microbatches)
        step = stages.make_update(state, loss=LOSS, microbatches=microbatches, batch_statistics=False)
        update = compile_update(step, state, one_device, jit_compile=jit_compile)
        for number in range(3):
            update(*feed(one_device, batch[0], batch[1] + number))
        ends.append(everything(state))
    assert largest_difference(ends[0], ends[1]) < 2e-5
    assert largest_difference(ends[0], ends[2]) < 2e-5


@pytest.mark.slow
def test_the_joint_stage_fills_it_too(one_device, feed, batch):
    state = make_state(one_device, stage="joint")
    step = stages.make_update(state, "joint", weight_decay=0.0, loss=LOSS, label_smoothing=0.0)
    compile_update(step, state, one_device)(*feed(one_device, *batch))
    assert int(state.queue.read().filled) == 8
    np.testing.assert_array_equal(state.queue.read().labels[:8], batch[1])


def test_a_checkpoint_holds_all_of_it(one_device, feed, batch, tmp_path):
    state = make_state(one_device)
    make_update(state, one_device)(*feed(one_device, *batch))
    StageCheckpoints(state, tmp_path / "checkpoints" / "contrastive").save({})
    again = make_state(one_device)
    assert StageCheckpoints(again, tmp_path / "checkpoints" / "contrastive").restore().step == 1
    assert largest_difference(everything(state), everything(again)) == 0
    assert int(again.queue.read().filled) == 8


@pytest.mark.slow
@pytest.mark.two_replicas_required
@pytest.mark.parametrize("agree", [True, False])
def test_local_averages_of_the_follower_are_one_on_all_replicas(two_replicas, feed, batch, monkeypatch, agree):
    """The control leaves out the agreement: replicas that saw unlike halves then have unlike averages."""
    if not agree:
        monkeypatch.setattr("supcon_tf.training.compiled.take_mean", lambda averages: None)
    images, labels = batch
    images[4:] += 3.0
    state = make_state(two_replicas, cross_replica_batch_norm=False)
    averages = local_averages(state.networks)
    followed = local_averages(state.networks.follower)
    assert len(averages) == 2 * len(followed) == 8
    make_update(state, two_replicas)(*feed(two_replicas, images, labels))
    for average in followed:
        one, other = two_replicas.experimental_local_results(getattr(average, "_value", average))
        assert np.array_equal(one, other) == agree
        assert np.abs(one.numpy() - (0.0 if "mean" in average.name else 1.0)).max() > 1e-3  # it has moved
