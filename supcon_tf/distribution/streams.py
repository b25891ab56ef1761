"""Iterators over batches of all replicas, which end while the program goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any


class Stream:
    """An iterator over a distributed dataset, for a `with` block; when the block ends, it ends in a thread of its own.

    Whoever drops an iterator waits for the thread of tf.data that tunes its pipeline. That sleeps longer from look to
    look, up to a minute, and misses now and then that it is called (TensorFlow 2.15 and 2.21): the end of a stage, and
    a signal that a run obeys, took that long.

    Example:
        >>> with Stream(range(3)) as numbers:
        ...     list(numbers)
        [0, 1, 2]
    """

    def __init__(self, batches: Iterable):
        self._held = [iter(batches)]  # the only reference to it, so that the thread drops the last

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: Any) -> None:
        threading.Thread(target=self._held.clear, name="end_of_stream").start()

    @property
    def iterator(self) -> Any:
        """What a `tf.function` takes; to be held no longer than a call."""
        return self._held[0]

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        return next(self._held[0])
