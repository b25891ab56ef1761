"""A stream gives what its dataset gives, and its end waits for nothing."""

from __future__ import annotations

import threading

import pytest
import tensorflow as tf

from supcon_tf.distribution.streams import Stream


class Slow:
    """An iterator whose end, as that of tf.data's, takes until it is let go."""

    def __init__(self, let_go: threading.Event):
        self.numbers, self.let_go = iter(range(3)), let_go

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.numbers)

    def __del__(self):
        assert self.let_go.wait(60)


def assert_it_ends_elsewhere(let_go):
    """A thread is at it until it is let go; had the block dropped the iterator, none would be left by now."""
    ending = [thread for thread in threading.enumerate() if thread.name == "end_of_stream"]  # those alive
    assert len(ending) == 1
    let_go.set()
    ending[0].join(60)
    assert not ending[0].is_alive()


@pytest.mark.parametrize("read", [0, 2, 3])
def test_the_end_of_a_stream_waits_for_nothing(read):
    let_go = threading.Event()
    with Stream(Slow(let_go)) as stream:
        assert [number for number, _ in zip(stream, range(read))] == list(range(read))
    assert_it_ends_elsewhere(let_go)


def test_an_error_in_the_block_waits_for_nothing_either():
    let_go = threading.Event()
    with pytest.raises(RuntimeError, match="of the block"), Stream(Slow(let_go)):
        raise RuntimeError("of the block")
    assert_it_ends_elsewhere(let_go)


def test_every_batch_of_every_replica_comes_once(two_replicas):
    spread = two_replicas.experimental_distribute_dataset(tf.data.Dataset.range(12).batch(4))
    with Stream(spread) as stream:
        seen = [
            int(number)
            for batch in stream
            for part in two_replicas.experimental_local_results(batch)
            for number in part
        ]
    assert sorted(seen) == list(range(12))


def test_a_function_of_tensorflow_takes_the_iterator():
    two = tf.function(lambda iterator: next(iterator) + next(iterator))
    with Stream(tf.data.Dataset.range(4)) as stream:
        assert [int(two(stream.iterator)) for _ in range(2)] == [1, 5]
