"""`SupConLoss`: the function as Keras wants it, on both generations."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.supcon import SupConLoss, supervised_contrastive_loss
from tests.losses.problems import unit_rows
from tests.losses.tiled.tiles import CLASSES
from tests.marks import slow
from tests.oracles import supcon as oracle

ALL_ARGUMENTS = dict(
    temperature=0.2, base_temperature=None, contrast_mode="one", summation_location="in",
    denominator_mode="one_positive", positives_cap=2, no_positives="exclude", cross_replica=False, reduction="sum",
    tile_rows=3, name="mine", normalize=False, label_mode="class",
)  # fmt: skip


def test_config_holds_every_argument():
    config = SupConLoss(**ALL_ARGUMENTS).get_config()
    assert {**config, **ALL_ARGUMENTS} == config
    assert SupConLoss.from_config(config).get_config() == config


@pytest.mark.parametrize("reduction, reduced", [("sum_over_batch_size", np.mean), ("sum", np.sum), ("none", np.array)])
def test_class_reduces_the_function(reduction, reduced):
    labels, projections = np.array([0, 1, 0, -1]), unit_rows(4, 2, 3).astype("float32")
    found = SupConLoss(temperature=0.5, reduction=reduction)(labels, projections)
    expected = reduced(supervised_contrastive_loss(labels, projections, temperature=0.5))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("tile_rows", [None, 4])
def test_every_image_may_have_a_weight(tile_rows):
    rows, weights = unit_rows(9, 2, 4).astype("float32"), np.linspace(0, 2, 9).astype("float32")
    found = SupConLoss(temperature=0.2, tile_rows=tile_rows)(CLASSES, rows, sample_weight=weights)
    expected = np.mean(weights * oracle.supervised_contrastive_loss(CLASSES, rows, temperature=0.2))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [[], [9], [9, 1]])
def test_weights_come_in_the_shapes_of_keras(shape):
    rows = unit_rows(9, 2, 4).astype("float32")
    found = SupConLoss(temperature=0.2)(CLASSES, rows, sample_weight=np.full(shape, 2, "float32"))
    np.testing.assert_allclose(found, 2 * SupConLoss(temperature=0.2)(CLASSES, rows), rtol=1e-5)


def test_weights_of_views_are_refused():
    with pytest.raises(ValueError, match=r"`sample_weight`, or .* has shape \(9, 2\), .*one weight an image"):
        SupConLoss()(CLASSES, unit_rows(9, 2, 4).astype("float32"), sample_weight=np.ones([9, 2]))


def test_a_mask_of_views_is_refused_by_fit():
    views = tf.keras.Input([2, 6])
    model = tf.keras.Model(views, tf.keras.layers.Dense(4)(tf.keras.layers.Masking()(views)))
    model.compile("sgd", SupConLoss())
    with pytest.raises(ValueError, match=r"the mask that a layer made.*views cannot be weighed or masked"):
        model.fit(unit_rows(6, 2, 6).astype("float32"), np.arange(6) % 2, verbose=0)


def model_to_rows(*, unit=True):
    layers = [tf.keras.Input([2, 6]), tf.keras.layers.Dense(4)]
    return tf.keras.Sequential(layers + [tf.keras.layers.UnitNormalization()] * unit)


def test_saved_models_keep_their_loss(tmp_path):
    images, labels = unit_rows(8, 2, 6), np.array([0, 1, 0, 1, 2, -1, -1, 2])
    model = model_to_rows()
    model.compile("sgd", SupConLoss(**ALL_ARGUMENTS))
    before = model.evaluate(images, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.loss, SupConLoss)
    assert loaded.loss.get_config() == model.loss.get_config()
    np.testing.assert_allclose(loaded.evaluate(images, labels, verbose=0), before, rtol=1e-6)


def test_a_model_that_ends_in_any_length_trains_on_its_directions():
    """`fit` of a Dense layer alone is that of one followed by unit norm."""
    images, labels = unit_rows(8, 2, 6).astype("float32"), np.array([0, 1, 0, 1, 2, -1, -1, 2])
    kernels = []
    for unit in (True, False):
        model = model_to_rows(unit=unit)
        model.set_weights([3 * unit_rows(6, 4).astype("float32"), np.zeros(4, "float32")])
        model.compile(tf.keras.optimizers.SGD(0.5), SupConLoss())
        model.fit(images, labels, batch_size=8, epochs=3, shuffle=False, verbose=0)
        kernels.append(model.get_weights()[0])
    np.testing.assert_allclose(kernels[0], kernels[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float64"])
def test_large_class_numbers_stay_apart(dtype):
    """Keras 3 hands labels to a loss in the loss's type, and float32 holds 2^25 and 2^25 + 1 as one number."""
    labels, rows = np.array([0, 1, 0, 1, 2, 2]), unit_rows(6, 2, 4).astype("float32")
    expected = SupConLoss()(labels, rows)
    np.testing.assert_array_equal(SupConLoss()((labels + 2**25).astype(dtype), rows), expected)
    with pytest.raises(ValueError, match="whole numbers below 16777216"):
        SupConLoss()((labels + 2**25).astype("float32"), rows)


def test_large_class_numbers_stay_apart_in_fit():
    images, labels = unit_rows(6, 2, 6).astype("float32"), np.array([0, 1, 0, 1, 2, 2])
    model = model_to_rows()
    model.compile("sgd", SupConLoss())
    small, large = (model.evaluate(images, labels + offset, verbose=0) for offset in (0, 2**25))
    assert small == large


@pytest.mark.parametrize("labels", [["cat", "dog"] * 3, np.array(["cat", "dog"] * 3), tf.constant(["cat", "dog"] * 3)])
def test_labels_that_are_text_are_refused_in_words(labels):
    with pytest.raises(ValueError, match=r"`labels` must be numbers; got string\. Number the classes 0, 1, 2"):
        SupConLoss()(labels, unit_rows(6, 2, 4).astype("float32"))


def test_labels_that_are_text_are_refused_by_fit():
    model = model_to_rows()
    model.compile("sgd", SupConLoss())
    data = tf.data.Dataset.from_tensor_slices((unit_rows(6, 2, 6), ["cat", "dog"] * 3)).batch(6)
    with pytest.raises(ValueError, match="`labels` must be numbers; got string"):
        model.fit(data, verbose=0)


def test_missing_labels_are_named():
    with pytest.raises(ValueError, match="`labels` are missing; give one integer per image"):
        SupConLoss()(None, unit_rows(6, 2, 4).astype("float32"))


class Crops(tf.keras.Model):
    """Two crops of an image as two rows of the batch, the habit of PyTorch users: [2 B, D] for B labels."""

    def call(self, images):  # [B, V, 6]
        return tf.reshape(images, [-1, 6])


@pytest.mark.parametrize("known, jit_compile", [(True, False), (False, True), slow(True, True), slow(False, False)])
@pytest.mark.parametrize("labels", [np.arange(6), np.eye(6)[[0, 1, 2, 0, 1, 2]]], ids=["classes", "one-hot"])
def test_two_crops_along_the_batch_are_refused(labels, jit_compile, known):
    """As the graph is made, where it knows the batch, else as it runs; where XLA raises nothing the loss is NaN."""
    model = Crops()
    model.compile("sgd", SupConLoss(), jit_compile=jit_compile)
    images = unit_rows(6, 2, 6).astype("float32")
    data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(6, drop_remainder=known)
    if jit_compile and not known:
        assert np.isnan(model.evaluate(data, verbose=0))
        return
    error, sizes = (ValueError, "6 images and `projections` for 12")
    if not known:
        error, sizes = tf.errors.InvalidArgumentError, r"\] \[6\] \[ images and `projections` for \] \[12\]"
    with pytest.raises(error, match=rf"(?s)`labels` are for {sizes}.*of which there is 1 here.*of \[B, V, D\]"):
        model.evaluate(data, verbose=0)
