"""The update of all replicas as a graph: steps are counted, waiting for input is measured, XLA has its limits."""

from __future__ import annotations

import time

import pytest
import tensorflow as tf

from supcon_tf.training.compiled import Updates, compile_update
from supcon_tf.training.tally import begin, means
from tests.training import stages


def test_xla_on_several_replicas_is_refused(two_replicas, make_state):
    state = make_state(two_replicas)
    with pytest.raises(ValueError, match="`jit_compile` cannot be on for 2 replicas"):
        compile_update(stages.make_update(state), state, two_replicas, jit_compile=True)


def test_several_updates_are_as_many_of_one(one_device, make_state, batch):
    ends = []
    for at_once in (False, True):
        state = make_state(one_device)
        update = stages.make_update(state)
        updates, tally = Updates(update, state, one_device), begin(update, {})
        stream = iter(tf.data.Dataset.from_tensors(batch).repeat())
        if at_once:
            tally = updates.several(stream, tf.constant(3), tally)
        else:
            for _ in range(3):
                tally, compared = updates.one(stream, tally)
            assert compared[0].shape == (8, 2, 8)
        assert int(state.step.numpy()) == 3 and int(tally.steps) == 3
        ends.append(means(tally))
    assert ends[1]["loss"] == pytest.approx(ends[0]["loss"], rel=1e-6)


def test_waiting_for_batches_is_measured(one_device, make_state, batch):
    """A stream that takes 50 ms for a batch, nothing prefetched; the first call traces, and waits too."""
    state = make_state(one_device)
    update = stages.make_update(state)

    def slow(images, labels):
        wait = tf.py_function(lambda: time.sleep(0.05), [], [])
        with tf.control_dependencies([wait]):
            return tf.identity(images), labels

    updates, stream = Updates(update, state, one_device), tf.data.Dataset.from_tensors(batch).repeat()
    tally = updates.several(iter(stream.map(slow)), tf.constant(4), begin(update, {}))
    assert 0.045 < means(tally)["input_seconds"] < 0.5
    tally = updates.several(iter(stream), tf.constant(4), begin(update, {}))
    assert means(tally)["input_seconds"] < 0.02
