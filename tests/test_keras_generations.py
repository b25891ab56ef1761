"""What the two Keras generations differ in: one answer of each function under both."""

from __future__ import annotations

import random

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf import keras_generations


def test_layers_in_lists_are_found():
    class Holder(tf.keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.kept = [tf.keras.layers.Dense(2), tf.keras.Sequential([tf.keras.layers.Dense(3)])]

    kinds = [type(layer).__name__ for layer in keras_generations.inner_layers(Holder())]
    assert kinds.count("Dense") == 2 and kinds[0] == "Holder"


def test_a_nested_model_gives_something_in_its_own_graph_and_in_the_outer_one():
    one = tf.keras.Input((2,))
    nested = tf.keras.Model(one, tf.keras.layers.Dense(3)(one))
    two = tf.keras.Input((2,))
    outer = tf.keras.Model(two, tf.keras.layers.Dense(4)(nested(two)))
    connected = []
    for tensor in keras_generations.symbolic_outputs(nested):
        try:
            connected.append(tf.keras.Model(two, tensor))
        except ValueError:
            continue
    (within,) = connected
    rows = np.ones([1, 2], np.float32)
    np.testing.assert_allclose(within(rows), nested(rows))
    assert len(keras_generations.symbolic_outputs(outer.layers[-1])) == 1


def test_layers_that_compute_with_copies_of_their_weights_take_new_ones(tmp_path):
    def normalizing():
        return tf.keras.Sequential([tf.keras.Input([2]), tf.keras.layers.Normalization()])

    adapted, rows = normalizing(), np.float32([[1, 2], [3, 8]])
    adapted.layers[0].adapt(rows)
    expected = adapted(rows).numpy()
    np.testing.assert_allclose(expected, [[-1, -1], [1, 1]], atol=1e-5)
    given, restored = normalizing(), normalizing()
    keras_generations.give_weights(given, adapted.get_weights())
    tf.train.Checkpoint(of=adapted).write(str(tmp_path / "x"))
    tf.train.Checkpoint(of=restored).read(str(tmp_path / "x")).assert_existing_objects_matched()
    np.testing.assert_allclose(
        restored(rows), rows, atol=1e-5
    )  # Control: it has its weights, and computes with others.
    keras_generations.renew_copies(restored)
    for network in (given, restored):
        np.testing.assert_array_equal(network(rows), expected)


def test_a_variable_has_its_whole_name_and_is_tensorflows():
    layer = tf.keras.layers.Dense(2, name="stem")
    keras_generations.build_under_own_name(layer, (None, 3))
    assert keras_generations.variable_path(layer.kernel) == "stem/kernel"
    assert isinstance(keras_generations.tensorflow_variable(layer.kernel), tf.Variable)


def test_what_is_frozen_is_known_and_made_alike():
    def network():
        inner = [tf.keras.layers.Dense(2), tf.keras.layers.BatchNormalization(), tf.keras.layers.Dense(1)]
        return tf.keras.Sequential([tf.keras.Input([3]), *inner])

    pattern, layer = network(), network()
    every = [variable.shape for variable in layer.trainable_variables]
    pattern.layers[1].trainable = pattern.layers[2].trainable = False
    layer.trainable = False
    assert [
        variable.shape for variable in keras_generations.weights_to_train(layer)
    ] == every and not layer.trainable_variables
    keras_generations.freeze_alike(layer, pattern)
    assert [part.trainable for part in layer.layers] == [True, False, False] and layer.trainable


def test_moments_are_divided_by_n():
    layer = tf.keras.layers.BatchNormalization(momentum=0.0)
    keras_generations.divide_moments_by_n(layer)
    images = tf.random.stateless_normal([2, 1, 2, 3], [0, 1])  # four values a channel: the fused kernel
    layer(images, training=True)
    np.testing.assert_allclose(layer.moving_variance, np.var(np.reshape(images, [4, 3]), axis=0), rtol=1e-5)


def test_an_optimizer_knows_the_places_of_its_variables():
    variables = [tf.Variable([1.0]), tf.Variable([2.0])]
    optimizer = tf.keras.optimizers.SGD()
    assert keras_generations.optimizer_places(optimizer) == {}
    optimizer.build(variables)
    assert [keras_generations.optimizer_places(optimizer)[optimizer._var_key(v)] for v in variables] == [0, 1]


@pytest.mark.parametrize("scaled", [False, True])
def test_a_scaled_loss_comes_back_to_its_size(scaled):
    optimizer = tf.keras.optimizers.SGD()
    weight = tf.Variable(3.0)
    if scaled:
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    optimizer.build([weight])
    assert keras_generations.scales_loss(optimizer) == scaled
    scale, unscale = keras_generations.loss_scaling(optimizer)
    with tf.GradientTape() as tape:
        loss = scale(weight**2)
    assert (float(loss) > 1000) == scaled
    (gradient,) = unscale(tape.gradient(loss, [weight]))
    assert float(gradient / keras_generations.loss_scale(optimizer)) == pytest.approx(6.0)


@pytest.mark.two_replicas_required
def test_summed_gradients_are_read_and_the_optimizer_is_as_it_was(two_replicas):
    """Twice, one inside the other, as replicas are; a method that somebody put there stays."""
    with two_replicas.scope():
        weight, optimizer = tf.Variable(1.0), tf.keras.optimizers.SGD(0.5)
        optimizer.build([weight])
    name = "_all_reduce_sum_gradients" if keras_generations.KERAS_3 else "aggregate_gradients"
    assert name not in vars(optimizer)

    def replica():
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        with keras_generations.summed_gradients(optimizer) as summed:
            optimizer.apply_gradients([(tf.cast(number, tf.float32) + 1.0, weight)])
            return summed()[0]

    found = two_replicas.run(tf.function(replica))
    assert [float(value) for value in two_replicas.experimental_local_results(found)] == [3.0, 3.0]
    assert name not in vars(optimizer) and float(weight.numpy()) == 1.0 - 0.5 * 3.0
    own = getattr(optimizer, name)
    vars(optimizer)[name] = own
    before = dict(vars(optimizer))
    with keras_generations.summed_gradients(optimizer), keras_generations.summed_gradients(optimizer):
        assert vars(optimizer)[name] is not own
    assert vars(optimizer)[name] is own and vars(optimizer).keys() == before.keys()


def draws():
    """A number from every source that a seed decides, a layer's first weights among them."""
    dense = tf.keras.layers.Dense(2)
    dense.build((None, 2))
    return [random.random(), np.random.rand(), float(tf.random.uniform([])), *np.ravel(dense.kernel)]


def test_a_seed_of_its_own_leaves_all_random_state_as_it_was():
    tf.keras.utils.set_random_seed(5)
    first, undisturbed = draws(), draws()
    tf.keras.utils.set_random_seed(5)
    assert draws() == first
    inside = []
    for _ in range(2):
        with keras_generations.own_random_state(9):
            inside.append(draws())
    assert inside[0] == inside[1] != first
    assert draws() == undisturbed
    with pytest.raises(RuntimeError), keras_generations.own_random_state(9):
        draws()
        raise RuntimeError
    with keras_generations.own_random_state(9):
        assert draws() == inside[0]
