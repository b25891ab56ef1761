"""The augmentations as Keras layers: what the host makes image by image, in models, data sets and saved files."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.augment import blur, color
from supcon_tf.augment.layers import ColorJitter, GaussianBlur, TwoViews
from supcon_tf.augment.policies import policy
from supcon_tf.augment.views import several

SEEDS = tf.constant([[3, number] for number in range(24)])


def images(channels=3, side=12):
    return tf.constant(np.random.RandomState(0).randint(0, 256, (len(SEEDS), side, side, channels), dtype=np.uint8))


@pytest.mark.parametrize("channels, variant, strength", [(3, "pytorch", 0.5), (3, "simclr", 1.0), (1, "pytorch", 1.0)])
def test_jitter_is_that_of_the_host(channels, variant, strength):
    batch = images(channels)
    expected = [color.jitter(x, seed, strength=strength, variant=variant) for x, seed in zip(batch, SEEDS)]
    got = ColorJitter(strength=strength, variant=variant)(batch, seeds=SEEDS)
    np.testing.assert_allclose(got, tf.stack(expected), atol=1e-5)
    assert len({bytes(view.numpy()) for view in got - tf.stack(got[:1])}) == len(SEEDS)


def test_blur_is_that_of_the_host():
    batch = images(side=30)
    expected = [blur.random_blur(x, seed, taps=3) for x, seed in zip(batch, SEEDS)]
    np.testing.assert_allclose(GaussianBlur()(batch, seeds=SEEDS), tf.stack(expected), atol=1e-6)
    expected = [blur.random_blur(x, seed, taps=9, probability=1.0) for x, seed in zip(batch, SEEDS)]
    got = GaussianBlur(taps=9, probability=1.0)(batch, seeds=SEEDS)
    np.testing.assert_allclose(got, tf.stack(expected), atol=1e-6)


def test_images_of_unlike_sides_are_blurred_as_on_the_host():
    batch = images(side=30)[:, :20]
    expected = [blur.random_blur(x, seed, taps=5, probability=1.0) for x, seed in zip(batch, SEEDS)]
    got = GaussianBlur(taps=5, probability=1.0)(batch, seeds=SEEDS)
    np.testing.assert_allclose(got, tf.stack(expected), atol=1e-6)


@pytest.mark.parametrize("size", [(12, 4), (4, 12)])
def test_a_kernel_that_the_images_have_no_room_for_is_refused(size):
    batch = tf.image.resize_with_crop_or_pad(images(), *size)
    assert GaussianBlur(taps=7, probability=1.0)(batch).shape == batch.shape
    message = rf"A blur kernel of 9 taps .* images of {size[0]} x {size[1]} pixels: take 7 taps or fewer\."
    with pytest.raises(ValueError, match=message):
        GaussianBlur(taps=9, probability=1.0)(batch)
    with pytest.raises(ValueError, match=message):
        blur.gaussian_blur(batch[0], tf.constant(1.0), taps=9)


def test_strength_and_probability_zero_are_the_identity():
    batch = images()
    np.testing.assert_array_equal(ColorJitter(strength=0.0)(batch, seeds=SEEDS), color.unit_range(batch))
    np.testing.assert_array_equal(
        ColorJitter(strength=1.0, probability=0.0)(batch, seeds=SEEDS), color.unit_range(batch)
    )
    np.testing.assert_array_equal(GaussianBlur(probability=0.0)(batch, seeds=SEEDS), color.unit_range(batch))


def test_layers_are_made_again_from_their_config():
    for layer in (ColorJitter(strength=0.7, probability=0.1, variant="simclr"), GaussianBlur(probability=0.3, taps=5)):
        again = type(layer).from_config(layer.get_config())
        np.testing.assert_array_equal(again(images(), seeds=SEEDS), layer(images(), seeds=SEEDS))


LAYERS = {
    "two views": lambda **seed: TwoViews("sim_augment", size=8, views=3, options={"strength": 0.5}, **seed),
    "jitter": lambda **seed: ColorJitter(0.7, probability=0.9, variant="simclr", **seed),
    "blur": lambda **seed: GaussianBlur(0.9, taps=5, **seed),
}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


def test_views_are_those_of_the_host():
    batch, draw = images(), several(policy("sim_augment", size=8, strength=0.5), count=3)
    expected = [draw(image, tf.cast(seed, tf.int64)) for image, seed in zip(batch, SEEDS)]
    layer = LAYERS["two views"]()
    np.testing.assert_array_equal(layer(batch, seeds=SEEDS), tf.stack(expected))
    np.testing.assert_array_equal(layer(batch[3], seeds=SEEDS[3]), expected[3])


@every_layer
def test_every_call_and_every_image_draws_anew_and_a_seed_decides(make):
    same = tf.tile(images()[:1], [6, 1, 1, 1])
    layer, again = make(seed=5), make(seed=5)
    first, second = layer(same).numpy(), layer(same).numpy()
    np.testing.assert_array_equal(again(same), first)
    np.testing.assert_array_equal(again(same), second)
    drawn = [view.tobytes() for batch in (first, second) for view in batch]
    assert len(set(drawn)) > 8  # some chances leave an image as it is
    assert np.abs(make(seed=6)(same) - first).max() > 0.01


@pytest.mark.parametrize("kind, batched", [*((kind, True) for kind in LAYERS), ("two views", False)])
def test_in_a_data_set_every_example_is_drawn_anew(kind, batched):
    layer, image = LAYERS[kind](), images()[:1]
    data = tf.data.Dataset.from_tensor_slices(tf.tile(image, [12, 1, 1, 1]))
    data = data.batch(4).map(layer).unbatch() if batched else data.map(layer)
    for _ in range(2):
        drawn = {view.tobytes() for view in data.as_numpy_iterator()}
        assert len(drawn) > 6


@every_layer
def test_in_a_model_it_acts_in_training_and_comes_back_from_a_file(make, tmp_path):
    layer = make(seed=3)
    model = tf.keras.Sequential([tf.keras.Input([12, 12, 3]), layer, tf.keras.layers.Rescaling(1.0)])
    batch = tf.cast(images(), tf.float32) / 255
    outputs = model(batch, training=True)
    assert outputs.shape[1:] == model.output_shape[1:]
    if not isinstance(layer, TwoViews):
        assert np.abs(outputs - batch).max() > 0.01
        np.testing.assert_allclose(model.predict(batch, verbose=0), batch, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    kept = next(inner for inner in loaded.layers if type(inner) is type(layer))
    assert kept.get_config() == layer.get_config()
    np.testing.assert_array_equal(kept(batch, seeds=SEEDS), layer(batch, seeds=SEEDS))


@pytest.mark.slow
@every_layer
def test_under_mixed_precision_pixels_stay_float32(make):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        layer = make(seed=1)
        floats = tf.cast(images(), tf.float32) / 255
        assert layer(floats).dtype == tf.float32
        np.testing.assert_array_equal(layer(floats, seeds=SEEDS), make()(floats, seeds=SEEDS))
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


@pytest.mark.two_replicas_required
def test_two_replicas_draw_apart(two_replicas):
    with two_replicas.scope():
        layer = ColorJitter(1.0, probability=1.0, seed=4)
    image = tf.tile(images()[:1], [2, 1, 1, 1])
    drawn = two_replicas.experimental_local_results(two_replicas.run(tf.function(lambda: layer(image))))
    assert np.abs(drawn[0] - drawn[1]).max() > 0.01


@every_layer
@pytest.mark.parametrize("scale, shift, ends", [(1.0, 0.0, "0 to 255"), (1 / 127.5, -1.0, "-1 to 1")])
def test_floats_of_another_range_are_refused_and_nan_where_nothing_can_be_raised(make, scale, shift, ends):
    layer, wrong = make(), tf.cast(images(), tf.float32) * scale + shift
    with pytest.raises(ValueError, match=rf"must be in \[0, 1\]; these go from {ends}\. Divide by 255"):
        layer(wrong)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"x / 2 \+ 0\.5"):
        tf.function(layer)(wrong)
    if not isinstance(layer, TwoViews):
        assert np.isnan(tf.function(layer, jit_compile=True)(wrong)).all()


@pytest.mark.parametrize("shape", [None, [None, None, None]])
def test_images_of_unknown_channels_are_refused_in_words(shape):
    """As `tf.io.decode_image` gives them."""
    unknown = tf.data.Dataset.from_generator(lambda: images(), output_signature=tf.TensorSpec(shape, tf.uint8))
    with pytest.raises(ValueError, match=r"with ch known; got shape .*decode_image\(\.\.\., channels=3, expand"):
        unknown.map(TwoViews("crop_flip", size=6))


def test_what_is_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"between 0 and 2.5; got 3"):
        ColorJitter(strength=3.0)
    with pytest.raises(ValueError, match="`jitter` must be one of pytorch, simclr; got 'torch'"):
        ColorJitter(strength=1.0, variant="torch")
    with pytest.raises(ValueError, match=r"odd number of taps.*got 4"):
        GaussianBlur(taps=4)
