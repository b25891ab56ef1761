"""Operations by name: the scale of levels, and where it departs from the authors' module on purpose."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.augment import affine, operations, tones

IMAGE = np.random.RandomState(2).randint(0, 256, (3, 40, 40), dtype=np.uint8)


def change(name, level, sign=1.0, centre=(0.5, 0.5), image=IMAGE):
    return operations.OPERATIONS[name](tf.constant(image), tf.constant(level), tf.constant(sign), tf.constant(centre))


@pytest.mark.parametrize(
    "name, level, expected",
    [
        ("Rotate", 8.0, lambda image: affine.rotate(image, -24.0)),
        ("ShearX", 9.0, lambda image: affine.shear_x(image, -0.27)),
        ("ShearY", 4.0, lambda image: affine.shear_y(image, -0.12)),
        ("TranslateX", 10.0, lambda image: affine.translate_x(image, -17)),  # 40 * 100 / 224 = 17.9
        ("TranslateY", 5.0, lambda image: affine.translate_y(image, -8)),
        ("Color", 0.0, lambda image: tones.saturation(image, 0.18 * tf.constant(0.0) + 0.1)),
        ("Contrast", 10.0, lambda image: tones.contrast(image, 0.18 * tf.constant(10.0) + 0.1)),
        ("Brightness", 5.0, lambda image: tones.brightness(image, 0.18 * tf.constant(5.0) + 0.1)),
        ("Sharpness", 9.0, lambda image: tones.sharpness(image, 0.18 * tf.constant(9.0) + 0.1)),
        ("Posterize", 6.0, lambda image: tones.posterize(image, 2)),
        ("Solarize", 4.0, lambda image: tones.solarize(image, 102)),
        ("SolarizeAdd", 7.0, lambda image: tones.solarize_add(image, 77)),
        ("Cutout", 10.0, lambda image: affine.cutout(image, 7, (0.5, 0.5))),  # 40 * 40 / 224 = 7.1
        ("AutoContrast", 3.0, tones.autocontrast),
        ("Equalize", 3.0, tones.equalize),
        ("Invert", 3.0, tones.invert),
        ("Identity", 3.0, lambda image: image),
    ],
)
def test_levels_mean_what_the_scale_says(name, level, expected):
    np.testing.assert_array_equal(change(name, level, sign=-1.0), expected(tf.constant(IMAGE)))


def test_every_operation_keeps_shape_type_and_number():
    for name in operations.OPERATIONS:
        for channels in (1, 3):
            got = change(name, 7.0, image=IMAGE[:channels])
            assert got.dtype == tf.uint8 and got.shape == (channels, 40, 40), name
    assert len(operations.OPERATIONS) == 17 and operations.NUMBERS["Identity"] == 16


@pytest.mark.parametrize("name", ["Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY", "SolarizeAdd", "Cutout"])
def test_level_zero_is_the_identity(name):
    np.testing.assert_array_equal(change(name, 0.0), IMAGE)


def test_posterize_never_leaves_a_black_image():
    """The module asks for int(0.4 * 2) = 0 bits at level 2 of AutoAugment."""
    for level in (0.0, 2.0):
        np.testing.assert_array_equal(change("Posterize", level), tones.posterize(IMAGE, 1))
        assert change("Posterize", level).numpy().max() == 128


@pytest.mark.parametrize("side", [32, 224])
@pytest.mark.parametrize("name", ["TranslateX", "TranslateY", "Cutout"])
def test_the_image_stays_in_sight_at_every_side(name, side):
    """The module moves by 250 pixels in AutoAugment and by 100, or cuts 80, in RandAugment, whatever the image."""
    white = np.full((3, side, side), 255, np.uint8)
    kept = (change(name, 10.0, image=white).numpy() == 255).mean()
    assert 0.5 < kept < 0.95


@tf.function(jit_compile=True, autograph=False)
def in_turn(planes, draws, names, level):
    numbers = tf.constant([operations.NUMBERS[name] for name in names])
    return operations.in_turn(planes, numbers, tf.fill([len(names)], level), draws)


def operate(names, level, seed, image=IMAGE):
    draws = tf.random.stateless_uniform([3 * len(names)], seed)
    program = functools.partial(in_turn, names=names, level=level)
    return tf.transpose(operations.operate(tf.transpose(image, [1, 2, 0]), draws, program), [2, 0, 1]).numpy()


@pytest.mark.slow
def test_operate_picks_by_number_and_draws_both_signs():
    for name in operations.NUMBERS:
        wanted = {bytes(change(name, 5.0, sign=sign).numpy()) for sign in (-1.0, 1.0)}
        got = {bytes(operate((name,), 5.0, [0, n])) for n in range(6)}
        assert got == wanted if name != "Cutout" else len(got) > 2, name


def test_operations_follow_one_another():
    expected = change("Invert", 5.0, image=change("Posterize", 5.0).numpy())
    np.testing.assert_array_equal(operate(("Posterize", "Identity", "Invert"), 5.0, [0, 1]), expected)


def test_float_images_are_taken_to_whole_grey_levels_and_back():
    whole = operate(("Equalize", "Posterize"), 5.0, [0, 1])
    got = operate(("Equalize", "Posterize"), 5.0, [0, 1], image=tf.constant(IMAGE / 255, tf.float32))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, whole / 255, atol=1e-6)
