"""Which variables are decayed, in layers of layers, and what the penalty is."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.layers.heads import ClassificationHead, ProjectionHead
from supcon_tf.networks.resnet import resnet
from supcon_tf.optim.weight_decay import decayed_variables, l2_penalty


def _head(widths=(8, 4), **arguments):
    head = ProjectionHead(widths=widths, **arguments)
    head.build((None, 10))
    return head


def _ids(variables):
    return [id(variable) for variable in variables]


def test_encoder_gives_its_kernels_and_nothing_of_batch_norm():
    encoder = resnet(18, image_shape=(8, 8, 3), width=1 / 16, stem="small_image")
    chosen = decayed_variables(encoder)
    assert _ids(chosen) == _ids(v for v in encoder.trainable_variables if len(v.shape) == 4)
    assert len(chosen) == 1 + 8 * 2 + 4
    assert _ids(decayed_variables(encoder, kinds=("kernels", "biases"))) == _ids(chosen)  # It has none; betas are none.


def test_head_gives_the_kernels_in_its_list_of_layers():
    head = _head(use_batch_norm=True)
    assert _ids(decayed_variables(head)) == _ids([head.dense[0].kernel, head.dense[1].kernel])
    classifier = ClassificationHead(3)
    classifier.build((None, 4))
    assert _ids(decayed_variables(classifier)) == _ids([classifier.dense.kernel])


def test_depthwise_and_separable_convolutions_have_kernels_too():
    """Networks of `tf.keras.applications` are made of them."""
    layers = tf.keras.layers
    made = [layers.DepthwiseConv2D(3), layers.SeparableConv2D(4, 3), layers.EinsumDense("bhwc,cd->bhwd", (5, 5, 5))]
    model = tf.keras.Sequential([tf.keras.Input([9, 9, 2]), *made])
    shapes = sorted(tuple(variable.shape) for variable in decayed_variables(model))
    assert shapes == [(1, 1, 2, 4), (3, 3, 2, 1), (3, 3, 2, 1), (4, 5)]
    kernels_and_biases = decayed_variables(model, kinds=("kernels", "biases"))
    assert sorted(_ids(kernels_and_biases)) == sorted(_ids(model.trainable_variables))


def test_biases_come_along_when_asked():
    head = _head()
    assert _ids(decayed_variables(head, kinds=("kernels", "biases"))) == _ids(
        [*head.dense[0].weights, head.dense[1].kernel]
    )
    assert _ids(decayed_variables(head, kinds=("biases",))) == _ids([head.dense[0].bias])


def test_batch_norm_comes_along_when_asked():
    head = _head(use_batch_norm=True)
    norm = head.norms[0]
    assert _ids(decayed_variables(head, kinds=("batch_norm",))) == _ids([norm.gamma, norm.beta])
    every = decayed_variables(head, kinds=("kernels", "biases", "batch_norm"))
    assert sorted(_ids(every)) == sorted(_ids(head.trainable_variables))


def test_batch_norm_without_offset_decays_its_gamma():
    head = _head(last_batch_norm=True)
    assert _ids(decayed_variables(head, kinds=("batch_norm",))) == _ids([head.norm2.gamma])
    assert _ids(decayed_variables(head)) == _ids([head.dense[0].kernel, head.dense[1].kernel])


def test_an_unknown_kind_is_answered_with_the_nearest():
    with pytest.raises(
        ValueError, match=r"`kinds` must be one of kernels, biases, batch_norm; got 'bias'\. Did you mean 'biases'\?"
    ):
        decayed_variables(_head(), kinds=("bias",))


def test_names_do_not_decide():
    dense = tf.keras.layers.Dense(2, name="batch_normalization")
    norm = tf.keras.layers.BatchNormalization(name="dense_kernel")
    model = tf.keras.Sequential([tf.keras.Input((3,)), dense, norm])
    assert _ids(decayed_variables(model)) == _ids([dense.kernel])


def test_models_in_models_are_searched_and_shared_layers_counted_once():
    inner = tf.keras.Sequential([tf.keras.Input((10,)), _head(), tf.keras.layers.Dense(4, name="shared")], name="inner")
    features = tf.keras.Input((10,))
    once = inner(features)
    shared = inner.get_layer("shared")
    model = tf.keras.Model(features, shared(once))  # The shared layer is met in `inner` and again on its own.
    kernels = [*decayed_variables(inner.layers[0]), shared.kernel]
    assert sorted(_ids(decayed_variables(model))) == sorted(_ids(kernels)) and len(kernels) == 3


def test_frozen_layers_are_passed_over():
    head = _head()
    head.dense[0].trainable = False
    assert _ids(decayed_variables(head)) == _ids([head.dense[1].kernel])
    head.trainable = False
    assert decayed_variables(head) == []


def test_a_network_without_weights_is_refused():
    with pytest.raises(ValueError, match="layer 'dense1' has no weights yet: build 'mine' or call it once"):
        decayed_variables(ProjectionHead(widths=(4,), name="mine"))


def test_penalty_is_half_the_coefficient_times_the_squared_norm():
    variables = [tf.Variable([[1.0, 2.0], [3.0, 4.0]]), tf.Variable([5.0])]
    assert float(l2_penalty(variables, coefficient=0.1)) == pytest.approx(0.1 * 0.5 * (1 + 4 + 9 + 16 + 25))
    assert float(l2_penalty(variables, coefficient=0.0)) == float(l2_penalty([], coefficient=1.0)) == 0
    assert l2_penalty([tf.Variable([1.0], dtype=tf.bfloat16)], coefficient=1.0).dtype == tf.float32


def test_gradient_of_the_penalty_is_the_decayed_weight_itself():
    head = _head()
    with tf.GradientTape() as tape:
        penalty = l2_penalty(decayed_variables(head), coefficient=0.25)
    first, bias, last = tape.gradient(penalty, head.trainable_variables)
    assert bias is None
    np.testing.assert_allclose(first, 0.25 * np.array(head.dense[0].kernel), rtol=1e-6)
    np.testing.assert_allclose(last, 0.25 * np.array(head.dense[1].kernel), rtol=1e-6)


def test_negative_coefficient_is_refused():
    with pytest.raises(ValueError, match=r"`coefficient` must be >= 0; got -0\.1"):
        l2_penalty([], coefficient=-0.1)


@pytest.mark.two_replicas_required
def test_two_replicas_see_the_same_penalty_and_a_share_each_makes_the_whole_gradient(two_replicas):
    with two_replicas.scope():
        head = _head()
        optimizer = tf.keras.optimizers.SGD(1.0)
        optimizer.build(head.trainable_variables)
    before = np.array(head.dense[1].kernel)

    @tf.function
    def step(share):
        def replica():
            variables = head.trainable_variables
            with tf.GradientTape() as tape:
                penalty = l2_penalty(decayed_variables(head, kinds=("kernels", "biases")), coefficient=0.25)
                loss = penalty * share
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
            return penalty

        return two_replicas.run(replica)

    first, second = (float(value) for value in two_replicas.experimental_local_results(step(0.5)))
    assert first == second > 0
    np.testing.assert_allclose(np.array(head.dense[1].kernel), 0.75 * before, rtol=1e-5)
    step(1.0)  # Control: the optimizer sums, so whole penalties decay by twice the coefficient.
    np.testing.assert_allclose(np.array(head.dense[1].kernel), 0.5 * 0.75 * before, rtol=1e-5)
