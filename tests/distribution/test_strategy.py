"""Names to strategies, and what is refused."""

from __future__ import annotations

import pytest

from supcon_tf.distribution.strategy import make_strategy


def test_one_device_has_one_replica():
    assert make_strategy("one_device").num_replicas_in_sync == 1


@pytest.mark.parametrize(
    "name, replicas, message",
    [
        ("tpu", 1, "no strategy is called 'tpu'; there are one_device, mirrored"),
        ("one_device", 2, "'one_device' cannot have 2 replicas"),
        ("mirrored", 0, "'mirrored' cannot have 0 replicas"),
        ("mirrored", 7, r"7 replicas were asked for and this process has 2 CPU device\(s\)"),
    ],
)
def test_what_cannot_be_is_told(name, replicas, message):
    with pytest.raises(ValueError, match=message):
        make_strategy(name, replicas=replicas)


@pytest.mark.two_replicas_required
def test_a_process_has_one_mirrored_strategy():
    """A comparison runs several experiments in one process, and two would collide in their collectives."""
    strategy = make_strategy("mirrored", replicas=2)
    assert strategy.num_replicas_in_sync == 2
    assert make_strategy("mirrored", replicas=2) is strategy
