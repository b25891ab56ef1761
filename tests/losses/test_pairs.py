"""Masks and counts against the oracle's plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses import pairs
from tests.oracles.supcon import overlap, positives_and_negatives

LABELS = np.array([5, 2, 5, -1, 5, 2, -1, 5, 9])


SETS = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 0], [0.5, 0.5, 0], [0, 0, 1]])


def ids(views, kept_images=None):
    return pairs.row_ids(tf.constant(LABELS, tf.int64), views=views, kept_images=kept_images)


@pytest.mark.parametrize("views", [1, 2, 3])
@pytest.mark.parametrize("kept_images", [None, 0, 1, 2, 7])
def test_masks_equal_plain_loops(views, kept_images):
    positives, negatives = pairs.compare(ids(views), ids(views), kept_images=kept_images)
    expected = np.zeros([2, len(LABELS) * views, len(LABELS) * views], bool)
    cap = None if kept_images is None else kept_images * views
    for image, view in np.ndindex(len(LABELS), views):
        for side, found in enumerate(positives_and_negatives(LABELS, views, (image, view), positives_cap=cap)):
            for other in found:
                expected[side, image * views + view, other[0] * views + other[1]] = True
    np.testing.assert_array_equal(positives, expected[0])
    np.testing.assert_array_equal(negatives, expected[1])
    np.testing.assert_array_equal(ids(views, kept_images).positives, expected[0].sum(1))


@pytest.mark.parametrize("kept_images", [None, 1])
def test_blocks_are_parts_of_the_whole(kept_images):
    whole = pairs.compare(ids(2), ids(2), kept_images=kept_images)
    anchors, keys = np.array([3, 4, 5, 17]), np.array([0, 4, 8, 9, 10])
    block = pairs.compare(pairs.select(ids(2), anchors), pairs.select(ids(2), keys), kept_images=kept_images)
    for part, all_pairs in zip(block, whole):
        np.testing.assert_array_equal(part, all_pairs.numpy()[np.ix_(anchors, keys)])


def test_row_ids_say_what_they_promise():
    found = ids(2)
    np.testing.assert_array_equal(found.row, np.arange(18))
    np.testing.assert_array_equal(found.image, np.repeat(np.arange(9), 2))
    np.testing.assert_array_equal(found.rank, np.repeat([0, 0, 1, 0, 2, 1, 0, 3, 0], 2))
    np.testing.assert_array_equal(found.positives, 1 + 2 * np.repeat([3, 1, 3, 0, 3, 1, 0, 3, 0], 2))
    assert len(set(found.label.numpy())) == 5 and min(found.label.numpy()) >= 0 and max(found.label.numpy()) < 9
    assert all(field.dtype == tf.int32 for field in found[:-1]) and found.label_set is None


def test_class_numbers_keep_all_their_64_bits():
    large = tf.constant([2**40, 2**40 + 1, 2**40, 2**62], tf.int64)
    np.testing.assert_array_equal(pairs.row_ids(large, views=1).positives, [1, 0, 1, 0])


def test_empty_batch_has_no_rows():
    assert all(field.shape == [0] for field in pairs.row_ids(tf.zeros([0], tf.int64), views=2)[:-1])


def test_label_sets_overlap_as_plain_loops_say():
    of_rows = pairs.row_ids(tf.constant(SETS, tf.float32), views=2)
    weights, negatives = pairs.compare(of_rows, of_rows, dtype=tf.float64)
    for i, a in np.ndindex(12, 12):
        expected = overlap(SETS[i // 2], SETS[a // 2]) if i // 2 != a // 2 else 1.0
        np.testing.assert_allclose(weights[i, a], 0 if i == a else expected, rtol=1e-7)
        assert bool(negatives[i, a]) == (i != a and expected == 0)


def test_label_sets_of_one_view_know_who_has_a_positive():
    of_rows = pairs.row_ids(tf.constant([*SETS, [0, 0, 0]], tf.float32), views=1)
    weights, _ = pairs.compare(of_rows, of_rows)
    np.testing.assert_array_equal(of_rows.positives > 0, tf.reduce_any(weights > 0, 1))
    assert not bool(of_rows.positives[3] > 0) and bool(of_rows.positives[0] > 0)


def test_one_hot_sets_are_classes():
    one_hot = tf.one_hot([1, 0, -1, 1, 2], 3)
    of_sets, of_classes = (
        pairs.row_ids(labels, views=2) for labels in (one_hot, tf.constant([1, 0, -1, 1, 2], tf.int64))
    )
    for found, expected in zip(pairs.compare(of_sets, of_sets), pairs.compare(of_classes, of_classes)):
        np.testing.assert_array_equal(found, expected)
    assert len(set(of_sets.label.numpy())) == 4  # So that few tiles need masks.
    assert len(set(pairs.row_ids(tf.constant(SETS, tf.float32), views=2).label.numpy())) == 1


def test_padding_is_nobodys_pair():
    padded = ids(1)._replace(row=tf.constant([0, 1, 2, 3, 4, 5, 6, -1, -1]))
    positives, negatives = pairs.compare(padded, padded)
    assert not np.any(positives[:, 7:]) and not np.any(negatives[:, 7:]) and np.any(negatives[:, 6])
