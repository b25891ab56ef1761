"""Encoder, projection head and classifier together: shapes, unit rows, precision."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.config import Encoder, Projection
from supcon_tf.networks.networks import build_networks


def networks(normalize=True, **options):
    return build_networks(
        Encoder(name="resnet18", width=0.0625, normalize_features=normalize),
        Projection(widths=(8,)),
        image_shape=(8, 8, 3),
        classes=5,
        cross_replica_batch_norm=True,
        **options,
    )


def test_shapes_and_unit_rows():
    images = tf.random.normal([4, 8, 8, 3])
    built = networks()
    features, projections = built.features(images, training=False), built.project(images, training=False)
    assert features.shape == (4, 32) and projections.shape == (4, 8)
    assert built.classify(images, training=False).shape == (4, 5)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(projections, axis=1), 1, rtol=1e-5)


def test_features_keep_their_length_where_the_run_asks_for_it():
    lengths = np.linalg.norm(networks(normalize=False).features(tf.random.normal([4, 8, 8, 3]), training=False), axis=1)
    assert np.abs(lengths - 1).min() > 1e-3


def test_a_classifier_that_starts_at_zero_finds_all_classes_alike():
    (kernel, bias), (other, _) = (
        networks(zero_initialize_classifier=zero).classifier.get_weights() for zero in (True, False)
    )
    assert not kernel.any() and not bias.any() and other.any()


@pytest.fixture
def bfloat16():
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    tf.keras.mixed_precision.set_global_policy("float32")


def test_under_mixed_precision_what_leaves_the_networks_is_float32(bfloat16):
    images, built = tf.random.normal([2, 8, 8, 3]), networks()
    assert built.encoder.compute_dtype == "bfloat16"
    assert {v.dtype for v in map(tf.convert_to_tensor, built.encoder.trainable_weights)} == {tf.float32}
    for output in (built.features, built.project, built.classify):
        assert output(images, training=False).dtype == tf.float32


def test_a_classifier_that_is_renewed_is_as_it_was_made():
    built = networks()
    new = built.classifier.get_weights()
    built.classifier.set_weights([weight + 1 for weight in new])
    built.renew_classifier()
    for weight, expected in zip(built.classifier.get_weights(), new):
        np.testing.assert_array_equal(weight, expected)


def test_a_checkpoint_that_is_read_leaves_the_first_weights_of_the_classifier_alone(tmp_path):
    """As a run goes on after its first stage: what it would begin a linear stage with is not what was read."""
    built = networks()
    new = [np.array(weight) for weight in built.classifier.get_weights()]
    other = networks()
    other.classifier.set_weights([weight + 1 for weight in new])
    path = tf.train.Checkpoint(classifier=other.classifier).write(str(tmp_path / "trained"))
    tf.train.Checkpoint(classifier=built.classifier).read(path).assert_existing_objects_matched()
    assert np.abs(built.classifier.get_weights()[0] - new[0]).min() > 0.5  # it was read
    built.renew_classifier()
    for weight, expected in zip(built.classifier.get_weights(), new):
        np.testing.assert_array_equal(weight, expected)


def test_angles_are_between_features_and_the_weights_of_each_class():
    built, images = networks(normalize=False), tf.random.normal([4, 8, 8, 3])
    logits, cosines, lengths = np.split(built.classify_with_angles(images, training=False).numpy(), 3, 1)
    np.testing.assert_allclose(logits, built.classify(images, training=False), rtol=1e-6)
    kernel, bias = built.classifier.get_weights()
    np.testing.assert_allclose(cosines * lengths, logits - bias, rtol=1e-4, atol=1e-6)
    of_features = np.linalg.norm(built.features(images, training=False), axis=1, keepdims=True)
    np.testing.assert_allclose(lengths, of_features * np.linalg.norm(kernel, axis=0), rtol=1e-5)
