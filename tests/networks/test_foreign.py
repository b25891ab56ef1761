"""Networks of others become encoders: of code, of files, and with the moments of all replicas."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.config import Encoder, Projection
from supcon_tf.networks import registry
from supcon_tf.networks.foreign import as_encoder, network_of
from supcon_tf.networks.networks import build_networks

SHAPE = (8, 8, 3)


def small(image_shape, *, width=4, pool=True):
    """An encoder of a person: its batch norm is Keras's own."""
    layers = [tf.keras.Input(image_shape), tf.keras.layers.Conv2D(width, 3, name="conv")]
    layers += [tf.keras.layers.BatchNormalization(name="bn"), tf.keras.layers.ReLU()]
    return tf.keras.Sequential(layers + [tf.keras.layers.GlobalAveragePooling2D()] * pool, name="own_code")


def map_of_features(image_shape):
    return small(image_shape, pool=False)


def no_model(image_shape):
    return "a model"


def three_axes(image_shape):
    return tf.keras.Sequential([tf.keras.Input(image_shape), tf.keras.layers.Reshape((-1, 3))])


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """This file under a name that can be imported, whatever pytest calls it."""
    monkeypatch.setitem(sys.modules, "a_persons_nets", sys.modules[__name__])


def build(name, **how):
    return registry.build_encoder(name, image_shape=SHAPE, **how)


@pytest.mark.parametrize("function", ["small", "map_of_features"])
def test_a_function_makes_an_encoder(function):
    tf.keras.utils.set_random_seed(0)
    encoder = build(f"a_persons_nets:{function}", cross_replica_batch_norm=False)
    assert encoder.output_shape == (None, 4) and encoder.input_shape == (None, *SHAPE)
    x = tf.random.normal([2, *SHAPE])
    conv = next(layer for layer in encoder.layers if hasattr(layer, "layers")).get_layer("conv")
    by_hand = tf.reduce_mean(tf.nn.relu(conv(x) / np.sqrt(1 + 1e-3)), [1, 2])  # first moments: 0 and 1
    np.testing.assert_allclose(encoder(x, training=False), by_hand, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "name, said",
    [
        ("a_persons_nets:nowhere", r"nowhere\(image_shape=\(8, 8, 3\)\) of module a_persons_nets .*AttributeError"),
        ("no_such_module_:small", r"did not make one \(ModuleNotFoundError: No module named 'no_such_module_'"),
        ("a_persons_nets:no_model", r"must return a Keras model; it returned str\."),
        ("a_persons_nets:three_axes", r"must give features \[B, F\], or a map .*; it gives \[None, 64, 3\]\."),
        ("nowhere.keras", r"encoder.name: there is no file nowhere.keras\."),
    ],
)
def test_what_is_no_encoder_is_refused_in_a_line(name, said):
    with pytest.raises(ValueError, match=said) as raised:
        build(name, pixels="whitened")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_file_is_an_encoder_without_the_dense_layer_that_it_ends_in(tmp_path, ending):
    whole = small(SHAPE)
    classifier = tf.keras.Sequential([*whole.layers, tf.keras.layers.Dense(7, "softmax")])
    classifier.build((None, *SHAPE))
    x = tf.random.normal([2, *SHAPE])
    for number, model in enumerate((whole, classifier)):
        path = tmp_path / f"model{number}{ending}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras 2 wants no .h5 any more
            model.save(path)
        encoder = build(str(path), pixels="whitened")
        np.testing.assert_allclose(encoder(x), whole(x), rtol=1e-5, atol=1e-6)


def test_blue_first_is_part_of_the_network(tmp_path):
    whole = small(SHAPE)
    whole.save(tmp_path / "model.keras")
    encoder = build(str(tmp_path / "model.keras"), pixels="caffe")
    x = tf.random.normal([2, *SHAPE])
    np.testing.assert_allclose(encoder(x), whole(x[..., ::-1]), rtol=1e-5)
    assert np.abs(encoder(x) - whole(x)).max() > 1e-3  # Control.


def test_a_file_for_other_images_is_refused(tmp_path):
    small((9, 9, 1)).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"does not take images \[8, 8, 3\]; its own are \[9, 9, 1\]"):
        build(str(tmp_path / "model.keras"), pixels="whitened")


def test_width_is_of_own_networks():
    with pytest.raises(ValueError, match=r"`width` is read by this package's own networks alone; got 0\.5"):
        build("a_persons_nets:small", width=0.5)


def moved(strategy, across):
    """Averages of the batch norm of a foreign encoder after a step on images whose moments differ by replica."""
    with strategy.scope():
        tf.keras.utils.set_random_seed(0)
        encoder = as_encoder(small(SHAPE), SHAPE, name="small", blue_first=False, cross_replica_batch_norm=across)
    images = tf.reshape(tf.range(4 * 8 * 8 * 3, dtype=tf.float32) / 100, [4, *SHAPE])
    replicas = strategy.num_replicas_in_sync

    def one():
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        share = 4 // replicas
        encoder(tf.slice(images, [number * share, 0, 0, 0], [share, *SHAPE]), training=True)

    tf.function(lambda: strategy.run(one), autograph=False)()
    bn = next(layer for layer in encoder.layers if hasattr(layer, "layers")).get_layer("bn")
    assert bn.synchronized is across
    return np.array(bn.moving_variance)


@pytest.mark.two_replicas_required
def test_batch_norm_of_others_takes_the_moments_of_the_global_batch(two_replicas):
    whole = moved(tf.distribute.get_strategy(), across=False)
    np.testing.assert_allclose(moved(two_replicas, across=True), whole, rtol=1e-4)
    assert np.abs(moved(two_replicas, across=False) - whole).max() > 1e-2  # Control: each its own.


def test_a_batch_norm_that_cannot_meet_replicas_is_refused():
    network = small(SHAPE)
    network.get_layer("bn").renorm = True  # as of `tf.compat.v1`, whose own class Keras 3 no longer has
    how = {"name": "small", "blue_first": False}
    assert as_encoder(network, SHAPE, **how, cross_replica_batch_norm=False).output_shape == (None, 4)
    with pytest.raises(ValueError, match=r"layer 'bn' of encoder 'small' cannot .*cross_replica_batch_norm=false"):
        as_encoder(network, SHAPE, **how, cross_replica_batch_norm=True)


def test_a_run_has_them_among_its_networks():
    networks = build_networks(
        Encoder(name="a_persons_nets:small", frozen=("conv",)), Projection(), image_shape=SHAPE, classes=2
    )
    assert networks.features(tf.zeros([3, *SHAPE]), training=True).shape == (3, 4)
    assert len(networks.encoder.trainable_variables) == 2


@pytest.mark.slow
def test_keras_says_what_size_it_wants():
    with pytest.raises(ValueError, match=r"keras:Xception cannot be made for images \[8, 8, 3\]: .*71"):
        network_of("keras:Xception", SHAPE)
