"""Masks and counts against the oracle's plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses import pairs
from tests.oracles.supcon import positives_and_negatives

LABELS = np.array([5, 2, 5, -1, 5, 2, -1, 5, 9])


def ids(views):
    return pairs.row_ids(tf.constant(LABELS, tf.int64), views=views)


@pytest.mark.parametrize("views", [1, 2, 3])
@pytest.mark.parametrize("kept_images", [None, 0, 1, 2, 7])
def test_masks_equal_plain_loops(views, kept_images):
    positives, negatives = pairs.masks(ids(views), ids(views), kept_images=kept_images)
    expected = np.zeros([2, len(LABELS) * views, len(LABELS) * views], bool)
    cap = None if kept_images is None else kept_images * views
    for image, view in np.ndindex(len(LABELS), views):
        for side, found in enumerate(positives_and_negatives(LABELS, views, (image, view), positives_cap=cap)):
            for other in found:
                expected[side, image * views + view, other[0] * views + other[1]] = True
    np.testing.assert_array_equal(positives, expected[0])
    np.testing.assert_array_equal(negatives, expected[1])
    counts = pairs.positive_counts(ids(views), views=views, kept_images=kept_images)
    np.testing.assert_array_equal(counts, expected[0].sum(1))


@pytest.mark.parametrize("kept_images", [None, 1])
def test_blocks_are_parts_of_the_whole(kept_images):
    whole = pairs.masks(ids(2), ids(2), kept_images=kept_images)
    anchors, keys = np.array([3, 4, 5, 17]), np.array([0, 4, 8, 9, 10])
    block = pairs.masks(pairs.select(ids(2), anchors), pairs.select(ids(2), keys), kept_images=kept_images)
    for part, all_pairs in zip(block, whole):
        np.testing.assert_array_equal(part, all_pairs.numpy()[np.ix_(anchors, keys)])


def test_row_ids_say_what_they_promise():
    found = ids(2)
    np.testing.assert_array_equal(found.row, np.arange(18))
    np.testing.assert_array_equal(found.image, np.repeat(np.arange(9), 2))
    np.testing.assert_array_equal(found.rank, np.repeat([0, 0, 1, 0, 2, 1, 0, 3, 0], 2))
    np.testing.assert_array_equal(found.class_size, np.repeat([4, 2, 4, 1, 4, 2, 1, 4, 1], 2))
    assert len(set(found.label.numpy())) == 5 and min(found.label.numpy()) >= 0 and max(found.label.numpy()) < 9
    assert all(field.dtype == tf.int32 for field in found)


def test_class_numbers_keep_all_their_64_bits():
    large = tf.constant([2**40, 2**40 + 1, 2**40, 2**62], tf.int64)
    np.testing.assert_array_equal(pairs.row_ids(large, views=1).class_size, [2, 1, 2, 1])


def test_empty_batch_has_no_rows():
    assert all(field.shape == [0] for field in pairs.row_ids(tf.zeros([0], tf.int64), views=2))
