"""One update: what it changes, and that it does not depend on the number of replicas."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.names import STAGE_KINDS
from supcon_tf.training.compiled import compile_update
from supcon_tf.training.state import StageState
from tests.marks import guard, slow
from tests.training import stages

LOSS = {"temperature": 0.1, "base_temperature": None}
WEIGHT_DECAY = 0.01


def make_update(stage, state, *, loss=None, **options):
    return stages.make_update(state, stage, loss={**LOSS, **(loss or {})}, weight_decay=WEIGHT_DECAY, **options)


def snapshot(state):
    return {name: [v.numpy() for v in part.weights] for name, part in state.networks.parts().items()}


def largest_difference(a, b):
    return max(float(np.abs(x - y).max()) for name in a for x, y in zip(a[name], b[name]))


def after_updates(strategy, make_state, feed, batch, stage, count=2, step=None, **options):
    """Weights and last metrics after `count` updates on one batch; `step` are options of the step."""
    state = make_state(strategy, stage, **options)
    start = snapshot(state)
    update = compile_update(make_update(stage, state, **(step or {})), state, strategy)
    for _ in range(count):
        metrics, _ = update(*feed(strategy, *batch))
    assert int(state.step.numpy()) == count
    return start, snapshot(state), {name: float(value) for name, value in metrics.items()}


@pytest.mark.two_replicas_required
@pytest.mark.parametrize(
    "stage, last_batch_norm",
    [
        pytest.param("contrastive", False, marks=pytest.mark.slow),
        ("contrastive", True),
        ("linear", False),
        *(pytest.param(name, True, marks=pytest.mark.slow) for name in ("cross_entropy", "joint")),
    ],
)
def test_two_replicas_make_the_update_of_one_device(
    stage, last_batch_norm, one_device, two_replicas, make_state, feed, batch
):
    head = {"last_batch_norm": last_batch_norm}
    start, alone, alone_metrics = after_updates(one_device, make_state, feed, batch, stage, **head)
    start_two, shared, shared_metrics = after_updates(two_replicas, make_state, feed, batch, stage, **head)
    assert largest_difference(start, start_two) == 0
    assert largest_difference(start, alone) > 1e-2  # The update is far larger than the rounding allowed below.
    assert largest_difference(alone, shared) < 2e-5
    assert alone_metrics == pytest.approx(shared_metrics, rel=1e-5)


@pytest.mark.two_replicas_required
def test_without_the_gather_two_replicas_make_another_update(one_device, two_replicas, make_state, feed, batch):
    """Control: each replica alone sees half of the pairs."""
    _, alone, alone_metrics = after_updates(one_device, make_state, feed, batch, "contrastive")
    _, local, local_metrics = after_updates(
        two_replicas, make_state, feed, batch, "contrastive", step={"loss": {"cross_replica": False}}
    )
    assert largest_difference(alone, local) > 1e-2
    assert abs(alone_metrics["loss"] - local_metrics["loss"]) > 0.1
    assert local_metrics["gradient_norm"] != pytest.approx(alone_metrics["gradient_norm"], rel=0.01)


@pytest.mark.slow
@pytest.mark.two_replicas_required
def test_without_cross_replica_batch_norm_two_replicas_make_another_update(
    one_device, two_replicas, make_state, feed, batch
):
    """Control: statistics of half a batch are other statistics, in the head too."""
    head = {"last_batch_norm": True}
    _, alone, _ = after_updates(one_device, make_state, feed, batch, "contrastive", **head)
    _, local, _ = after_updates(
        two_replicas, make_state, feed, batch, "contrastive", cross_replica_batch_norm=False, **head
    )
    assert largest_difference(alone, local) > 1e-3
    assert largest_difference({"head": alone["projection"]}, {"head": local["projection"]}) > 1e-3


@pytest.mark.slow
@pytest.mark.two_replicas_required
@pytest.mark.parametrize("stage", ["contrastive", "linear", "cross_entropy", "joint"])
def test_xla_between_the_meetings_of_replicas_changes_no_update(stage, two_replicas, make_state, feed, batch):
    """Networks forward and backward, and both passes over tiles; counted in the graph of the update."""
    ends = []
    for compiled in (False, True):
        state = make_state(two_replicas, stage, cross_replica_batch_norm=False)
        state.networks.jit_compile = compiled
        options = {"loss": {"jit_compile": compiled}} if stage in ("contrastive", "joint") else {}
        update = compile_update(make_update(stage, state, **options), state, two_replicas)
        for _ in range(2):
            metrics, _ = update(*feed(two_replicas, *batch))
        ends.append((snapshot(state), {name: float(value) for name, value in metrics.items()}))
        graph = update.get_concrete_function(*feed(two_replicas, *batch)).graph.as_graph_def()
        by_xla = [function.signature.name for function in graph.library.function if "_XlaMustCompile" in function.attr]
        assert len(by_xla) >= 2 if compiled else not by_xla
    assert largest_difference(ends[0][0], ends[1][0]) < 2e-5
    assert ends[0][1] == pytest.approx(ends[1][1], rel=1e-5)


@pytest.mark.parametrize("stage", ["contrastive", "linear", "cross_entropy", "joint"])
def test_a_stage_changes_its_own_parts_and_no_other(stage, one_device, make_state, feed, batch):
    start, end, _ = after_updates(one_device, make_state, feed, batch, stage)
    changed = {name for name in start if any((a != b).any() for a, b in zip(start[name], end[name]))}
    assert changed == set(STAGE_KINDS[stage].trains)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["contrastive", "cross_entropy"])
def test_a_few_updates_fit_one_batch(stage, one_device, make_state, feed, batch):
    _, _, first = after_updates(one_device, make_state, feed, batch, stage, count=1, learning_rate=0.3)
    _, _, last = after_updates(one_device, make_state, feed, batch, stage, count=50, learning_rate=0.3)
    assert last["loss"] < 0.7 * first["loss"]


def test_the_joint_stage_is_both_losses_and_sends_no_gradient_of_the_classifier_to_the_encoder(
    one_device, make_state, feed, batch
):
    """Encoder and projection go as in the contrastive stage; the classifier by cross-entropy on first views."""
    start, alone, contrastive = after_updates(one_device, make_state, feed, batch, "contrastive", count=1)
    _, joint, metrics = after_updates(one_device, make_state, feed, batch, "joint", count=1)
    for part in ("encoder", "projection"):
        for one, other in zip(alone[part], joint[part]):
            np.testing.assert_allclose(one, other, atol=1e-7)
    assert metrics["loss"] == pytest.approx(contrastive["loss"], rel=1e-6)
    state = make_state(one_device, "joint")
    images, labels = batch
    features = state.networks.features(images.reshape(16, *images.shape[2:]), training=True)[::2].numpy()  # first views
    kernel, bias = start["classifier"]
    logits = features @ kernel + bias  # [B, C]
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    targets = 0.9 * np.eye(3)[labels] + 0.1 / 3
    assert metrics["classifier_loss"] == pytest.approx(-(targets * np.log(shares)).sum(-1).mean(), rel=1e-5)
    assert metrics["train_accuracy"] == pytest.approx(np.mean(logits.argmax(-1) == labels))
    gradient = features.T @ (shares - targets) / 8 + WEIGHT_DECAY * kernel
    np.testing.assert_allclose(joint["classifier"][0], kernel - 0.1 * gradient, atol=1e-6)


@pytest.mark.slow
def test_the_joint_stage_in_micro_batches_makes_the_update_of_the_whole_batch(one_device, make_state, feed, batch):
    ends = [
        after_updates(
            one_device, make_state, feed, batch, "joint",
            step={"microbatches": parts, "batch_statistics": False},
        )
        for parts in (1, 4)
    ]  # fmt: skip
    assert largest_difference(ends[0][1], ends[1][1]) < 1e-5 < 1e-3 < largest_difference(ends[0][0], ends[0][1])
    assert ends[0][2] == pytest.approx(ends[1][2], rel=1e-5)


@pytest.mark.parametrize("stage", ["contrastive", slow("linear")])
@pytest.mark.parametrize("batch_statistics", [False, True])
def test_moving_averages_move_where_batch_norm_takes_the_batch(
    stage, batch_statistics, one_device, make_state, feed, batch
):
    """The frozen encoder of the linear stage keeps every bit; told to take the batch, it moves its averages alone."""
    options = {"step": {"batch_statistics": batch_statistics}}
    start, end, _ = after_updates(one_device, make_state, feed, batch, stage, **options)
    changed = {place for place, (a, b) in enumerate(zip(start["encoder"], end["encoder"])) if (a != b).any()}
    weights = make_state(one_device).networks.encoder.weights
    moving = {place for place, weight in enumerate(weights) if not weight.trainable}
    assert len(moving) == 4 and changed & moving == (moving if batch_statistics else set())
    assert bool(changed - moving) == (stage == "contrastive")


def test_without_labels_every_image_is_its_own_class(one_device, make_state, feed, batch):
    images, labels = batch
    state = make_state(one_device)
    unlabelled = make_update("contrastive", state, use_labels=False)
    got, _ = compile_update(unlabelled, state, one_device)(*feed(one_device, images, labels))
    state = make_state(one_device)
    labelled = make_update("contrastive", state)
    distinct, _ = compile_update(labelled, state, one_device)(*feed(one_device, images, np.arange(8)))
    assert float(got["loss"]) == pytest.approx(float(distinct["loss"]), rel=1e-6)


def test_weight_decay_shrinks_kernels_only(one_device, make_state, feed, batch):
    """One update with decay and one without, from the same start: kernels differ by rate x decay x kernel."""
    ends = {}
    for decay in (0.0, 0.5):
        state = make_state(one_device, "contrastive", learning_rate=0.1)
        kernels = state.decayed()
        start = [kernel.numpy() for kernel in kernels]
        step = stages.make_update(state, weight_decay=decay, loss=LOSS)
        compile_update(step, state, one_device)(*feed(one_device, *batch))
        decayed = {id(kernel) for kernel in kernels}
        others = [v.numpy() for v in state.variables if id(v) not in decayed]
        ends[decay] = ([kernel.numpy() for kernel in kernels], others)
    assert len(start) == 4  # Two convolutions and the two layers of the projection head.
    for before, free, shrunk in zip(start, ends[0.0][0], ends[0.5][0]):
        np.testing.assert_allclose(shrunk, free - 0.1 * 0.5 * before, atol=1e-6)
    for free, same in zip(ends[0.0][1], ends[0.5][1]):
        np.testing.assert_array_equal(free, same)


@pytest.mark.parametrize("microbatches", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_scaled_loss_makes_the_same_update_and_an_overflow_none(microbatches, one_device, make_state, feed, batch):
    """Loss scaling, which mixed_float16 needs, with a float32 network: penalty and gradient come back to their size."""
    ends = []
    for scaled in (False, True):
        state = make_state(one_device)
        if scaled:
            with one_device.scope():
                optimizer = tf.keras.mixed_precision.LossScaleOptimizer(state.optimizer)
                state = StageState.create(state.networks, state.trains, optimizer)
        step = make_update("contrastive", state, microbatches=microbatches)
        update = compile_update(step, state, one_device)
        update(*feed(one_device, *batch))
        ends.append(snapshot(state))
    assert largest_difference(*ends) < 1e-6
    images, labels = batch
    trained = [v.numpy() for v in state.variables]
    update(*feed(one_device, images * np.float32(np.inf), labels))
    for before, now in zip(trained, state.variables):
        np.testing.assert_array_equal(now.numpy(), before)


SETS = np.array([[1, 0, 0], [1, 1, 0], [0, -1, 1], [0, 0, 0], [0, 1, 1], [-1, 1, 0], [1, 0, 1], [0, 0, 1]], np.float32)


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("stage", [guard("contrastive"), slow("linear"), slow("joint")])
def test_label_sets_make_one_update_on_one_device_and_on_two(stage, one_device, two_replicas, make_state, feed, batch):
    sets = (batch[0], SETS)
    start, alone, alone_metrics = after_updates(one_device, make_state, feed, sets, stage)
    _, shared, shared_metrics = after_updates(two_replicas, make_state, feed, sets, stage)
    assert largest_difference(start, alone) > 1e-2 and largest_difference(alone, shared) < 2e-5
    assert alone_metrics == pytest.approx(shared_metrics, rel=1e-5)


@pytest.mark.slow
def test_the_contrastive_step_compares_the_sets_without_what_does_not_count(one_device, make_state, feed, batch):
    of = {}
    for name, sets in (("given", SETS), ("counted", np.maximum(SETS, 0)), ("present", np.abs(SETS))):
        of[name] = after_updates(one_device, make_state, feed, (batch[0], sets), "contrastive", count=1)[2]["loss"]
    assert of["given"] == of["counted"] != pytest.approx(of["present"], rel=1e-3)
    unlabelled = {"use_labels": False}
    ignored = [
        after_updates(one_device, make_state, feed, (batch[0], labels), "contrastive", count=1, step=unlabelled)[2]
        for labels in (SETS, batch[1])
    ]
    assert ignored[0]["loss"] == pytest.approx(ignored[1]["loss"], rel=1e-6)


def test_the_gradient_norm_is_that_of_the_first_update(one_device, make_state, feed, batch):
    """The first update of SGD is rate times gradient."""
    state = make_state(one_device, learning_rate=0.1)
    step, variables = stages.make_update(state, weight_decay=0.5), state.variables
    before = [variable.numpy() for variable in variables]
    metrics, _ = compile_update(step, state, one_device)(*feed(one_device, *batch))
    moved = np.sqrt(sum(np.sum((v.numpy() - start) ** 2) for v, start in zip(variables, before)))
    assert float(metrics["gradient_norm"]) == pytest.approx(moved / 0.1, rel=1e-4)
