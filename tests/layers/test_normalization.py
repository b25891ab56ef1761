"""Unit rows: closed forms and 16 bit inputs. Batch norm: moments of the batch, and of the global batch."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.layers.normalization import UnitNorm, batch_norm, unit_rows


@pytest.fixture
def mixed_bfloat16():
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    tf.keras.mixed_precision.set_global_policy("float32")


def _rows(dtype="float32", shape=(5, 7)):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def test_rows_have_unit_length_and_keep_their_direction():
    x = _rows(shape=(4, 3, 7))
    z = UnitNorm()(x).numpy()
    np.testing.assert_allclose(z, x / np.sqrt((x.astype("f8") ** 2).sum(-1, keepdims=True)), rtol=1e-6)


def test_float64_keeps_its_precision():
    x = _rows("float64")
    for z in (unit_rows(x), UnitNorm()(tf.constant(x))):
        assert z.dtype == tf.float64
        np.testing.assert_allclose(z, x / np.linalg.norm(x, axis=-1, keepdims=True), rtol=1e-14)


@pytest.mark.parametrize("scale", [1e-5, 1e3, 1e15])
def test_length_of_the_input_is_irrelevant(scale):
    np.testing.assert_allclose(unit_rows(_rows() * np.float32(scale)), unit_rows(_rows()), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("count", [1, 5, 64, 67])
def test_equal_rows_stay_equal_and_a_length_that_is_exact_is_exact(count):
    """Control: with `rsqrt` this fails on CPUs whose vector instruction for it is not exact, or not so for all rows."""
    row = np.random.default_rng(0).normal(size=[1, 7]).astype("float32")
    found = unit_rows(np.repeat(row, count, 0)).numpy()
    np.testing.assert_array_equal(found, np.repeat(found[:1], count, 0))
    np.testing.assert_array_equal(
        unit_rows(np.repeat(2 * np.eye(3, dtype="float32"), count, 0)), np.repeat(np.eye(3), count, 0)
    )


def test_gradient_is_the_projection_off_the_row_over_its_length():
    x, upstream = _rows("float64"), _rows("float64")[::-1].copy()
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        out = tf.reduce_sum(UnitNorm()(variable) * upstream)
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    z = x / length
    expected = (upstream - z * (z * upstream).sum(-1, keepdims=True)) / length  # (I - z z^T) / ||x||
    np.testing.assert_allclose(tape.gradient(out, variable), expected, rtol=1e-12, atol=1e-15)


def test_a_zero_row_stays_zero_with_a_finite_gradient():
    x = tf.Variable([[0.0, 0.0, 0.0], [3.0, 0.0, 4.0]])
    with tf.GradientTape() as tape:
        z = UnitNorm()(x)
        total = tf.reduce_sum(z)
    np.testing.assert_allclose(z, [[0, 0, 0], [0.6, 0, 0.8]], rtol=1e-6)
    assert np.isfinite(tape.gradient(total, x)).all()


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_16_bit_rows_are_normalised_in_float32(dtype):
    x = tf.cast(tf.constant(_rows() * 300), dtype)  # The squares overflow float16.
    z = UnitNorm()(x)
    assert z.dtype == tf.float32
    np.testing.assert_allclose(tf.norm(z, axis=-1), np.ones(5), rtol=1e-6)
    inside = tf.cast(tf.math.l2_normalize(x, axis=-1), tf.float32)  # Control: the same without the cast.
    assert np.abs(tf.norm(inside, axis=-1) - 1).max() > 1e-3


def test_output_is_float32_under_a_mixed_policy(mixed_bfloat16):
    x = tf.constant(_rows())
    z = UnitNorm()(x)
    assert z.dtype == tf.float32
    np.testing.assert_allclose(z, unit_rows(x), rtol=1e-7)


def test_unit_norm_survives_saving(tmp_path):
    images = tf.keras.Input((7,))
    model = tf.keras.Model(images, UnitNorm(name="length_one")(images))
    model.save(tmp_path / "model.keras")
    restored = tf.keras.models.load_model(tmp_path / "model.keras")
    assert restored.get_layer("length_one").dtype == "float32"
    np.testing.assert_array_equal(restored(_rows()), model(_rows()))


@pytest.mark.parametrize("shape", [(64, 5), (4, 4, 4, 5)])  # the latter takes the fused kernel of Keras 2
@pytest.mark.parametrize("cross_replica", [True, False])
def test_batch_norm_uses_the_moments_of_the_batch_and_remembers_a_tenth_of_them(cross_replica, shape):
    x = _rows(shape=shape) * 3 + 2
    layer = batch_norm(cross_replica=cross_replica, name="norm")
    trained = layer(x, training=True)
    mean, variance = x.reshape(-1, 5).mean(0), x.reshape(-1, 5).var(0)
    np.testing.assert_allclose(trained, (x - mean) / np.sqrt(variance + 1e-5), rtol=1e-4, atol=1e-5)
    kept_mean, kept_variance = 0.1 * mean, 0.9 + 0.1 * variance
    np.testing.assert_allclose(layer.moving_mean, kept_mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, kept_variance, rtol=1e-5)
    at_rest = layer(x, training=False)
    np.testing.assert_allclose(at_rest, (x - kept_mean) / np.sqrt(kept_variance + 1e-5), rtol=1e-4, atol=1e-5)
    assert layer.name == "norm"


def test_batch_norm_with_zero_gamma_starts_as_zero():
    x = _rows(shape=(8, 5))
    assert np.abs(batch_norm(cross_replica=False, zero_gamma=True)(x, training=True)).max() == 0
    assert np.abs(batch_norm(cross_replica=False)(x, training=True)).max() > 0.5


@pytest.mark.parametrize("cross_replica", [True, False])
def test_batch_norm_without_offset_keeps_the_mean_at_zero_whatever_is_learnt(cross_replica):
    x = _rows(shape=(64, 5)) + 7
    layer = batch_norm(cross_replica=cross_replica, offset=False)
    layer.build((None, 5))
    layer.set_weights([np.full(weight.shape, 3.0, "f4") for weight in layer.get_weights()])
    assert len(layer.trainable_variables) == 1 and layer.beta is None
    np.testing.assert_allclose(np.mean(layer(x, training=True), 0), np.zeros(5), atol=1e-5)
    other = batch_norm(cross_replica=cross_replica)  # the control: with one it moves the mean
    other.build((None, 5))
    other.set_weights([np.full(weight.shape, 3.0, "f4") for weight in other.get_weights()])
    np.testing.assert_allclose(np.mean(other(x, training=True), 0), np.full(5, 3.0), atol=1e-5)


def test_batch_norm_keeps_moments_in_float32_under_a_mixed_policy(mixed_bfloat16):
    x = tf.cast(_rows(shape=(512, 4)) + 8.0, tf.bfloat16)
    layer = batch_norm(cross_replica=True)
    assert layer(x, training=True).dtype == tf.bfloat16
    expected = tf.reduce_mean(tf.cast(x, tf.float32), 0)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * expected, rtol=1e-5)


def _train_on_two_replicas(strategy, batch, *, cross_replica):
    """One training call on each half of the batch; outputs, d/dx of sum(y^3), and the moving mean of replica 0."""
    with strategy.scope():
        layer = batch_norm(cross_replica=cross_replica)
        layer.build((None, *batch.shape[1:]))
    halves = iter(np.split(batch, 2))
    parts = strategy.experimental_distribute_values_from_function(lambda _: tf.constant(next(halves)))

    @tf.function
    def step(part):
        def replica(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=True)
                total = tf.reduce_sum(y**3)
            return y, tape.gradient(total, x)

        return strategy.run(replica, args=(part,))

    outputs, gradients = (np.concatenate(strategy.experimental_local_results(value)) for value in step(parts))
    moving = [np.array(tf.convert_to_tensor(value)) for value in (layer.moving_mean, layer.moving_variance)]
    return outputs, gradients, moving


@pytest.mark.two_replicas_required
def test_two_replicas_share_the_moments_of_the_global_batch(two_replicas):
    rng = np.random.default_rng(1)
    batch = np.concatenate([rng.normal(size=(6, 4)), rng.normal(3, 2, size=(6, 4))]).astype("f4")  # Unlike halves.
    one = batch_norm(cross_replica=True)
    x = tf.constant(batch)
    with tf.GradientTape() as tape:
        tape.watch(x)
        expected = one(x, training=True)
        total = tf.reduce_sum(expected**3)
    expected_gradient = tape.gradient(total, x)

    outputs, gradients, moving = _train_on_two_replicas(two_replicas, batch, cross_replica=True)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradients, expected_gradient, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(moving[0], one.moving_mean, rtol=1e-5)
    np.testing.assert_allclose(moving[1], one.moving_variance, rtol=1e-5)

    local, _, _ = _train_on_two_replicas(two_replicas, batch, cross_replica=False)  # Control: each its own moments.
    assert np.abs(local - expected).max() > 0.5
    np.testing.assert_allclose(local[:6].mean(0), np.zeros(4), atol=1e-5)
