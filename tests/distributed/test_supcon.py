"""The loss on two replicas is the loss of one device: by `strategy.run`, by `fit`, and not without the gather."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.queue import Queue
from supcon_tf.losses.supcon import SupConLoss, supervised_contrastive_loss

LABELS = np.array([0, 1, 0, -1, 1, 0, -1, 0])


def unit_rows(*shape, seed=0):
    rows = np.random.default_rng(seed).normal(size=shape)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def value_and_gradient(labels, projections, **arguments):
    with tf.GradientTape() as tape:
        tape.watch(projections)
        values = supervised_contrastive_loss(labels, projections, **arguments)
        total = tf.reduce_sum(values**2)  # every image another weight
    return values, tape.gradient(total, projections)


def on_replicas(strategy, labels, projections, *, sizes, compiled, **arguments):
    """Values and gradients of all images, from replicas that hold `sizes` images each."""

    def share(array):
        parts = np.split(array, [sizes[0]])
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )

    def run(*inputs):
        return strategy.run(lambda y, z: value_and_gradient(y, z, **arguments), inputs)

    results = (tf.function(run) if compiled else run)(share(labels), share(projections))
    return [np.concatenate(strategy.experimental_local_results(result)) for result in results]


@pytest.mark.two_replicas_required
@pytest.mark.parametrize(
    "sizes, dtype, tolerance, compiled",
    [
        pytest.param((4, 4), "float64", 1e-12, True, marks=pytest.mark.slow),
        pytest.param((4, 4), "float64", 1e-12, False, marks=pytest.mark.slow),
        ((4, 4), "float32", 1e-5, True),
        pytest.param((4, 4), "bfloat16", 1e-2, True, marks=pytest.mark.slow),
        ((3, 5), "float64", 1e-12, True),
        pytest.param((8, 0), "float64", 1e-12, True, marks=pytest.mark.slow),
        pytest.param((0, 8), "float64", 1e-12, False, marks=pytest.mark.slow),
    ],
)
def test_two_replicas_equal_one_device(two_replicas, sizes, dtype, tolerance, compiled):
    projections = tf.cast(unit_rows(8, 2, 4), dtype)
    found = on_replicas(two_replicas, LABELS, projections.numpy(), sizes=sizes, compiled=compiled)
    for several, one in zip(found, value_and_gradient(LABELS, projections)):
        one = np.asarray(one).astype("float64")
        np.testing.assert_allclose(several.astype("float64"), one, rtol=tolerance, atol=tolerance * np.abs(one).max())


@pytest.mark.two_replicas_required
@pytest.mark.parametrize(
    "arguments",
    [
        {"positives_cap": 2, "no_positives": "exclude"},
        pytest.param({"contrast_mode": "one", "summation_location": "in"}, marks=pytest.mark.slow),
        pytest.param({"denominator_mode": "one_positive", "positives_cap": 0}, marks=pytest.mark.slow),
        {"denominator_mode": "only_negatives"},
        {"queue": Queue(unit_rows(5, 4, seed=5), np.array([0, 1, -1, 7, 0]), 4), "tile_rows": 3},
        pytest.param(
            {"queue": Queue(unit_rows(5, 4, seed=5), np.array([0, 1, -1, 7, 0])), "summation_location": "in"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_every_mode_is_the_same_on_two_replicas(two_replicas, arguments):
    views = 1 if arguments.get("denominator_mode") == "only_negatives" else 2
    projections = unit_rows(8, views, 4)
    found = on_replicas(two_replicas, LABELS, projections, sizes=(3, 5), compiled=True, **arguments)
    expected = value_and_gradient(LABELS, tf.constant(projections), **arguments)
    for several, one in zip(found, expected):
        np.testing.assert_allclose(several, one, rtol=1e-11, atol=1e-12)


@pytest.mark.two_replicas_required
def test_control_without_the_gather_replicas_differ(two_replicas):
    projections = unit_rows(8, 2, 4)
    found = on_replicas(two_replicas, LABELS, projections, sizes=(4, 4), compiled=True, cross_replica=False)
    for several, one in zip(found, value_and_gradient(LABELS, tf.constant(projections))):
        assert np.abs(several - one).max() > 0.05
    first_half = value_and_gradient(LABELS[:4], tf.constant(projections[:4]))
    for several, one in zip(found, first_half):
        np.testing.assert_allclose(several[:4], one, rtol=1e-12)


FIT_IMAGES, FIT_LABELS = unit_rows(16, 2, 6).astype("float32"), np.array([0, 1, 2, 0, 1, -1, 0, -1] * 2)


def project():
    """A model from [B, V, F] to unit rows [B, V, D], always with the same weights."""
    model = tf.keras.Sequential(
        [tf.keras.Input([2, 6]), tf.keras.layers.Dense(4, use_bias=False), tf.keras.layers.UnitNormalization()]
    )
    model.set_weights([unit_rows(6, 4, seed=3)])
    return model


def fitted_kernel(labels=FIT_LABELS, *, jit_compile=False, **arguments):
    """The kernel after two epochs of two batches."""
    model = project()
    model.compile(tf.keras.optimizers.SGD(0.5), SupConLoss(**arguments), jit_compile=jit_compile)
    examples = tf.data.Dataset.from_tensor_slices((FIT_IMAGES, labels)).batch(8, drop_remainder=jit_compile)
    history = model.fit(examples, epochs=2, verbose=0)
    return model.get_weights()[0], history.history["loss"]


@pytest.fixture(scope="module")
def kernel_by_hand():
    """The same four updates, without Keras' loss or optimizer."""
    kernel, epochs = tf.constant(project().get_weights()[0]), []
    for _ in range(2):
        losses = []
        for batch in (slice(0, 8), slice(8, 16)):
            with tf.GradientTape() as tape:
                tape.watch(kernel)
                rows = tf.math.l2_normalize(FIT_IMAGES[batch] @ kernel, -1)
                losses.append(tf.reduce_mean(supervised_contrastive_loss(FIT_LABELS[batch], rows)))
            kernel -= 0.5 * tape.gradient(losses[-1], kernel)
        epochs.append(np.mean(losses))
    return kernel.numpy(), epochs


@pytest.mark.parametrize("labels", [FIT_LABELS, (FIT_LABELS[:, None] == np.arange(3)).astype("uint8")])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_fit_on_one_device(kernel_by_hand, labels, jit_compile):
    for found, expected in zip(fitted_kernel(labels, jit_compile=jit_compile), kernel_by_hand):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("cross_replica", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_fit_on_two_replicas(two_replicas, kernel_by_hand, cross_replica):
    with two_replicas.scope():
        found = fitted_kernel(cross_replica=cross_replica)
    if cross_replica:
        for several, one in zip(found, kernel_by_hand):
            np.testing.assert_allclose(several, one, rtol=1e-4, atol=1e-5)
    else:  # the control
        assert np.abs(found[0] - kernel_by_hand[0]).max() > 1e-2
