"""Micro-batches: the update of the whole batch, its moments of batch norm, and the same draws in both passes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.keras_generations import inner_layers
from supcon_tf.layers.heads import ProjectionHead
from supcon_tf.losses.supcon import supervised_contrastive_loss
from supcon_tf.training.compiled import compile_update
from supcon_tf.training.gradient_cache import forward_state, rounding, value_and_gradients
from tests.losses.problems import largest_difference
from tests.training import stages

LABELS = np.array([0, 1, 0, 1, 2, 2, 0, 1])


def frozen(state):
    """Batch norm of the state in inference mode."""
    norms = [layer for part in state.networks.parts().values() for layer in inner_layers(part)]
    for layer in norms:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.trainable = False
    return state


def updating(strategy, state, feed, batch, *, microbatches, stage="contrastive", **loss):
    """A function that makes an update and gives (weights, metrics)."""
    step = stages.make_update(state, stage, loss={"base_temperature": None, **loss}, microbatches=microbatches)
    update = compile_update(step, state, strategy)

    def updated():
        metrics, _ = update(*feed(strategy, *batch))
        weights = [weight.numpy() for part in state.networks.parts().values() for weight in part.weights]
        return weights, {name: float(value) for name, value in metrics.items()}

    return updated


def weights_after(strategy, state, feed, batch, *, count=2, **how):
    updated = updating(strategy, state, feed, batch, **how)
    for _ in range(count):
        found = updated()
    return found


def after_each(some, others, *, count=2):
    """What two states have after each update, ((weights, metrics), (weights, metrics)).

    Args:
        some, others: (state, what updates it); the second begins every update with all that the first has, for the
            roundings of one update, which are up to the processor, would grow in the next.
    """
    for _ in range(count):
        yield some[1](), others[1]()
        for variable, other in zip(variables_of(others[0]), variables_of(some[0])):
            variable.assign(other.numpy())


def variables_of(state):
    """Weights, moving averages, and what the optimizer keeps."""
    return [
        *(weight for part in state.networks.parts().values() for weight in part.weights),
        *state.optimizer.variables,
    ]


@pytest.mark.parametrize("stage", ["contrastive", pytest.param("cross_entropy", marks=pytest.mark.slow)])
def test_with_frozen_batch_norm_micro_batches_make_the_update_of_the_whole_batch(
    stage, one_device, make_state, feed, batch
):
    def begun(microbatches):
        state = frozen(make_state(one_device, stage, last_batch_norm=True))
        return state, updating(one_device, state, feed, batch, microbatches=microbatches, stage=stage)

    for microbatches in (2, 4, 8):
        before = [variable.numpy() for variable in variables_of(begun(1)[0])]
        for (whole, metrics), (cached, cached_metrics) in after_each(begun(1), begun(microbatches)):
            assert largest_difference(whole, cached) < 2e-6
            assert cached_metrics == pytest.approx(metrics, rel=1e-6)
            assert largest_difference(whole, before) > 1e-2  # updates are far larger than the difference allowed
            before = whole


@pytest.mark.guard
@pytest.mark.two_replicas_required
def test_micro_batches_and_replicas_together_make_the_update_of_one_device(
    one_device, two_replicas, make_state, feed, batch
):
    whole, metrics = weights_after(one_device, frozen(make_state(one_device)), feed, batch, microbatches=1)
    cached, cached_metrics = weights_after(two_replicas, frozen(make_state(two_replicas)), feed, batch, microbatches=2)
    assert largest_difference(whole, cached) < 1e-5
    assert cached_metrics == pytest.approx(metrics, rel=1e-5)
    local, _ = weights_after(  # the control: without the gather each replica sees half of the pairs
        two_replicas, frozen(make_state(two_replicas)), feed, batch, microbatches=2, cross_replica=False
    )
    assert largest_difference(whole, local) > 1e-3


@pytest.mark.slow
@pytest.mark.two_replicas_required
def test_moments_of_a_micro_batch_are_those_of_all_its_replicas(one_device, two_replicas, make_state, feed, batch):
    """Two replicas of two micro-batches: the first holds images 0, 1, 4, 5 and the second 2, 3, 6, 7."""
    images, labels = batch
    order = [0, 1, 4, 5, 2, 3, 6, 7]

    def begun(strategy, batch, microbatches):
        state = make_state(strategy, last_batch_norm=True)
        return state, updating(strategy, state, feed, batch, microbatches=microbatches)

    ordered = images[order], labels[order]
    for (alone, _), (shared, _) in after_each(begun(one_device, ordered, 2), begun(two_replicas, batch, 2)):
        assert largest_difference(alone, shared) < 2e-5
    whole, _ = weights_after(one_device, make_state(one_device, last_batch_norm=True), feed, batch, microbatches=1)
    assert largest_difference(whole, shared) > 1e-4  # the control: moments of four images are other moments


def network(*layers):
    model = tf.keras.Sequential([tf.keras.Input([5]), *layers])
    return model


def loss(outputs):
    projections = tf.math.l2_normalize(outputs, -1)
    return tf.reduce_sum(supervised_contrastive_loss(LABELS, projections)), ()


def test_batch_norm_sees_micro_batches_and_moves_once():
    """Beside one tape over the same parts; the averages move by the mean of what the parts ask for."""
    norm = tf.keras.layers.BatchNormalization(momentum=0.9)
    model = network(norm, tf.keras.layers.Dense(4))
    inputs = tf.random.stateless_normal([8, 5], [0, 1], mean=3.0)
    gradients, _ = value_and_gradients(
        lambda x: model(x, training=True), inputs, loss, variables=model.trainable_variables,
        state=forward_state(model), microbatches=2,
    )  # fmt: skip
    parts = tf.split(inputs, 2)
    moments = [tf.nn.moments(part, 0) for part in parts]
    np.testing.assert_allclose(norm.moving_mean, 0.1 * np.mean([mean for mean, _ in moments], 0), rtol=1e-5)
    expected = 0.9 + 0.1 * np.mean([variance for _, variance in moments], 0)
    np.testing.assert_allclose(norm.moving_variance, expected, rtol=1e-5)
    with tf.GradientTape() as tape:
        value, _ = loss(tf.concat([model(part, training=True) for part in parts], 0))
    for found, plain in zip(gradients, tape.gradient(value, model.trainable_variables)):
        np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-5)


def test_batch_norm_at_the_end_of_the_head_sees_micro_batches_too():
    """Beside one tape over the same parts; the control is a tape over the whole batch, which has other moments."""
    head = ProjectionHead(widths=(6, 4), last_batch_norm=True, cross_replica_batch_norm=False, kernels="he")
    model, inputs = network(head), tf.random.stateless_normal([8, 5], [0, 1], mean=3.0)
    gradients, _ = value_and_gradients(
        lambda x: model(x, training=True), inputs, loss, variables=model.trainable_variables,
        state=forward_state(model), microbatches=2,
    )  # fmt: skip
    rows = [head.dense2(tf.nn.relu(head.dense1(part))) for part in tf.split(inputs, 2)]
    expected = 0.1 * np.mean([np.mean(row, 0) for row in rows], 0)
    np.testing.assert_allclose(head.norm2.moving_mean, expected, rtol=1e-4, atol=1e-6)

    def plain(count):
        with tf.GradientTape() as tape:
            value, _ = loss(tf.concat([model(part, training=True) for part in tf.split(inputs, count)], 0))
        return [np.array(gradient) for gradient in tape.gradient(value, model.trainable_variables)]

    for found, parts in zip(gradients, plain(2)):
        np.testing.assert_allclose(found, parts, rtol=1e-3, atol=1e-4)
    assert largest_difference([np.array(gradient) for gradient in gradients], plain(1)) > 1e-2


@pytest.mark.parametrize("compiled", [False, True])
def test_random_layers_draw_in_the_second_pass_what_they_drew_in_the_first(compiled):
    """The gradient by a scale before a dropout of ones: sent through other masks it would not fit the loss."""
    dropout = {"rate": 0.5} if hasattr(tf.keras, "ops") else {"rate": 0.5, "rng_type": "stateful"}
    model = network(tf.keras.layers.Dense(64, use_bias=False), tf.keras.layers.Dropout(**dropout))
    kernel = model.trainable_variables[0]

    def half_square(outputs):  # its gradient by outputs are the outputs: a mask meets itself
        return tf.reduce_sum(outputs**2) / 2, outputs

    def step():
        return value_and_gradients(
            lambda x: model(x, training=True), tf.ones([8, 5]), half_square, variables=[kernel],
            state=forward_state(model), microbatches=4,
        )  # fmt: skip

    step = tf.function(step) if compiled else step
    for _ in range(2):
        (gradient,), outputs = step()
        np.testing.assert_allclose(gradient, np.tile(2 * np.sum(outputs, 0), [5, 1]), rtol=1e-5)  # kept units count 2
        masks = np.asarray(outputs) != 0
        assert 0.3 < masks.mean() < 0.7
        assert len({mask.tobytes() for mask in masks}) == 8  # every row of every part has a mask of its own
    assert not np.array_equal(masks, np.asarray(step()[1]) != 0)  # and every step


def test_a_random_layer_that_cannot_repeat_is_refused():
    if hasattr(tf.keras, "ops"):
        pytest.skip("random layers of Keras 3 always can")
    with pytest.raises(ValueError, match=r"layer 'forgetful' draws .* rng_type='stateful', or .* microbatches=1"):
        forward_state(network(tf.keras.layers.Dropout(0.5, rng_type="legacy_stateful", name="forgetful")))


class Draws(tf.keras.layers.Layer):
    """Dropout of a person's own: from nowhere, or from a counter among the weights, from which it can be repeated."""

    def __init__(self, repeatable, **keywords):
        super().__init__(**keywords)
        self.repeatable = repeatable
        self.drawn = self.add_weight(name="drawn", shape=(), dtype="int32", trainable=False, initializer="zeros")

    def call(self, inputs):
        if not self.repeatable:
            return inputs * tf.cast(tf.random.uniform(tf.shape(inputs)) > 0.2, inputs.dtype)
        self.drawn.assign(tf.convert_to_tensor(self.drawn) + 1)
        seed = tf.stack([tf.convert_to_tensor(self.drawn), 0])
        return inputs * tf.cast(tf.random.stateless_uniform(tf.shape(inputs), seed) > 0.2, inputs.dtype)


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
@pytest.mark.parametrize("repeatable", [True, False])
def test_a_layer_whose_draws_cannot_be_repeated_gives_no_gradient(repeatable, mode):
    """The control is the same layer with its draws from a weight."""
    tf.random.set_seed(None)  # with a global seed both passes may happen to draw alike, in a graph
    model = network(tf.keras.layers.Dense(16), Draws(repeatable))

    def step():
        return value_and_gradients(
            lambda x: model(x, training=True), tf.ones([8, 5]), loss_and_value, variables=model.trainable_variables,
            state=forward_state(model), microbatches=4, rounding=rounding(model),
        )  # fmt: skip

    step = step if mode == "eager" else tf.function(step, jit_compile=mode == "xla", autograph=False)
    if repeatable or mode == "xla":
        gradients, value = step()
        finite = [bool(np.isfinite(found).all()) for found in (*gradients, value)]
        assert finite == [repeatable] * len(finite)
        return
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=r"tf\.random\.uniform .* microbatches=1"):
        step()


def loss_and_value(outputs):
    value, _ = loss(outputs)
    return value, value


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "xla"])
def test_rounding_of_a_sound_network_is_no_draw(policy, compiled):
    """Rows that are nearly equal, which batch norm pulls apart: there 16 bits round worst. Bounds are far off."""
    layers = []
    for _ in range(4):
        layers += [tf.keras.layers.Dense(32, dtype=policy), tf.keras.layers.BatchNormalization(dtype=policy)]
        layers += [tf.keras.layers.Activation("relu", dtype=policy)]
    model = network(*layers, tf.keras.layers.Dense(4, dtype=policy))
    passes, inputs = [], 1 + 0.05 * tf.random.stateless_normal([8, 5], [0, 1])

    def forward(rows):
        passes.append(tf.cast(model(rows, training=True), tf.float32))
        return passes[-1]

    def step():
        return value_and_gradients(
            forward, inputs, loss_and_value, variables=model.trainable_variables, state=forward_state(model),
            microbatches=2, rounding=0.2 * rounding(model),
        )  # fmt: skip

    gradients, value = tf.function(step, jit_compile=compiled, autograph=False)()
    assert len(passes) == 2 and all(np.isfinite(found).all() for found in (*gradients, value))


def test_outputs_that_are_not_numbers_are_not_called_draws():
    """Whoever looks for a loss that diverged finds it."""
    model = network(tf.keras.layers.Dense(4))
    gradients, _ = value_and_gradients(
        lambda x: model(x) * np.inf, tf.ones([8, 5]), loss, variables=model.trainable_variables, microbatches=2
    )
    assert not np.isfinite(gradients[0]).any()


def test_parts_of_unequal_size_are_refused():
    with pytest.raises(ValueError, match="batch of 8 rows cannot be cut into 3 micro-batches"):
        value_and_gradients(tf.identity, tf.zeros([8, 2]), loss, variables=[], microbatches=3)
