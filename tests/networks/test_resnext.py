"""ResNeXt: counts by formula, its grouped convolution by plain loops, its start, its gradients, its file."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.networks.residual import conv
from supcon_tf.networks.resnext import resnext
from tests.oracles import resnext as oracle

SMALL = {"image_shape": (8, 8, 3), "width": 1 / 16, "stem": "small_image", "groups": 4}


def _images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("f4")


def _trainable_count(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [50, 101, 152, 200])
def test_parameter_count_is_that_of_the_formula(depth):
    model = resnext(depth, image_shape=(32, 32, 3))
    assert _trainable_count(model) == oracle.trainable_count(depth, width=1, channels=3, stem="image", groups=64)
    assert model.output_shape == (None, 2048) and model.name == f"resnext{depth}"


# torchvision's ResNeXt-50 32 x 4d, less its classifier of 2048 x 1000 + 1000.
PUBLISHED = 25_028_904 - 2_049_000


@pytest.mark.slow
def test_with_32_groups_the_count_is_the_published_one_of_32x4d():
    model = resnext(50, image_shape=(32, 32, 3), groups=32)
    assert _trainable_count(model) == PUBLISHED


def test_with_64_groups_half_of_the_weights_of_the_3x3_are_gone():
    of_32_groups = 9 * (3 * 128**2 + 4 * 256**2 + 6 * 512**2 + 3 * 1024**2) // 32
    found = oracle.trainable_count(50, width=1, channels=3, stem="image", groups=64)
    assert found == PUBLISHED - of_32_groups // 2 == 22_272_576


def grouped(shape, stride=1):
    """A convolution of 8 channels in 4 groups, as the block has it."""
    images = tf.keras.Input((*shape, 8))
    return tf.keras.Model(images, conv(images, filters=8, size=3, stride=stride, groups=4, name="conv"))


@pytest.mark.parametrize("stride, shape", [(1, (5, 4)), (2, (6, 7)), (2, (1, 2))])
def test_the_grouped_convolution_is_so_many_plain_ones(stride, shape):
    layer, kernel = grouped(shape, stride), np.random.default_rng(1).normal(size=[3, 3, 2, 8])
    layer.set_weights([kernel])
    x = _images(*shape, 8)
    np.testing.assert_allclose(
        layer(x[None])[0], oracle.grouped_conv(x.astype("f8"), kernel, groups=4, stride=stride), rtol=1e-4, atol=1e-4
    )


def test_groups_see_their_own_channels_alone():
    """Control: another input of a group changes the outputs of that group, and no others."""
    layer = grouped((5, 5))
    x = _images(1, 5, 5, 8)
    other = x.copy()
    other[..., 2:4] += 1
    changed = np.abs(layer(other) - layer(x)).max((0, 1, 2)) > 1e-6
    np.testing.assert_array_equal(changed, [False, False, True, True, False, False, False, False])


@pytest.mark.slow
def test_every_gamma_starts_at_one():
    model = resnext(50, **SMALL)
    norms = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.BatchNormalization)]
    assert len(norms) == 1 + 16 * 3 + 4
    assert all(np.all(layer.get_weights()[0] == 1) for layer in norms)


@pytest.mark.slow
def test_every_weight_gets_a_finite_gradient():
    model = resnext(50, **SMALL)

    def gradients(images):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(model(images, training=True) ** 2)
        return tape.gradient(total, model.trainable_weights)

    for gradient in tf.function(gradients)(_images(4, 8, 8, 3)):
        assert np.isfinite(gradient).all() and np.any(gradient)


@pytest.mark.slow
def test_encoder_survives_saving(tmp_path):
    model, images = resnext(50, **SMALL), _images(2, 8, 8, 3)
    model.save(tmp_path / "encoder.keras")
    restored = tf.keras.models.load_model(tmp_path / "encoder.keras")
    np.testing.assert_allclose(restored(images, training=False), model(images, training=False), rtol=1e-5, atol=1e-6)
    other = resnext(50, **SMALL)
    tf.train.Checkpoint(encoder=model).write(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(encoder=other).read(str(tmp_path / "checkpoint")).assert_consumed()
    np.testing.assert_allclose(other(images, training=False), model(images, training=False), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "depth, change, message",
    [
        (34, {}, "`depth` must be one of 50, 101, 152, 200; got 34"),
        (
            50,
            {"groups": 64},
            r"a multiple of 64 filters, .*2 x int\(64 width\) = 8; got 0.0625. A multiple of 0.5 does",
        ),
        (50, {"stem": "cifar"}, "`stem` must be one of small_image, image; got 'cifar'"),
    ],
)
def test_errors_say_what_is_wanted(depth, change, message):
    with pytest.raises(ValueError, match=message):
        resnext(depth, **{**SMALL, **change})
