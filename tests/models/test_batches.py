"""What `fit` hands over, read once."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.models import batches


def test_uint8_views_are_scaled_and_float_ones_are_not():
    views = np.full([2, 2, 4, 4, 1], 255, "uint8")
    assert float(tf.reduce_max(batches.views_of(views, None))) == 1.0
    assert float(tf.reduce_max(batches.views_of(views / np.float32(510), None))) == 0.5


def test_a_layer_that_gives_no_views_is_refused():
    with pytest.raises(ValueError, match="must give views"):
        batches.views_of(np.zeros([2, 4, 4, 1], "uint8"), lambda images: tf.cast(images, tf.float32))


@pytest.mark.parametrize("labels", [[2, 0], [[2], [0]], [[0, 0, 1], [1, 0, 0]], [[2.0], [0.0]]])
def test_classes_come_in_any_shape(labels):
    found, _ = batches.classes_of(tf.constant(labels), count=2, classes=3, why="here one class an image.")
    assert found.numpy().tolist() == [2, 0] and found.dtype == tf.int64


def test_labels_beyond_the_classifier_and_sets_are_refused():
    with pytest.raises(ValueError, match="has 2 classes: labels must be from 0 to 1; got 0 to 2"):
        batches.classes_of(tf.constant([0, 2]), count=2, classes=2, why="x")
    with pytest.raises(ValueError, match="must be one-hot: a queue"):
        batches.classes_of(tf.constant([[1.0, 1.0]]), count=1, classes=None, why="a queue holds one class an image.")


def test_weights_are_refused():
    with pytest.raises(ValueError, match="no `sample_weight`"):
        batches.read((np.zeros([2, 2, 4, 4, 1], "f4"), np.zeros(2), np.ones(2)), None, classes=None, one_class="")


def test_a_dataset_with_weights_is_refused_before_there_is_a_graph():
    data = tf.data.Dataset.from_tensors((np.zeros([2, 2, 4, 4, 1], "f4"), np.zeros(2), np.ones(2)))
    with pytest.raises(ValueError, match="no `sample_weight`"):
        batches.look(data, None, None, classes=None, one_class="", batch_size=None)


PAIR = ({"image": np.zeros([2, 2, 4, 4, 1], "f4")}, np.zeros(2))


@pytest.mark.parametrize(
    "x, y, kind",
    [
        (*PAIR, "dict"),
        ([PAIR[0]["image"]] * 2, PAIR[1], "list"),
        (tf.data.Dataset.from_tensors(PAIR), None, "dict"),
        (tf.data.Dataset.from_tensors({**PAIR[0], "label": PAIR[1]}), None, "dict"),
        (tf.data.Dataset.from_tensors(((PAIR[0]["image"],) * 2, PAIR[1])), None, "tuple"),
    ],
    ids=["dict", "list", "pair with a dict", "dict of both", "tuple"],
)
def test_several_arrays_are_refused_without_their_pixels(x, y, kind):
    with pytest.raises(ValueError, match=f"takes one array of images; got a {kind}") as told:
        batches.look(x, y, None, classes=None, one_class="", batch_size=None)
    assert len(str(told.value)) < 300


def test_a_queue_has_room_for_a_batch():
    batches.require_room(tf.constant(8), 8)
    with pytest.raises(ValueError, match="which are 9"):
        batches.require_room(tf.constant(9), 8)
