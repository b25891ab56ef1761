"""The parts of a contrastive model."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.layers.heads import ProjectionHead
from supcon_tf.layers.normalization import batch_norm
from supcon_tf.models import parts


def test_an_encoder_says_its_shapes_or_is_refused():
    with pytest.raises(ValueError, match="wrap it as"):
        parts.feature_width(tf.keras.Sequential([tf.keras.layers.Dense(3)]))
    maps = tf.keras.Sequential([tf.keras.Input([8, 8, 1]), tf.keras.layers.Conv2D(4, 3)])
    with pytest.raises(ValueError, match="end it in GlobalAveragePooling2D"):
        parts.feature_width(maps)
    with pytest.raises(ValueError, match="must be a Keras model"):
        parts.feature_width(lambda images: images)


def test_a_copy_has_the_settings_that_a_config_forgets():
    encoder = tf.keras.Sequential([tf.keras.Input([4, 4, 2]), batch_norm(cross_replica=True)])
    norm = parts.copied(encoder).layers[-1]
    assert norm.synchronized and not getattr(norm, "_bessels_correction_test_only", False)


def test_a_head_of_ones_own_is_taken_as_it_is():
    head = ProjectionHead((8, 4))
    assert parts.projection_head(head, 16) is head and head.weights[0].shape == (16, 8)


def test_what_is_stored_comes_back():
    head = parts.loaded(parts.saved(ProjectionHead((8, 4))))
    assert head.widths == (8, 4) and parts.saved(None) is None and parts.loaded(None) is None


def test_an_empty_memory_is_part_of_the_model():
    model = tf.keras.Sequential([tf.keras.Input([2]), tf.keras.layers.Dense(2)])
    before = len(model.weights)
    memory = parts.empty_memory(model, 3, 2)
    assert memory.labels.numpy().tolist() == [-1, -1, -1] and int(memory.added) == 0
    assert not np.any(memory.rows.numpy()) and len(model.non_trainable_variables) - before >= 1 - before


def test_an_encoder_of_other_data_is_told_where_to_go():
    with pytest.raises(ValueError, match=r"must go from images .*\[None, 6\].*Data that are not images"):
        parts.feature_width(tf.keras.Sequential([tf.keras.Input([6]), tf.keras.layers.Dense(2)]))
