"""Which steps are looked at, what is made of several looks, and that two replicas see what one device sees."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.training.duration import Duration
from supcon_tf.training.observer import Observer
from tests.training.test_diagnostics import oracle, projections


class State(NamedTuple):
    """Of a stage, as far as an observer knows it."""

    variables: list


def test_steps_to_look_at(one_device):
    observer = Observer(State([]), one_device, every=4, duration=Duration(1, 10, 1))
    assert [step for step in range(1, 11) if observer.due(step)] == [4, 8, 10]
    assert [observer.unseen(0, 9), observer.unseen(0, 2), observer.unseen(3, 9), observer.unseen(8, 2)] == [3, 2, 0, 1]
    assert not any(
        Observer(State([]), one_device, every=0, duration=Duration(1, 10, 1)).due(step) for step in range(1, 11)
    )


def test_the_last_step_of_the_first_epoch_shows_how_the_stage_starts(one_device):
    observer = Observer(State([]), one_device, every=4, duration=Duration(3, 10, 3))
    assert [step for step in range(1, 11) if observer.due(step)] == [4, 8, 10]
    observer = Observer(State([]), one_device, every=50, duration=Duration(3, 10, 3))
    assert [step for step in range(1, 11) if observer.due(step)] == [4, 10]


def test_what_is_said_are_means_of_looks_without_those_that_have_no_value(one_device):
    observer = Observer(State([]), one_device, every=1, duration=Duration(1, 9, 1))
    observer.seen = [{"a": 1.0, "positives_min": 3.0, "b": math.nan}, {"a": 2.0, "positives_min": 1.0, "b": math.nan}]
    assert observer.means() == {"a": 1.5, "positives_min": 1.0}
    observer.seen = []
    assert observer.means() == {}


def observed(strategy, rows, labels, gather=True):
    """What an observer sees of a step whose replicas hold a share of the rows each, and which moves a weight by 3."""
    replicas = strategy.num_replicas_in_sync if gather else 1

    def share(array):
        parts = np.split(array, strategy.num_replicas_in_sync)[:replicas] * (2 // replicas)
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )

    with strategy.scope():
        weight = tf.Variable([1.0, 2.0])
    observer = Observer(State([weight]), strategy, every=1, duration=Duration(1, 1, 1))
    observer.before()
    weight.assign([1.0, 5.0])
    observer.after((share(rows.astype(np.float32)), share(np.array(labels, np.int64))))
    return observer.means()


@pytest.mark.two_replicas_required
def test_two_replicas_see_what_one_device_sees(one_device, two_replicas):
    """`test_update.py` compares the gradient norm. The control sees the rows of one replica twice."""
    rows, labels = projections(images=6), [0, 1, 0, 2, 2, 0]
    alone, shared = observed(one_device, rows, labels), observed(two_replicas, rows, labels)
    assert alone["update_norm"] == 3 and alone == pytest.approx({"update_norm": 3, **oracle(rows, labels)}, rel=1e-5)
    assert shared == pytest.approx(alone, rel=1e-6)
    local = observed(two_replicas, rows, labels, gather=False)
    assert local["uniformity"] != pytest.approx(alone["uniformity"], rel=1e-2)
