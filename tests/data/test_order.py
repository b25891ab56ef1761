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
    return np.array(n), np.array(numbers)


def epochs(number, *, first=0, own=None):
    return order.epochs(COUNT, seed=seed(number), first=first, share=own or share())


def test_the_whole_set_is_shuffled():
    places = np.array([np.argsort(rows(epochs(number), COUNT)[1]) for number in range(12)])
    # Image 0 and image 39 land anywhere: the mean place of each is near the middle, and far ends are reached.
    assert 10 < places[:, 0].mean() < 30 and 10 < places[:, -1].mean() < 30
    assert places[:, 0].max() > 30 and places[:, -1].min() < 10


def test_blocks_move_and_are_shuffled_each_in_its_own_way():
    numbers = tf.data.Dataset.range(COUNT).map(lambda number: (number,))
    stream = order.blocks(numbers, COUNT, block=8, seed=seed(3), first=0, share=share())
    borders, patterns = set(), set()
    for epoch in rows(stream, 6 * COUNT)[1].reshape(6, COUNT):
        # The first block is short: it ends where the numbers so far are exactly those below the border.
        border = next(end for end in range(8) if set(epoch[end : end + 8]) == set(range(end, end + 8)))
        assert set(epoch[:border]) == set(range(border))
        borders.add(border)
        patterns |= {tuple(epoch[start : start + 8] - start) for start in range(border, COUNT - 7, 8)}
    assert len(borders) > 2
    assert len(patterns) > 20  # Of 24 to 30 whole blocks.


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
