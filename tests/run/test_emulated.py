"""A half type that this machine is slower in is told; one that it is not, is not."""

from __future__ import annotations

import types

import pytest
import tensorflow as tf

from supcon_tf import settings
from supcon_tf.networks.networks import build_networks
from supcon_tf.run import emulated, preparation, speed
from tests.run.test_speed import TINY

ACCELERATED = any(tf.config.list_physical_devices(kind) for kind in ("GPU", "TPU"))
pytestmark = pytest.mark.skipif(ACCELERATED, reason="accelerators compute half types")


def timed(half):
    """A machine whose convolutions take so many seconds in half types, and 1 s in float32."""
    return lambda dtype: 1.0 if dtype == tf.float32 else half


@pytest.mark.parametrize("precision, half", [("mixed_bfloat16", "bfloat16"), ("mixed_float16", "float16")])
def test_it_is_told_where_a_half_type_takes_longer(precision, half):
    (told,) = emulated.doubt(precision, seconds_of=timed(8.0))
    assert f"8.0 times as long in {half} as in float32" in told and "--precision=float32" in told


def test_nothing_is_told_where_it_takes_less_or_is_not_asked_for():
    assert emulated.doubt("mixed_bfloat16", seconds_of=timed(0.5)) == []
    assert emulated.doubt("mixed_bfloat16", seconds_of=timed(emulated.SLOWER - 0.01)) == []
    assert emulated.doubt("float32", seconds_of=timed(8.0)) == []


def test_what_is_not_asked_for_is_not_timed():
    def never(dtype):
        raise AssertionError(dtype)

    assert emulated.doubt("float32", seconds_of=never) == []


def test_the_shortest_of_three_convolutions_counts(monkeypatch):
    clock = iter([0.0, 5.0, 10.0, 12.0, 20.0, 23.0])
    monkeypatch.setattr(emulated, "time", types.SimpleNamespace(perf_counter=lambda: next(clock)))
    assert emulated.seconds(tf.float32) == 2.0 and list(clock) == []


def test_a_run_and_a_plan_tell_it_once(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(emulated, "seconds", timed(8.0))
    monkeypatch.setattr(speed, "seconds_of", lambda experiment, name, shape: (1.0, 1.0))
    half = settings.override(TINY, {"precision": "mixed_bfloat16"})
    lines = []
    speed.Speeds(tmp_path / "speed.json", str(tmp_path), told=lines.append).hours(half)
    assert sum("WARNING: on this CPU" in line for line in lines) == 1 and len(lines) == 3  # and one for each stage

    preparation.prepared(half, *[_Nowhere()] * 2, str(tmp_path), build_networks)
    assert capsys.readouterr().out.count("WARNING: on this CPU a convolution takes 8.0 times") == 1


class _Nowhere:
    """The directory of a run that has not begun, and keeps nothing."""

    has_started = False

    def keep_same_data(self, *facts, **more):
        pass
