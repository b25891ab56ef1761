"""A half type that this machine is slower in is told, and oneDNN where its gradients are wrong; nothing else is."""

from __future__ import annotations

import types

import pytest
import tensorflow as tf

from supcon_tf import settings
from supcon_tf.networks.networks import build_networks
from supcon_tf.run import preparation, processor, speed
from tests.run.test_speed import TINY

ACCELERATED = any(tf.config.list_physical_devices(kind) for kind in ("GPU", "TPU"))
pytestmark = pytest.mark.skipif(ACCELERATED, reason="accelerators compute half types")


def timed(half):
    """A machine whose convolutions take so many seconds in half types, and 1 s in float32."""
    return lambda dtype: 1.0 if dtype == tf.float32 else half


@pytest.mark.parametrize("precision, half", [("mixed_bfloat16", "bfloat16"), ("mixed_float16", "float16")])
def test_it_is_told_where_a_half_type_takes_longer(precision, half):
    (told,) = processor.half_type(precision, seconds_of=timed(8.0))
    assert f"8.0 times as long in {half} as in float32" in told and "--precision=float32" in told


def test_nothing_is_told_where_it_takes_less_or_is_not_asked_for():
    assert processor.half_type("mixed_bfloat16", seconds_of=timed(0.5)) == []
    assert processor.half_type("mixed_bfloat16", seconds_of=timed(processor.SLOWER - 0.01)) == []
    assert processor.half_type("float32", seconds_of=timed(8.0)) == []


def test_what_is_not_asked_for_is_not_timed():
    def never(dtype):
        raise AssertionError(dtype)

    assert processor.half_type("float32", seconds_of=never) == []


def test_the_shortest_of_three_convolutions_counts(monkeypatch):
    clock = iter([0.0, 5.0, 10.0, 12.0, 20.0, 23.0])
    monkeypatch.setattr(processor, "time", types.SimpleNamespace(perf_counter=lambda: next(clock)))
    assert processor.seconds(tf.float32) == 2.0 and list(clock) == []


def test_a_run_and_a_plan_tell_it_once(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(processor, "seconds", timed(8.0))
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


@pytest.mark.parametrize("chosen, flags, told", [
    ("1", "fpu avx avx2 fma", True), ("true", "fpu avx avx2 avx512f", True),
    ("1", "fpu avx2 avx512_vnni", False), ("0", "fpu avx2", False), (None, "fpu avx2", False),
])  # fmt: skip
def test_onednn_is_told_of_where_tensorflow_would_not_have_it(chosen, flags, told, monkeypatch, tmp_path):
    monkeypatch.setattr(processor, "CPU", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nvmx flags\t: x\nflags\t\t: {flags}\nbugs\t: avx_vnni\n")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if chosen:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", chosen)
    lines = processor.doubts("float32")
    assert len(lines) == told and all("wrong gradients" in line and "Unset the variable" in line for line in lines)


def test_a_machine_that_does_not_tell_its_instructions_raises_no_doubt(monkeypatch, tmp_path):
    monkeypatch.setattr(processor, "CPU", tmp_path / "nothing")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    assert processor.onednn() == []


def test_the_weights_of_a_strided_convolution_get_one_gradient():
    """It fails where TensorFlow's kernels have the fault that `onednn` tells of; so would other tests, now and then."""
    images, sent = tf.random.stateless_normal([64, 8, 8, 4], [1, 2]), tf.random.stateless_normal([64, 4, 4, 8], [3, 4])

    @tf.function(autograph=False)
    def gradient():
        return tf.raw_ops.Conv2DBackpropFilter(
            input=images, filter_sizes=[1, 1, 4, 8], out_backprop=sent, strides=[1, 2, 2, 1], padding="SAME"
        )

    want = tf.einsum("bhwi,bhwo->io", images[:, ::2, ::2], sent)  # [I, O]
    worst = max(float(tf.reduce_max(tf.abs(gradient()[0, 0] - want))) for _ in range(300))
    assert worst < 1e-3
