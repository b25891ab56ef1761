"""The benchmark of the training step: what it measures is the trainer's step, and PyTorch's beside it is the same."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.step import plan

SMALL = {"images": 8, "width": 0.0625, "side": 8, "calls": 1}


def measured(**case):
    command = [sys.executable, "-m", "benchmarks.step.case", json.dumps({**SMALL, **case})]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_step_and_its_parts_are_measured_in_a_process_of_their_own():
    record = measured(parts=True)
    assert 0 < record["seconds"] < record["first_call_seconds"] and record["peak_mb"] >= record["first_call_mb"] > 0
    assert all(record[f"{part}_seconds"] > 0 for part in ("input", "networks", "loss", "update"))
    assert record["images_per_second"] == pytest.approx(8 / record["seconds"])
    assert plan._find([record], 8, 1) is record and "8" in plan._table([record])


@pytest.mark.slow
def test_what_replicas_exchange_is_measured():
    record = measured(parts=True, replicas=2)
    assert 0 < record["communication_seconds"] < record["first_call_seconds"]


@pytest.mark.slow  # traces the step twice
def test_the_loop_is_measured_beside_bare_steps():
    """Every ordinary step counts; what comes seldom is timed and counted as often as it comes."""
    command = [sys.executable, "-m", "benchmarks.step.case",
               json.dumps({"loop": True, "images": 8, "width": 0.0625, "side": 8, "rounds": 6})]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    record = json.loads(ended.stdout.splitlines()[-1])
    assert record["rounds"] == 12 - 2 - 4  # but for two that trace, and a look at every third
    rare = record["looks_share"] + (record["checkpoint_seconds"] + record["epoch_end_seconds"]) / (
        1000 * record["bare_seconds"]
    )
    assert record["overhead"] == pytest.approx(record["of_bare"] - 1 + rare + 0.01)
    assert record["look_seconds"] > 0 and record["checkpoint_seconds"] > 0


@pytest.mark.slow
def test_the_step_in_pytorch_is_the_same():
    """The same number of weights, and from equal projections the same loss: that of the first call here and there."""
    pytest.importorskip("torch", reason="PyTorch is not installed: make benchmark")
    from benchmarks.step import peer, setup

    network, features = peer.resnet18(0.25)
    state = setup.state_of(tf.distribute.OneDeviceStrategy("CPU:0"), "resnet18", 0.25, 32)
    theirs = sum(weight.numel() for weight in network.parameters())
    assert theirs == sum(int(np.prod(weight.shape)) for weight in state.networks.encoder.trainable_weights)
    assert features == state.networks.encoder.output_shape[-1]
    assert measured(pytorch=True)["of_pytorch"] > 0


def test_the_plan_and_the_words_are_of_the_cases():
    planned, text = plan.run(quick=False, dry_run=True)
    assert plan.PAPER in planned and plan.PAPER not in plan.cases(quick=True) and '"images": 6144' in text

    def record(images, microbatches, seconds, mb):
        return {
            "what": "step", "images": images, "microbatches": microbatches, "replicas": 1, "jit_compile": False,
            "seconds": seconds, "images_per_second": images / seconds, "peak_mb": mb,
        }  # fmt: skip

    whole = {
        **record(256, 1, 4.0, 1000),
        "input_seconds": 0.3,
        "networks_seconds": 3.9,
        "loss_seconds": 0.01,
        "update_seconds": 0.02,
    }
    loss = {"what": "tiled", "rows": plan.LOSS_ROWS, "seconds": 0.1}
    loop = {"what": "loop_overhead", "images": 64, "overhead": 0.021, "bare_seconds": 2.0, "of_bare": 1.008,
            "looks_share": 0.001}  # fmt: skip
    two = {**record(64, 1, 2.0, 500), "replicas": 2, "communication_seconds": 0.1}
    words = plan._ratios([whole, two, record(256, 4, 5.0, 300), record(2048, 8, 50.0, 900), loop, loss])
    assert "2 replicas: the exchange takes 0.100 s, 5.0% of the step" in words
    assert "64 images: the loop adds 2.10% to 2.00 s, of it ordinary steps 0.80% and looks 0.10%" in words
    assert "4 micro-batches: 1.25 of the time, 0.30 of the memory" in words
    assert "2,048 images: the loss takes 0.20% of the step" in words and "networks 3.900 s" in words
    assert plan._ratios([{"images": 256, "failed": "killed"}, {**whole, "images": 64}]) == ""  # nothing to compare


def test_quick_measures_as_much_of_fewer_images():
    """Every kind of case, and one replica once: it is the whole batch there."""
    full, quick = plan.cases(quick=False), plan.cases(quick=True)
    kinds = [{frozenset(case) for case in cases if case not in (plan.LARGE, plan.PAPER)} for cases in (full, quick)]
    assert kinds[0] == kinds[1] and max(case["images"] for case in quick) == 64
