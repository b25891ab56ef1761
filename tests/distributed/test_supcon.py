"""The loss on two replicas is the loss of one device: by `strategy.run`, by `fit`, and not without the gather."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.distribution import collectives
from supcon_tf.losses.queue import Queue
from supcon_tf.losses.supcon import SupConLoss, supervised_contrastive_loss
from tests.losses import problems
from tests.losses.problems import assert_close, unit_rows
from tests.marks import guard, slow

LABELS = np.array([0, 1, 0, -1, 1, 0, -1, 0])
value_and_gradient = functools.partial(problems.value_and_gradient, weigh=tf.square)


def share(strategy, array, sizes):
    """The array, so much of it on each replica."""
    parts = np.split(array, [sizes[0]])
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(parts[context.replica_id_in_sync_group])
    )


def on_replicas(strategy, labels, projections, *, sizes, compiled, **arguments):
    """Values and gradients of all images, from replicas that hold `sizes` images each."""

    def run(*inputs):
        return strategy.run(lambda y, z: value_and_gradient(y, z, **arguments), inputs)

    inputs = (share(strategy, array, sizes) for array in (labels, projections))
    results = (tf.function(run) if compiled else run)(*inputs)
    return [np.concatenate(strategy.experimental_local_results(result)) for result in results]


@pytest.mark.two_replicas_required
@pytest.mark.parametrize(
    "sizes, dtype, tolerance, compiled",
    [
        pytest.param((4, 4), "float64", 1e-12, True, marks=pytest.mark.slow),
        pytest.param((4, 4), "float64", 1e-12, False, marks=pytest.mark.slow),
        pytest.param((4, 4), "float32", 1e-5, True, marks=pytest.mark.slow),
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
        pytest.param({"positives_cap": 2, "no_positives": "exclude"}, marks=pytest.mark.slow),
        pytest.param({"contrast_mode": "one", "summation_location": "in"}, marks=pytest.mark.slow),
        pytest.param({"denominator_mode": "one_positive", "positives_cap": 0}, marks=pytest.mark.slow),
        pytest.param({"denominator_mode": "only_negatives"}, marks=pytest.mark.slow),
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


# Labels of several replicas

SETS = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 0], [0, 0.5, 0.5], [0, 0, 1], [0, 0, 0], [1, 1, 1]], "float32")
ONE_HOT = (LABELS[:, None] == np.arange(3)).astype("float32")
WIDE = (LABELS[:, None] == np.arange(1000)).astype("float32")
HALF = np.concatenate([ONE_HOT[:3], SETS[3:]])  # one-hot on the first replica alone


def bytes_sent(strategy, monkeypatch, labels, **arguments):
    """What the first replica, with 3 of 8 images, hands to `all_gather` forward, in order."""
    gather, handed = tf.distribute.ReplicaContext.all_gather, []

    def recording(context, value, *args, **kwargs):
        if tf.get_static_value(context.replica_id_in_sync_group) == 0:
            handed.append(tf.size(value) * value.dtype.size)  # as it runs: a width may depend on the labels
        return gather(context, value, *args, **kwargs)

    monkeypatch.setattr(tf.distribute.ReplicaContext, "all_gather", recording)

    @tf.function
    def run(y, z):
        strategy.run(lambda y, z: supervised_contrastive_loss(y, z, **arguments), (y, z))
        return handed

    rows = unit_rows(8, 2, 4).astype("float32")
    return [int(size) for size in run(share(strategy, labels, (3, 5)), share(strategy, rows, (3, 5)))]


@pytest.mark.two_replicas_required
@pytest.mark.parametrize(
    "labels, label_mode, expected",
    [
        (LABELS, "auto", [3 * 8]),
        slow(WIDE, "one_hot", [3 * 8]),  # one number an image, whatever C
        (WIDE, "auto", [4, 3 * 8, 3 * 4]),  # that all are one-hot; the number; and a column that nobody reads
        slow(np.roll(WIDE, 1, 1) + WIDE, "auto", [4, 3 * 8, 3 * 1000 * 4]),
        slow(np.roll(WIDE, 1, 1) + WIDE, "sets", [4, 3 * 8, 3 * 1000 * 4]),
    ],
    ids=["classes", "said to be one-hot", "seen to be one-hot", "seen to be sets", "said to be sets"],
)
def test_one_hot_labels_are_sent_as_one_number_an_image(two_replicas, monkeypatch, labels, label_mode, expected):
    """And beside the labels: rows, and how many they are."""
    found = bytes_sent(two_replicas, monkeypatch, labels, label_mode=label_mode)
    assert sorted(found) == sorted([*expected, 4, 3 * 2 * 4 * 4])


@pytest.mark.two_replicas_required
@pytest.mark.parametrize(
    "labels",
    [LABELS, *(pytest.param(labels, marks=pytest.mark.slow) for labels in (ONE_HOT, SETS, HALF))],
    ids=["classes", "one-hot", "sets", "half"],
)
@pytest.mark.parametrize("compiled", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_any_labels_are_those_of_one_device(two_replicas, labels, compiled):
    projections = unit_rows(8, 2, 4)
    found = on_replicas(two_replicas, labels, projections, sizes=(3, 5), compiled=compiled)
    assert_close(found, value_and_gradient(labels, projections), 1e-6 if labels.ndim == 2 else 1e-11)


@pytest.mark.two_replicas_required
def test_wrong_labels_of_one_replica_are_refused(two_replicas):
    wrong = np.where(np.arange(8) < 3, LABELS, LABELS + 0.5).astype("float32")
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be whole numbers"):
        on_replicas(two_replicas, wrong, unit_rows(8, 2, 4), sizes=(3, 5), compiled=True)
    with pytest.raises(ValueError, match="must be one-hot"):
        on_replicas(two_replicas, HALF, unit_rows(8, 2, 4), sizes=(3, 5), compiled=False, label_mode="one_hot")


@pytest.mark.two_replicas_required
def test_labels_of_other_images_are_refused_on_any_replica(two_replicas):
    """The second one's: 5 labels for 10 rows, two crops along the batch."""
    labels, rows = share(two_replicas, LABELS, (3, 5)), share(two_replicas, unit_rows(13, 4), (3, 10))

    @tf.function(reduce_retracing=True)
    def run(y, z):
        return two_replicas.run(lambda y, z: supervised_contrastive_loss(y, z), (y, z))

    with pytest.raises(ValueError, match="are for 5 images and `projections` for 10: give one label per image"):
        run(labels, rows)


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("arguments", [{}, {"summation_location": "in", "denominator_mode": "one_positive"}])
def test_the_whole_matrix_of_two_replicas_is_that_of_one_device(two_replicas, arguments):
    projections = unit_rows(8, 2, 4)
    found = on_replicas(two_replicas, LABELS, projections, sizes=(3, 5), compiled=True, tile_rows=0, **arguments)
    assert_close(found, value_and_gradient(LABELS, projections, **arguments))


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


@pytest.mark.parametrize("labels", [FIT_LABELS, slow((FIT_LABELS[:, None] == np.arange(3)).astype("uint8"))])
@pytest.mark.parametrize("jit_compile", [False, slow(True)])
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


# Batches that cannot be shared out evenly


def uneven_fit(count, **arguments):
    """The kernel and the loss that Keras shows after one epoch of a batch of 8 and one of what is left of `count`."""
    model = project()
    model.compile(tf.keras.optimizers.SGD(0.5), SupConLoss(**arguments))
    examples = tf.data.Dataset.from_tensor_slices((FIT_IMAGES[:count], FIT_LABELS[:count])).batch(8)
    history = model.fit(examples, epochs=1, verbose=0)
    return model.get_weights()[0], history.history["loss"][0]


def uneven_by_hand(count):
    """The same two updates by the mean over the global batch, and the values of all images."""
    kernel, values = tf.constant(project().get_weights()[0]), []
    for batch in (slice(0, 8), slice(8, count)):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            values.append(supervised_contrastive_loss(FIT_LABELS[:count][batch], FIT_IMAGES[:count][batch] @ kernel))
            loss = tf.reduce_mean(values[-1])
        kernel -= 0.5 * tape.gradient(loss, kernel)
    return kernel.numpy(), [value.numpy() for value in values]


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("count, shares", [guard(11, (2, 1)), slow(9, (1, 0))])
def test_fit_weighs_replicas_by_their_share_of_a_batch(two_replicas, monkeypatch, count, shares):
    """Keras takes the mean of the replicas' means, which counts the images of the emptier ones more."""
    with two_replicas.scope():
        found, shown = uneven_fit(count)
    expected, (full, rest) = uneven_by_hand(count)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    # What Keras shows of such a batch, as the docstring says: weighed by the shares once more.
    means = np.array([part.mean() if len(part) else 0 for part in np.split(rest, [shares[0]])])
    weighed = means * 2 * np.array(shares) / sum(shares)
    expected = (full.sum() + (weighed * shares).sum()) / count
    np.testing.assert_allclose(shown, expected, rtol=1e-5)
    if 0 in shares:  # one image alone, with nobody to be compared with
        return
    monkeypatch.setattr(collectives, "share_of_batch", lambda images: tf.ones([]))
    with two_replicas.scope():
        unweighed, _ = uneven_fit(count)
    assert np.abs(unweighed - uneven_by_hand(count)[0]).max() > 1e-2  # the control


@pytest.mark.slow
@pytest.mark.two_replicas_required
def test_a_sum_is_not_weighed(two_replicas):
    """Replicas' sums add up to that of the batch as they are."""
    with two_replicas.scope():
        kernel, _ = uneven_fit(11, reduction="sum")
    alone, _ = uneven_fit(11, reduction="sum")
    np.testing.assert_allclose(kernel, alone, rtol=1e-3, atol=1e-4)
