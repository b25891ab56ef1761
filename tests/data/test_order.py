"""The order of the stream: whole shuffles, shuffles in blocks, and the rows of each host."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.data import order

COUNT = 40


def seed(number):
    return tf.constant([number, 0], tf.int64)


def share(batch_size=8, hosts=1, host=0, replicas=None):
    return order.Share.of(batch_size, tf.distribute.InputContext(hosts, host, replicas or hosts))


def rows(dataset, count):
    """n and numbers of the first `count` examples."""
    n, numbers = zip(*dataset.take(count).as_numpy_iterator())
    return np.array(n), np.array(numbers).ravel()


def epochs(number, *, first=0, own=None):
    return order.epochs(COUNT, seed=seed(number), first=first, share=own or share())


def test_the_whole_set_is_shuffled():
    places = rows(epochs(1), 12 * COUNT)[1].reshape(12, COUNT).argsort(1)
    # Image 0 and image 39 land anywhere: the mean place of each is near the middle, and far ends are reached.
    assert 10 < places[:, 0].mean() < 30 and 10 < places[:, -1].mean() < 30
    assert places[:, 0].max() > 30 and places[:, -1].min() < 10


def lanes(*, batch_size=8, block=8, first=0, hosts=1, host=0, count=COUNT):
    """Of a set whose example k is the number k."""
    return order.lanes(
        lambda first, end: tf.data.Dataset.range(first, end).map(lambda number: (number,)),
        count,
        block=block,
        seed=seed(3),
        first=first,
        share=share(batch_size, hosts, host),
    )


def test_blocks_move_and_are_shuffled_each_in_its_own_way():
    """A batch of 7 rows has one lane: 40 images in blocks of 8."""
    starts, patterns = set(), set()
    for epoch in rows(lanes(batch_size=7), 6 * COUNT)[1].reshape(6, COUNT):
        blocks = epoch.reshape(5, 8)
        start = next(k for k in range(COUNT) if set(blocks[0]) == {(k + place) % COUNT for place in range(8)})
        moved = (blocks - start) % COUNT - np.arange(0, COUNT, 8)[:, None]  # Places in each block.
        np.testing.assert_array_equal(np.sort(moved), np.arange(8)[None].repeat(5, 0))
        starts.add(start)
        patterns |= {tuple(pattern) for pattern in moved}
    assert len(starts) > 3
    assert len(patterns) > 25  # Of 30 blocks.


@pytest.mark.parametrize("count, batch_size", [(40, 8), (43, 12), (41, 16)])
def test_lanes_make_permutations_and_batches_from_all_over_the_set(count, batch_size):
    n, numbers = rows(lanes(count=count, batch_size=batch_size), (2 * count // batch_size + 1) * batch_size)
    by_n = numbers[np.argsort(n)]
    np.testing.assert_array_equal(np.sort(n), np.arange(len(n)))
    for epoch in by_n[: 2 * count].reshape(2, count):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(count))
    assert (by_n[:count] != by_n[count : 2 * count]).mean() > 0.3  # A lane has 2 to 10 images.
    for batch in numbers[: count // batch_size * batch_size].reshape(-1, batch_size):  # Of the first epoch.
        assert np.ptp(batch) >= count * (1 - 2 / np.gcd(batch_size, order.LANES))


@pytest.mark.parametrize("hosts", [3, *(pytest.param(count, marks=pytest.mark.slow) for count in (2, 4))])
def test_hosts_read_slices_of_the_batch_from_lanes(hosts):
    """12 rows in 4 lanes: two hosts read two each, four one each, and three share one."""
    n, numbers = rows(lanes(batch_size=12, count=43), 120)
    for host in range(hosts):
        own_n, own_numbers = rows(lanes(batch_size=12, count=43, hosts=hosts, host=host), 120 // hosts)
        slices = np.arange(120).reshape(10, hosts, -1)[:, host].ravel()
        np.testing.assert_array_equal(own_n, n[slices])
        np.testing.assert_array_equal(own_numbers, numbers[slices])


@pytest.mark.parametrize("first", [36, 132])
def test_lanes_go_on_from_any_batch(first):
    n, numbers = rows(lanes(batch_size=12, count=43), 180)
    later_n, later = rows(lanes(batch_size=12, count=43, first=first), 48)
    np.testing.assert_array_equal(later_n, n[first : first + 48])
    np.testing.assert_array_equal(later, numbers[first : first + 48])


@pytest.mark.parametrize("first", [0, 7, 40, 95])
def test_the_stream_goes_on_from_any_example(first):
    n, numbers = rows(epochs(1), 130)
    later_n, later = rows(epochs(1, first=first), 30)
    np.testing.assert_array_equal(later_n, n[first : first + 30])
    np.testing.assert_array_equal(later, numbers[first : first + 30])


@pytest.mark.parametrize("hosts", [1, 2, 3, 4])
def test_hosts_split_the_stream_completely_and_without_overlap(hosts):
    """10 batches of 12 of a set of 40, which neither the batch nor the hosts divide."""
    n, numbers = rows(epochs(1), 120)
    parts = [rows(epochs(1, own=share(12, hosts, host)), 120 // hosts) for host in range(hosts)]
    np.testing.assert_array_equal(np.sort(np.concatenate([part for part, _ in parts])), n)
    for host, (own, own_numbers) in enumerate(parts):
        assert set(own % 12 * hosts // 12) == {host}  # A slice of each batch.
        np.testing.assert_array_equal(own_numbers, numbers[own])


@pytest.mark.parametrize("batch_size, hosts, replicas", [(8, 3, 3), (12, 2, 8), (8, 2, 3)])
def test_rows_that_cannot_be_shared_equally_are_refused(batch_size, hosts, replicas):
    with pytest.raises(ValueError, match=f"batch of {batch_size} rows .* by {replicas} replicas on {hosts} hosts"):
        share(batch_size, hosts, 0, replicas)


UNEQUAL = np.random.RandomState(1).permutation(np.repeat(np.arange(7), [12, 9, 8, 8, 7, 6, 3]))


def balanced(labels=UNEQUAL, *, number=1, first=0, images_per_class=4, own=None):
    where = {"seed": seed(number), "first": first, "share": own or share(12)}
    return order.balanced(labels, images_per_class=images_per_class, **where)


def test_a_balanced_batch_has_as_many_images_of_each_of_its_classes():
    """3 of 7 classes x 4 images, the last class having 3."""
    n, numbers = rows(balanced(), 12 * 60)
    np.testing.assert_array_equal(n, np.arange(720))
    for batch in numbers.reshape(-1, 12):
        classes, counts = np.unique(UNEQUAL[batch], return_counts=True)
        assert len(classes) == 3 and set(counts) == {4}
        repeated = np.unique(UNEQUAL[batch[np.bincount(batch, minlength=len(UNEQUAL))[batch] > 1]])
        assert set(repeated) <= {6}  # Only a class with fewer than 4 images shows one twice.
        assert set(np.flatnonzero(UNEQUAL == 6)) <= set(batch) or 6 not in classes


def test_balanced_batches_come_to_every_class_and_image():
    _, numbers = rows(balanced(), 12 * 140)
    np.testing.assert_allclose(np.bincount(UNEQUAL[numbers]) / 240, 1, atol=0.25)  # 140 batches, 3 of 7 classes, 4.
    assert set(numbers) == set(range(len(UNEQUAL)))


def test_where_all_divides_classes_and_images_come_in_permutations():
    labels = np.repeat(np.arange(6), 8)
    _, numbers = rows(balanced(labels), 48 * 3)
    for epoch in numbers.reshape(3, 48):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(48))
    _, other = rows(balanced(labels, number=2), 48 * 3)
    assert (numbers != other).any() and (numbers[:48] != numbers[48:96]).any()


def test_balanced_batches_resume_and_are_shared_by_hosts():
    n, numbers = rows(balanced(), 120)
    later_n, later = rows(balanced(first=60), 60)
    np.testing.assert_array_equal(later_n, n[60:])
    np.testing.assert_array_equal(later, numbers[60:])
    parts = [rows(balanced(own=share(12, 3, host)), 40) for host in range(3)]
    np.testing.assert_array_equal(np.sort(np.concatenate([part for part, _ in parts])), n)
    assert all(np.array_equal(own_numbers, numbers[own]) for own, own_numbers in parts)
    # Rows are shuffled: a host does not get a class for itself.
    assert any(len(set(UNEQUAL[own_numbers[:4]])) > 1 for _, own_numbers in parts)


@pytest.mark.parametrize("images_per_class, least", [(5, 2), (1, 2)])
def test_a_batch_that_cannot_be_balanced_is_refused(images_per_class, least):
    with pytest.raises(ValueError, match=f"12 images with {images_per_class} of each .* 7 classes.* at least {least}"):
        balanced(images_per_class=images_per_class)
