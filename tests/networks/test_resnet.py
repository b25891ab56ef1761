"""ResNet against plain NumPy, against published parameter counts, and at its start."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.networks.resnet import resnet
from tests.marks import slow
from tests.oracles import resnet as oracle

TINY = 1 / 16  # 4, 8, 16 and 32 filters.


def _images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("f4")


def _randomise(model):
    """Weights at which every path and every constant of batch norm counts."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        weights = [
            rng.normal(size=weight.shape) / np.sqrt(max(1, weight[..., 0].size)) for weight in layer.get_weights()
        ]
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            weights = [rng.uniform(0.5, 1.5, weight.shape) for weight in weights]
        layer.set_weights(weights)


def _trainable_count(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.parametrize(
    ("depth", "stem", "shape"),
    [
        slow(18, "small_image", (8, 8, 3)),
        (18, "image", (19, 24, 1)),  # Odd and even sides: padding differs between them where it is not symmetric.
        (50, "small_image", (8, 8, 1)),
        slow(50, "image", (24, 17, 3)),
    ],
)
def test_forward_equals_plain_numpy(depth, stem, shape):
    model = resnet(depth, image_shape=shape, width=TINY, stem=stem)
    _randomise(model)
    images = _images(2, *shape)
    expected = oracle.features(model, images, depth=depth, stem=stem)
    np.testing.assert_allclose(model(images, training=False), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


# Trainable weights as torchvision counts them, less its classifier (1000 F + 1000). Ours has, in group 1 of the two
# shallow ones, a projection shortcut of 64 x 64 weights and a batch norm of 2 x 64 that torchvision's has not.
@pytest.mark.parametrize(
    ("depth", "published"),
    [
        (18, 11_689_512 - 513_000 + 64 * 64 + 2 * 64),
        slow(34, 21_797_672 - 513_000 + 64 * 64 + 2 * 64),
        (50, 25_557_032 - 2_049_000),
        pytest.param(101, 44_549_160 - 2_049_000, marks=pytest.mark.slow),
        pytest.param(152, 60_192_808 - 2_049_000, marks=pytest.mark.slow),
        pytest.param(200, 64_673_832 - 2_049_000, marks=pytest.mark.slow),  # As timm counts it: torchvision has none.
    ],
)
def test_parameter_count_is_the_published_one(depth, published):
    model = resnet(depth, image_shape=(32, 32, 3), stem="image")
    assert _trainable_count(model) == published == oracle.trainable_count(depth, width=1, channels=3, stem="image")
    assert model.output_shape == (None, 512 if depth < 50 else 2048)


@pytest.mark.parametrize(("depth", "width", "channels", "stem"), [(18, 0.3, 1, "small_image"), (50, 0.25, 4, "image")])
def test_parameter_count_follows_width_channels_and_stem(depth, width, channels, stem):
    model = resnet(depth, image_shape=(16, 16, channels), width=width, stem=stem)
    assert _trainable_count(model) == oracle.trainable_count(depth, width=width, channels=channels, stem=stem)
    assert model.output_shape[-1] == int(512 * width) * (1 if depth < 50 else 4)


@pytest.mark.parametrize(("stem", "side"), [("image", 2), ("small_image", 8)])
def test_groups_see_the_sides_of_the_paper(stem, side):
    model = resnet(18, image_shape=(64, 64, 3), width=TINY, stem=stem)
    sides = [model.get_layer(f"group{group}_block2_out").output.shape[1] for group in (1, 2, 3, 4)]
    assert sides == [side * 8, side * 4, side * 2, side]


@pytest.mark.parametrize("depth", [18, 50])
def test_blocks_start_as_their_shortcut(depth):
    model = resnet(depth, image_shape=(8, 8, 3), width=TINY, stem="small_image")
    outputs = [model.get_layer(f"group2_block{block}_out").output for block in (1, 2)]
    first, second = tf.keras.Model(model.input, outputs)(_images(2, 8, 8, 3), training=True)
    assert np.abs(first).max() > 0.1
    np.testing.assert_array_equal(second, first)  # relu(0 + x) with x >= 0 is x.
    last = {18: "norm2", 50: "norm3"}[depth]
    zero = [layer.name for layer in model.layers if layer.name[-5:-1] == "norm" and not np.any(layer.get_weights()[0])]
    assert zero == [f"group{g}_block{b + 1}_{last}" for g in (1, 2, 3, 4) for b in range(oracle.BLOCKS[depth][g - 1])]


def test_convolutions_start_with_variance_one_over_fan_in_and_are_all_different():
    model = resnet(18, image_shape=(8, 8, 3), width=0.5, stem="small_image")
    convolutions = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Conv2D)]
    assert len(convolutions) == 1 + 8 * 2 + 4 and not any(layer.use_bias for layer in convolutions)
    for layer in convolutions:
        kernel = np.array(layer.kernel)
        scaled = kernel * np.sqrt(np.prod(kernel.shape[:3]))
        np.testing.assert_allclose(scaled.std(), 1.0, atol=4 / np.sqrt(kernel.size))
        assert np.abs(scaled).max() < 2 / 0.8796 + 1e-3  # Cut off at two deviations of the untruncated normal.
    first, second = (np.array(model.get_layer(f"group1_block2_conv{number}").kernel) for number in (1, 2))
    assert np.abs(first - second).max() > 0.01


def test_sides_may_be_unknown():
    model = resnet(18, image_shape=(None, None, 3), width=TINY, stem="image")
    _randomise(model)
    small, large = _images(1, 8, 8, 3), _images(1, 40, 24, 3)
    for images in (small, large):
        fixed = resnet(18, image_shape=images.shape[1:], width=TINY, stem="image")
        fixed.set_weights(model.get_weights())
        np.testing.assert_allclose(model(images, training=False), fixed(images, training=False), rtol=1e-5, atol=1e-6)


def test_every_weight_gets_a_finite_gradient_on_tiny_images():
    model = resnet(50, image_shape=(8, 8, 1), width=TINY, stem="image")
    _randomise(model)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(_images(4, 8, 8, 1), training=True) ** 2)
    gradients = tape.gradient(total, model.trainable_weights)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("cross_replica", [True, False])
def test_every_batch_norm_has_the_asked_reach_and_name(cross_replica):
    model = resnet(18, image_shape=(8, 8, 3), width=TINY, cross_replica_batch_norm=cross_replica, name="mine")
    norms = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.BatchNormalization)]
    assert len(norms) == 1 + 8 * 2 + 4
    assert {layer.synchronized for layer in norms} == {cross_replica}
    assert model.name == "mine" and model.get_layer("group4_block2_conv1") is not None


def test_features_have_the_compute_type_of_the_policy():
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = resnet(18, image_shape=(8, 8, 3), width=TINY, stem="small_image")
        features = model(_images(2, 8, 8, 3), training=True)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert features.dtype == tf.bfloat16 and model.trainable_weights[0].dtype == "float32"


def test_encoder_survives_saving(tmp_path):
    model = resnet(18, image_shape=(8, 8, 3), width=TINY, stem="small_image")
    _randomise(model)
    model.save(tmp_path / "encoder.keras")
    restored = tf.keras.models.load_model(tmp_path / "encoder.keras")
    images = _images(2, 8, 8, 3)
    np.testing.assert_allclose(restored(images, training=False), model(images, training=False), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 51}, "`depth` must be one of 18, 34, 50, 101, 152, 200; got 51"),
        ({"stem": "cifar"}, "`stem` must be one of small_image, image; got 'cifar'"),
        ({"width": 0.01}, "`width` must be at least 1/64.*; got 0.01"),
        ({"image_shape": (32, 32)}, r"`image_shape` must be .*such as \(32, 32, 3\); got \(32, 32\)"),
        ({"image_shape": (32, 32, None)}, "with known channels.*got .*None"),
        ({"image_shape": (0, 32, 3)}, r"`image_shape` must be .*got \(0, 32, 3\)"),
    ],
)
def test_errors_say_what_is_wanted(change, message):
    arguments = {"depth": 18, "image_shape": (8, 8, 3), "stem": "image", "width": 1.0, **change}
    with pytest.raises(ValueError, match=message):
        resnet(arguments.pop("depth"), **arguments)
