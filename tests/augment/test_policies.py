"""Policies: the same seed gives the same view anywhere, other seeds others, and the range is kept."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.augment import autoaugment, color, geometry, policies, randaugment
from supcon_tf.augment.policies import MIN_BLUR_SIDE
from supcon_tf.names import POLICIES


def augment(image, seed, *, policy, **arguments):
    """A view by a function that is made for it."""
    return policies.policy(policy, **arguments)(image, seed)


def random_image(channels=3, shape=(24, 20), seed=0):
    return tf.constant(np.random.RandomState(seed).randint(0, 256, (*shape, channels), dtype=np.uint8))


@pytest.mark.parametrize("size, channels", [(16, 1), pytest.param(MIN_BLUR_SIDE, 3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("policy", POLICIES)
def test_eager_and_inside_tf_data_are_the_same_bytes_and_keep_the_range_and_the_shape(policy, channels, size):
    image = random_image(channels)

    def view(number):
        return augment(image, tf.stack([3, number]), policy=policy, size=size, crop_area=(0.2, 1.0), strength=1.0)

    numbers = tf.data.Dataset.range(6).map(lambda number: tf.cast(number, tf.int32))
    for number, mapped in enumerate(numbers.map(view, num_parallel_calls=2)):
        assert mapped.dtype == tf.float32 and mapped.shape == [size, size, channels]
        assert tf.reduce_min(mapped) >= 0 and tf.reduce_max(mapped) <= 1
        np.testing.assert_array_equal(view(tf.constant(number)), mapped)


@pytest.mark.parametrize("policy", [name for name in POLICIES if name != "none"])
def test_one_seed_one_view_other_seeds_other_views(policy):
    image = random_image()

    def view(*seed):
        return augment(image, tf.constant(seed), policy=policy, size=16).numpy()

    np.testing.assert_array_equal(view(1, 2), view(1, 2))
    assert np.abs(view(1, 2) - view(1, 3)).max() > 0.01
    assert np.abs(view(1, 2) - view(2, 2)).max() > 0.01


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_seeds_of_both_integer_types_work(dtype):
    view = augment(random_image(), tf.constant([1, 2], dtype), policy="sim_augment", size=16)
    assert view.shape == [16, 16, 3]


def test_uint8_and_float_images_give_the_same_view():
    image = random_image()
    floats = geometry.unit_range(image)
    for policy in POLICIES:
        first, second = (augment(x, tf.constant([1, 2]), policy=policy, size=16) for x in (image, floats))
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_none_is_what_evaluation_sees():
    image = random_image()
    view = augment(image, tf.constant([1, 2]), policy="none", size=16)
    np.testing.assert_array_equal(view, geometry.resize(geometry.central_square(image), size=16))


@pytest.mark.parametrize("size", [16, MIN_BLUR_SIDE])
def test_sim_augment_without_strength_is_crop_and_flip(size):
    for number in range(8):
        seed = tf.constant([number, 5])
        plain = augment(random_image(), seed, policy="crop_flip", size=size)
        np.testing.assert_array_equal(augment(random_image(), seed, policy="sim_augment", size=size, strength=0), plain)
        assert number > 0 or not np.array_equal(augment(random_image(), seed, policy="sim_augment", size=size), plain)


def test_steps_of_the_stacked_policy_stand_in_the_order_that_is_asked_for():
    """Every step is seen alone by switching the others off; the two orders differ, and only in the place of one."""
    image, seed = random_image(), tf.constant([3, 4])

    def view(policy, **arguments):
        return augment(image, seed, policy=policy, size=16, strength=0.5, jitter_probability=1.0, **arguments).numpy()

    stacked = "stacked_rand_augment"
    np.testing.assert_allclose(view(stacked, rand_layers=0), view("sim_augment"), atol=0.51 / 255)
    sharp = {"grayscale_probability": 0.0}
    code, paper = (view(stacked, stacked_order=order, **sharp) for order in ("code", "paper"))
    assert np.abs(code - paper).max() > 2 / 255
    seeds = tf.unstack(tf.random.split(seed, 9))
    jittered = color.jitter(
        augment(image, seed, policy="rand_augment", size=16), seeds[3], strength=0.5, probability=1.0
    )
    np.testing.assert_allclose(paper, jittered, atol=1e-6)


def test_probabilities_of_one_and_zero():
    image, seed = random_image(), tf.constant([3, 4])
    arguments = {"policy": "sim_augment", "size": 16, "jitter_probability": 0.0}
    plain = augment(image, seed, policy="crop_flip", size=16)
    np.testing.assert_array_equal(augment(image, seed, grayscale_probability=0.0, **arguments), plain)
    grey = augment(image, seed, grayscale_probability=1.0, **arguments).numpy()
    np.testing.assert_array_equal(grey[..., 0], grey[..., 1])
    blurred = augment(image, seed, grayscale_probability=0.0, blur_probability=1.0, **arguments).numpy()
    assert np.abs(np.diff(blurred, axis=0)).mean() <= np.abs(np.diff(plain.numpy(), axis=0)).mean()


def test_flip_false_never_mirrors():
    ramp = tf.tile(tf.range(16, dtype=tf.float32)[None, :, None] / 15, [16, 1, 1])
    for flip, expected in [(False, {True}), (True, {True, False})]:
        views = (augment(ramp, tf.constant([6, n]), policy="crop_flip", size=16, flip=flip) for n in range(20))
        assert {bool(view[0, -1, 0] > view[0, 0, 0]) for view in views} == expected


def test_only_large_images_are_blurred():
    """Flat colours stay flat under crop, flip and colour; a step edge tells blur from no blur."""
    step = tf.concat([tf.zeros([128, 64, 1]), tf.ones([128, 64, 1])], 1)

    def grey_levels(size, number):
        view = augment(
            step, tf.constant([8, number]), policy="sim_augment", size=size, crop_area=(1.0, 1.0), strength=1e-6
        )
        return len(np.unique(view.numpy().round(3)))

    assert max(grey_levels(MIN_BLUR_SIDE, number) for number in range(12)) > 3
    assert max(grey_levels(32, number) for number in range(12)) <= 3


def test_a_wrong_name_is_answered_with_the_nearest():
    with pytest.raises(
        ValueError, match=r"must be one of none, crop_flip, sim_augment, auto.*; got 'sim_augmnt'.*'sim_augment'"
    ):
        augment(random_image(), tf.constant([0, 0]), policy="sim_augmnt", size=16)


def test_a_batch_is_refused():
    with pytest.raises(ValueError, match="one image"):
        augment(tf.zeros([2, 8, 8, 3]), tf.constant([0, 0]), policy="none", size=8)


@pytest.mark.parametrize(
    "program, count, options",
    [
        (autoaugment._operations, 9, {"policy": "cifar10"}),
        (randaugment._operations, 8, {"layers": 2, "magnitude": 9.0}),
    ],
)
def test_the_program_is_compiled_once_and_not_for_every_draw(program, count, options):
    planes, draws = tf.zeros([3, 8, 8], tf.uint8), tf.zeros([count])
    lowered = program.experimental_get_compiler_ir(planes, draws, **options)(stage="hlo")
    entry = lowered[lowered.index("ENTRY") :]
    # What must be known to the compiler is no parameter, and each of its values another compilation.
    assert entry.count(" parameter(") == 2 and f"f32[{count}]" in entry
