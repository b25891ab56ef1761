"""A contrastive model under `fit` is the trainer's update: by hand, on two replicas, in parts, and after a reload."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import supcon_tf as sc
from supcon_tf.keras_generations import KERAS_3
from supcon_tf.losses.supcon import SupConLoss, supervised_contrastive_loss
from supcon_tf.models.supcon_model import SupConModel
from tests.marks import guard, slow
from tests.models.models_to_train import LABELS, VIEWS, fitted, small
from tests.oracles import supcon as oracle


def by_hand(model, *, rate=0.2):
    """The trainable weights after the updates of `fitted`, without Keras' optimizer, and the mean of the losses."""
    variables, losses = model.trainable_variables, []
    for batch in (slice(0, 8), slice(8, 16)):
        with tf.GradientTape() as tape:
            rows = model.projection(model.encoder(VIEWS[batch].reshape(-1, 6, 6, 1), training=True), training=True)
            rows = tf.reshape(rows, [8, 2, -1])
            losses.append(tf.reduce_mean(supervised_contrastive_loss(LABELS[batch], rows)))
        for variable, gradient in zip(variables, tape.gradient(losses[-1], variables)):
            variable.assign_sub(rate * gradient)
    return [variable.numpy() for variable in variables], float(np.mean(losses))


def assert_same(found, expected, tolerance=1e-4):
    for one, other in zip(found[0], expected[0]):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
    assert found[1].keys() == expected[1].keys()
    for name, value in found[1].items():
        assert value == pytest.approx(expected[1][name], rel=tolerance), name


@pytest.mark.slow
def test_fit_is_the_update_by_hand():
    model = small()
    model.compile(tf.keras.optimizers.SGD(0.2))
    data = tf.data.Dataset.from_tensor_slices((VIEWS[:16], LABELS[:16])).batch(8)
    shown = model.fit(data, verbose=0).history["loss"][0]
    expected, loss = by_hand(small())
    assert shown == pytest.approx(loss, rel=1e-5)
    for found, other in zip([variable.numpy() for variable in model.trainable_variables], expected):
        np.testing.assert_allclose(found, other, rtol=1e-4, atol=1e-6)


def test_evaluate_is_the_oracle():
    """Eq. 2 in float64 loops over the projections, on the scale of the authors' code."""
    model = small()
    model.compile("sgd")
    rows = model.project(VIEWS[:8]).numpy().astype("float64")
    expected = np.mean(oracle.supervised_contrastive_loss(LABELS[:8], rows, temperature=0.1))
    assert model.evaluate(VIEWS[:8], LABELS[:8], verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.two_replicas_required
@pytest.mark.parametrize(
    "arguments",
    [
        guard({"images": 19, "classes": 3}),  # with a last batch of 3
        slow({}),
        slow({"queue_size": 16}),
        slow({"microbatches": 2, "norm": False}),
        slow({"penalty": 0.1}),
    ],
    ids=str,
)
def test_two_replicas_are_one_device(two_replicas, arguments):
    assert_same(fitted(two_replicas, **arguments), fitted(**arguments))


@pytest.mark.guard
@pytest.mark.two_replicas_required
def test_control_replicas_that_do_not_meet_differ(two_replicas):
    loss = SupConLoss(cross_replica=False)
    found, expected = fitted(two_replicas, loss=loss)[0], fitted()[0]
    assert max(np.abs(one - other).max() for one, other in zip(found, expected)) > 1e-2


@pytest.mark.slow
def test_in_parts_the_gradient_is_that_of_the_whole_batch():
    whole, parts = fitted(norm=False), fitted(norm=False, microbatches=4)
    assert_same(parts, whole)
    halves = small(norm=False)  # control: batches of 4 are another loss
    halves.compile(tf.keras.optimizers.SGD(0.2))
    halves.fit(VIEWS[:16], LABELS[:16], batch_size=4, shuffle=False, verbose=0)
    assert max(np.abs(one - other).max() for one, other in zip(halves.get_weights(), whole[0])) > 1e-3


@pytest.mark.slow
def test_the_joint_classifier_sends_nothing_to_the_encoder():
    alone, joint = fitted(), fitted(classes=3)
    for one, other in zip(alone[0][:1], joint[0][:1]):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    assert joint[1]["loss"] == pytest.approx(alone[1]["loss"], rel=1e-5)
    assert 0 <= joint[1]["accuracy"] <= 1 and joint[1]["classifier_loss"] == pytest.approx(np.log(3), abs=0.3)


@pytest.mark.slow
def test_a_regularizer_counts():
    """d(p ||W||^2) / dW = 2 p W: beside the plain update in the first step."""
    models = [small(penalty=penalty) for penalty in (0.0, 0.1)]
    for model in models:
        model.compile(tf.keras.optimizers.SGD(0.2))
        model.fit(VIEWS[:8], LABELS[:8], batch_size=8, verbose=0)
    plain, shrunk = (model.encoder.get_weights()[0] for model in models)
    np.testing.assert_allclose(plain - shrunk, 0.2 * 2 * 0.1 * small().encoder.get_weights()[0], rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_a_queue_holds_what_the_slow_copy_made_of_last_views():
    model = small(queue_size=8, momentum=0.0, norm=False)
    model.compile(tf.keras.optimizers.SGD(0.2))
    model.fit(VIEWS[:8], LABELS[:8], batch_size=8, shuffle=False, verbose=0)
    queue = model._queue.read()
    assert int(queue.filled) == 8
    np.testing.assert_array_equal(queue.labels, LABELS[:8])
    np.testing.assert_allclose(queue.rows, model.project(VIEWS[:8, 1]), rtol=1e-4, atol=1e-5)  # momentum 0: a copy


def assert_keys_are_projections(model):
    """Of the last views of the first eight images, as the model in training makes them."""
    np.testing.assert_allclose(model._queue.read().rows, model.project(VIEWS[:8, 1], True), rtol=1e-4, atol=1e-5)


def fit_once(model):
    model.compile(tf.keras.optimizers.SGD(0.2))
    model.fit(VIEWS[:8], LABELS[:8], batch_size=8, shuffle=False, verbose=0)


@pytest.mark.parametrize("loaded", [True, False])
def test_the_slow_copy_begins_with_the_weights_that_the_first_update_begins_with(loaded):
    """The control loads none: there the copy of when the model was made is right."""
    model = small(queue_size=16, momentum=0.999)
    if loaded:
        model.encoder.set_weights([weight + 0.5 for weight in model.encoder.get_weights()])
    before = [weight.numpy() for weight in model.trainable_variables]
    fit_once(model)
    following = [*model.following_encoder.trainable_variables, *model.following_projection.trainable_variables]
    for follower, start, leader in zip(following, before, model.trainable_variables):
        np.testing.assert_allclose(follower, 0.999 * start + 0.001 * leader.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_the_slow_copy_follows_what_was_frozen_when_the_model_was_made():
    """With momentum 0 it is the model itself, batch norm that is frozen and no longer so included."""
    model = small(queue_size=8, momentum=0.0)
    model.encoder.trainable = False
    fit_once(model)
    assert_keys_are_projections(model)
    frozen = SupConModel.from_config(model.get_config())  # made of a frozen encoder
    frozen.set_weights(model.get_weights())
    start = frozen.encoder.get_weights()[0]
    for trainable in (False, True, True):
        frozen.encoder.trainable = trainable
        fit_once(frozen)
        assert_keys_are_projections(frozen)
    assert np.abs(frozen.encoder.get_weights()[0] - start).max() > 1e-3


@pytest.mark.guard
def test_a_fresh_process_loads_it_and_goes_on(tmp_path):
    """Features, projections, classifier, queue and optimizer: with `import supcon_tf` alone."""
    views = sc.TwoViews("crop_flip", size=6)
    model = small(classes=3, queue_size=8, augment=views, loss=SupConLoss(0.2))
    model.compile(tf.keras.optimizers.Adam(1e-3))
    model.fit(VIEWS[:8], LABELS[:8], batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    images = VIEWS[:4, 0]
    np.save(tmp_path / "images.npy", images)
    program = (
        "import sys, numpy as np, supcon_tf\n"
        "import tensorflow as tf\n"
        f"model = tf.keras.models.load_model({str(tmp_path / 'model.keras')!r})\n"
        f"images = np.load({str(tmp_path / 'images.npy')!r})\n"
        "found = [model(images), model.project(images), model.classify(images), model._queue.read().rows]\n"
        "np.savez(sys.argv[1], *[part.numpy() for part in found], int(model.optimizer.iterations),\n"
        "         model.contrastive_loss.get_config()['temperature'])\n"
        "model.fit(images, np.array([0, 1, 2, 0]), verbose=0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "found.npz")], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = list(np.load(tmp_path / "found.npz").values())
    expected = [model(images), model.project(images), model.classify(images), model._queue.read().rows]
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert found[4] == 1 and found[5] == 0.2


@pytest.mark.parametrize("name, how", [("model.h5", {}), ("model", {}), ("model.keras", {"save_format": "tf"})])
def test_files_that_do_not_bring_the_model_back_are_refused(tmp_path, name, how):
    with pytest.raises(ValueError, match=r"save it as a `.keras` file.*`model.export"):
        small().save(tmp_path / name, **how)
    assert not list(tmp_path.iterdir())


def test_a_model_of_its_config_is_the_same_model():
    model = small(classes=3, microbatches=2, loss=SupConLoss(0.5))
    other = SupConModel.from_config(model.get_config())
    other.set_weights(model.get_weights())
    np.testing.assert_allclose(other.project(VIEWS[:2]), model.project(VIEWS[:2]), rtol=1e-6)
    assert other.classes == 3 and other.microbatches == 2
    assert other.contrastive_loss.get_config() == model.contrastive_loss.get_config()


@pytest.mark.slow
def test_a_probe_gives_a_classifier_to_put_on_the_encoder():
    model = small()
    images, labels = (
        VIEWS[:, 0] * 0.1 + np.eye(3)[LABELS].sum(1)[:, None, None, None] * LABELS[:, None, None, None],
        LABELS,
    )
    images = (images / images.max()).astype("float32")
    probe = model.linear_probe((images, labels), (images, labels))
    answers = tf.keras.Sequential([model.encoder, probe.classifier])(images).numpy().argmax(1)
    assert np.mean(answers == labels) == probe.accuracy > 0.5
    assert probe.interval.low < probe.accuracy < probe.interval.high or probe.accuracy == 1


@pytest.mark.slow
def test_metrics_of_compile_are_given_projections():
    model = small()
    model.compile("sgd", metrics=[sc.metrics.EffectiveRank(width=4), sc.metrics.Alignment()])
    shown = model.evaluate(VIEWS[:8], LABELS[:8], verbose=0, return_dict=True)
    rows = model.project(VIEWS[:8]).numpy().reshape(16, -1)
    assert shown["effective_rank"] == pytest.approx(sc.evaluation.effective_rank(rows), rel=1e-4)
    assert shown["alignment"] == pytest.approx(sc.evaluation.alignment(rows, np.repeat(LABELS[:8], 2)), rel=1e-4)


@pytest.mark.slow
def test_mixed_precision_trains():
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = small(classes=3)
        model.compile(tf.keras.optimizers.SGD(0.1))
        history = model.fit(VIEWS[:16], LABELS[:16], epochs=3, verbose=0).history
        assert model(VIEWS[:2, 0]).dtype == tf.float32 and model.project(VIEWS[:2, 0]).dtype == tf.float32
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert np.isfinite(history["loss"]).all() and history["loss"][-1] < history["loss"][0]


@pytest.mark.slow
@pytest.mark.skipif(KERAS_3, reason="Keras 3 has no optimizers of the older kind")
def test_an_optimizer_of_the_older_kind_trains_on_two_replicas(two_replicas):
    ends = []
    for scope in (contextlib.nullcontext(), two_replicas.scope()):
        with scope:
            model = small()
            model.compile(tf.keras.optimizers.legacy.SGD(0.2, momentum=0.9))
        model.fit(VIEWS[:16], LABELS[:16], batch_size=8, shuffle=False, verbose=0)
        ends.append(model.get_weights())
    for one, other in zip(*ends):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


class Stops(tf.keras.callbacks.Callback):
    """Ends a `fit` before its fourth epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise InterruptedError


@pytest.mark.guard
def test_a_fit_that_is_backed_up_and_restored_is_the_fit_that_was_not_cut(tmp_path):
    """Weights, queue and its slow copy: each a part of what a backup holds."""

    def model(*callbacks):
        model = small(queue_size=16, norm=False)
        model.compile(tf.keras.optimizers.SGD(0.2, momentum=0.9))
        model.fit(VIEWS[:8], LABELS[:8], batch_size=8, shuffle=False, epochs=5, verbose=0, callbacks=list(callbacks))
        return model.get_weights()

    def backup():
        return tf.keras.callbacks.BackupAndRestore(tmp_path / "backup")

    with pytest.raises(InterruptedError):
        model(backup(), Stops())
    for found, expected in zip(model(backup()), model()):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.two_replicas_required
def test_callbacks_and_drawn_views_on_two_replicas(two_replicas, tmp_path):
    with two_replicas.scope():
        model = small(augment=sc.TwoViews("crop_flip", size=6, seed=1))
        model.compile(tf.keras.optimizers.SGD(0.1), metrics=[sc.metrics.EffectiveRank(width=4)])
    split = (VIEWS[:16, 0], LABELS[:16])
    callbacks = [
        sc.callbacks.KNNAccuracy(split, split, neighbours=3),
        sc.callbacks.CollapseWarning((split[0][:8], split[1][:8])),
        sc.callbacks.Report(tmp_path),
    ]
    history = model.fit(*split, batch_size=8, verbose=0, callbacks=callbacks).history
    expected = sc.evaluation.nearest_neighbours(model, split, split, neighbours=3, temperature=0.1)["top1"]
    assert history["val_knn_accuracy"] == [expected] and 1 <= history["effective_rank"][0] <= 4
