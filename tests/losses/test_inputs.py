"""What is handed over, made into what the loss computes with; and what does not fit together, named."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.distribution import collectives
from supcon_tf.losses import inputs
from supcon_tf.losses.queue import Queue
from supcon_tf.losses.supcon import supervised_contrastive_loss
from tests.losses.problems import unit_rows


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3)])
def test_rows_have_views_unit_length_and_the_type_of_the_arithmetic(dtype, shape):
    given = tf.cast(5 * unit_rows(*shape), dtype)
    found = inputs.with_views(given, normalize=True)
    assert found.shape == [4, 2 if len(shape) == 3 else 1, 3]
    assert found.dtype == (tf.float64 if dtype == "float64" else tf.float32)
    np.testing.assert_allclose(tf.norm(found, axis=-1), 1, rtol=1e-6)
    with pytest.warns(UserWarning, match="have lengths from"):
        as_they_are = inputs.with_views(given, normalize=False)
    assert as_they_are.dtype == found.dtype
    np.testing.assert_array_equal(tf.cast(tf.reshape(as_they_are, shape), dtype), given)


def test_labels_and_queue_are_read_together():
    projections = tf.constant(unit_rows(4, 2, 3), tf.float32)
    queue = Queue(2 * unit_rows(5, 3), [0, 1, 2, 3, -1], 4)
    labels, found, sound = inputs.read(
        [[1, 0], [0, 1], [0, 0], [1, 0]], projections, queue, positives_cap=None, normalize=True, label_mode="auto",
        replicas=collectives.replicas(),
    )  # fmt: skip
    assert sound is True and labels.dtype == tf.int64 and found.rows.dtype == tf.float32
    np.testing.assert_array_equal(labels, [0, 1, -1, 0])
    np.testing.assert_array_equal(found.labels, [0, 1, 2, 3, -1])
    np.testing.assert_allclose(tf.norm(found.rows, axis=-1), [1, 1, 1, 1, 0], rtol=1e-6)


@pytest.mark.parametrize(
    "labels, projections, cap, message",
    [
        ([0, 1], np.ones([2, 2, 3]), 3, "`positives_cap` must be a multiple of the 2 views; got 3"),
        ([0, 1], np.ones([2, 2, 3], int), None, "must be of a float type; got int64"),
        ([0, 1], np.ones([2]), None, r"must have shape \[B, V, D\].*got \(2,\)"),
        ([0, 1], np.ones([2, 2, 3, 4]), None, "Flatten feature maps"),
        ([0, 1], np.ones([2, 0, 3]), None, "with V >= 1"),
        ([0, 1, 2], np.ones([2, 2, 3]), None, "`labels` are for 3 images and `projections` for 2.*the 2 views"),
        ([[1, 1], [0, 1]], np.ones([2, 2, 3]), 2, "must be one-hot: `positives_cap` counts images of a class"),
        ([[3, 3], [5, 5]], np.ones([2, 2, 3]), None, "must be from 0 to 1.*per image, not per view"),
    ],
)
def test_wrong_tensors_are_named(labels, projections, cap, message):
    with pytest.raises(ValueError, match=message):
        supervised_contrastive_loss(labels, projections, positives_cap=cap)


def test_graphs_need_views_and_width():
    with pytest.raises(ValueError, match=r"tf.ensure_shape"):
        tf.function(supervised_contrastive_loss).get_concrete_function(
            tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, None, 3])
        )
