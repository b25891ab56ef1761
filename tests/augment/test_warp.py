"""The warp: TensorFlow Addons' where it is installed, one clear error where it is not."""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from supcon_tf import addons
from supcon_tf.augment import warp
from supcon_tf.augment.geometry import unit_range

IMAGE = tf.constant(np.random.RandomState(0).randint(0, 256, (16, 16, 3), dtype=np.uint8))
SMOOTH = tf.constant(np.stack(np.meshgrid(*[np.linspace(0.1, 0.9, 24)] * 2, indexing="ij"), -1)[..., :1], tf.float32)


def installed():
    pytest.importorskip("tensorflow_addons", reason="TensorFlow Addons exists up to Python 3.11 only")


def test_the_points_go_where_the_flow_says():
    """A smooth ramp of rows: moved down by d at all four points, each row shows what was d rows above."""
    installed()
    flow = tf.constant([[[3.0, 0.0]] * 4])
    moved = warp._warp(SMOOTH, flow, addons.tensorflow_addons("test"))
    np.testing.assert_allclose(moved[8:17, 8:17], SMOOTH[5:14, 8:17], atol=1e-3)
    np.testing.assert_allclose(warp._warp(SMOOTH, 0 * flow, addons.tensorflow_addons("test")), SMOOTH, atol=1e-5)


@pytest.mark.slow
def test_half_the_images_are_warped_and_the_range_is_kept():
    installed()
    change = tf.function(lambda number: warp.random_warp(IMAGE, tf.stack([5, number]), probability=0.5))
    views = [change(tf.constant(number)).numpy() for number in range(60)]
    still = sum(np.array_equal(view, unit_range(IMAGE)) for view in views)
    assert 15 < still < 45
    assert all(view.min() >= 0 and view.max() <= 1 and view.shape == (16, 16, 3) for view in views)
    np.testing.assert_allclose(
        warp.random_warp(IMAGE, tf.constant([5, 3]), probability=0.5), views[3], atol=1e-5
    )  # eager


@pytest.fixture
def moves(monkeypatch):
    """A function of the side and a number of draws: the points, and how far each draw moved them, in pixels."""
    asked = []

    def keep(image, points, targets):
        asked.append((points[0].numpy(), (targets - points)[0].numpy()))
        return image, None

    noting = types.SimpleNamespace(image=types.SimpleNamespace(sparse_image_warp=keep))
    monkeypatch.setattr(warp, "tensorflow_addons", lambda what: noting)

    def draw(side, count):
        asked.clear()
        for number in range(count):
            warp.random_warp(tf.zeros([side, side, 1]), tf.constant([3, number]), probability=1.0)
        return asked[0][0], np.stack([moved for _, moved in asked])

    return draw


def test_points_move_by_normal_vectors_times_one_length_up_to_23_of_224_pixels(moves):
    """Against NumPy's draws of the authors' rule. The control has a fixed length of the same mean square."""
    points, moved = moves(224, 400)
    np.testing.assert_allclose(points, [(y * 224 / 3, x * 224 / 3) for y in (1, 2) for x in (1, 2)], rtol=1e-6)
    random = np.random.default_rng(0)
    normals = random.standard_normal([20_000, 4, 2])
    found = np.sqrt(np.square(moved).mean((1, 2)))  # A draw's length, but for the chance in eight normal numbers.
    for lengths, same in [(random.uniform(0, 23, [20_000, 1, 1]), True), (23 / np.sqrt(3), False)]:
        expected = np.sqrt(np.square(normals * lengths).mean((1, 2)))
        assert (stats.ks_2samp(found, expected, method="asymp").pvalue > 1e-3) == same
    np.testing.assert_allclose(moved.mean((0, 2)), 0, atol=5 * 23 / np.sqrt(3 * 800))  # no preferred direction


def test_the_length_follows_the_side(moves):
    np.testing.assert_allclose(moves(32, 5)[1], moves(224, 5)[1] / 7, rtol=1e-4, atol=1e-4)


def test_without_addons_the_warp_says_what_to_do(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorflow_addons", None)
    with pytest.raises(ValueError, match=r"warp_probability.*needs TensorFlow Addons.*stack A.*run it there"):
        warp.random_warp(IMAGE, tf.constant([0, 0]), probability=0.1)
    np.testing.assert_array_equal(warp.random_warp(IMAGE, tf.constant([0, 0]), probability=0.0), unit_range(IMAGE))
