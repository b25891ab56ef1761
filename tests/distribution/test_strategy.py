"""Names to strategies, and what is refused."""

from __future__ import annotations

import socket
import time

import pytest
import tensorflow as tf

from supcon_tf.distribution.strategy import describe, is_chief, make_strategy


@pytest.mark.parametrize("name", ["one_device", "auto"])
@pytest.mark.parametrize("replicas", [0, 1])
def test_one_device_has_one_replica(name, replicas):
    strategy = make_strategy(name, replicas=replicas)
    assert strategy.num_replicas_in_sync == 1 and isinstance(strategy, tf.distribute.OneDeviceStrategy)
    kind = "auto, OneDevice" if name == "auto" else name
    assert describe(name, strategy, 64) == f"{kind}: 1 replica on 1 host, 64 images each"
    assert is_chief(name)


@pytest.mark.parametrize(
    "name, replicas, message",
    [
        ("gpu", 1, "`strategy` must be one of auto, one_device, .*; got 'gpu'"),
        ("one_device", 2, "'one_device' cannot have 2 replicas"),
        ("mirrored", -1, "'mirrored' cannot have -1 replicas"),
        ("mirrored", 7, r"7 replicas were asked for and this process has 2 CPU device\(s\)"),
        ("auto", 7, r"7 replicas were asked for and this process has 2 CPU device\(s\)"),
    ],
)
def test_what_cannot_be_is_told(name, replicas, message):
    with pytest.raises(ValueError, match=message):
        make_strategy(name, replicas=replicas)


@pytest.mark.parametrize("address", ["", "local", "no_such_tpu", "grpc://127.0.0.1:{port}"])
def test_a_tpu_that_is_not_there_is_one_error_soon(address, monkeypatch):
    monkeypatch.delenv("TPU_NAME", raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, and nobody listens
        address = address.format(port=free.getsockname()[1])
        began = time.monotonic()
        with pytest.raises(ValueError, match=f"no TPU answers as '{address}' .*--tpu=NAME") as error:
            make_strategy("tpu", tpu=address)
    assert "\n" not in str(error.value) and time.monotonic() - began < 30


def test_auto_takes_the_tpu_that_the_environment_names(monkeypatch):
    """And does not fall back in silence when that one does not answer."""
    monkeypatch.setenv("TPU_NAME", "local")
    with pytest.raises(ValueError, match="no TPU answers"):
        make_strategy("auto", tpu="", wait_seconds=1.0)


@pytest.mark.two_replicas_required
def test_a_process_has_one_mirrored_strategy():
    """A comparison runs several experiments in one process, and two would collide in their collectives."""
    strategy = make_strategy("mirrored", replicas=2)
    assert strategy.num_replicas_in_sync == 2
    assert make_strategy("mirrored", replicas=2) is strategy
    assert describe("mirrored", strategy, 64) == "mirrored: 2 replicas on 1 host, 32 images each"
