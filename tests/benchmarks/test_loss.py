"""The benchmark: what it measures is what it says, and the accuracy it prints is the one the docstring promises."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import memory, process
from benchmarks.loss import accuracy, case, ours, plan


@pytest.mark.slow
@pytest.mark.parametrize("unknown_batch", [False, True])
@pytest.mark.parametrize(
    "what", ["chosen", *(pytest.param(name, marks=pytest.mark.slow) for name in ("tiled", "dense_tensorflow"))]
)
def test_all_steps_give_the_same_value_and_gradient(what, unknown_batch):
    labels, rows = case.inputs(600)
    value, gradient = getattr(ours, what)(labels, 2, 0.1, unknown_batch=unknown_batch)(rows)
    expected_value, expected = ours.tiled(labels, 2, 0.1, tile_rows=100)(rows)
    np.testing.assert_allclose(value, expected_value, rtol=1e-5)
    np.testing.assert_allclose(gradient, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("what", ["dense_pytorch", "pytorch_metric_learning"])
def test_peers_compute_the_same_loss(what):
    pytest.importorskip("torch", reason="PyTorch is not installed: make benchmark")
    if what == "pytorch_metric_learning":
        pytest.importorskip(
            "pytorch_metric_learning", reason="pytorch-metric-learning is not installed: make benchmark"
        )
    from benchmarks.loss import peers

    labels, rows = case.inputs(600)
    value, gradient = getattr(peers, what)(labels, 2, 0.1)(rows)
    expected_value, expected = ours.tiled(labels, 2, 0.1)(rows)
    if what == "pytorch_metric_learning":  # It normalises the rows: no gradient along them.
        expected = expected - np.sum(expected * rows, 1, keepdims=True) * rows
    np.testing.assert_allclose(value, expected_value, rtol=1e-5)
    np.testing.assert_allclose(gradient, expected, atol=1e-4 * np.abs(expected).max())


def test_the_floor_is_the_products_of_every_pair_of_blocks():
    """Without exponentials its gradient is that of half the squares of all similarities: G x with G = x x^T."""
    labels, rows = case.inputs(60)
    _, gradient = ours.floor(labels, 2, 0.1, tile_rows=60)(rows)
    x = rows.astype("float64")
    np.testing.assert_allclose(gradient.reshape(60, -1), 2 * (x @ x.T) @ x, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_case_is_measured_in_a_process_of_its_own():
    command = [
        sys.executable,
        "-m",
        "benchmarks.loss.case",
        json.dumps({"what": "tiled", "rows": 256, "seconds": 0.1}),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    record = json.loads(ended.stdout.splitlines()[-1])
    assert record["rows"] == 256 and 0 < record["fastest"] <= record["seconds"] < record["first_call_seconds"]
    assert record["first_call_mb"] > 0


@pytest.mark.slow
def test_two_cases_in_turn_give_a_ratio():
    record = case.alternate("floor", 256, calls=3)
    assert record["ours_over_this"] > 0.5  # Whatever the noise, the products are a part of it.
    assert f"{record['ours_over_this']:.3f} of its time" in plan._table([record])


def test_memory_sees_what_is_used_and_given_back():
    before = memory.resident_mb()
    memory.forget_peak()
    block = np.ones(20_000_000)  # 160 MB
    del block
    assert 150 < memory.peak_mb() - before < 250
    memory.forget_peak()
    assert memory.peak_mb() - before < 150


@pytest.mark.slow
def test_a_case_that_fails_is_recorded_with_its_reason():
    record = process.measure(
        "benchmarks.loss.case", {"what": "tiled", "rows": 7}
    )  # Two views need an even number of rows.
    assert record.get("failed")
    assert "failed" in plan._table([record])


def test_the_table_and_the_ratios_are_of_the_records():
    def record(what, rows, seconds, mb=10.0, **mode):
        times = {"seconds": seconds, "first_call_seconds": 1.0, "first_call_mb": mb, "later_calls_mb": 1.0}
        return {"what": what, "rows": rows, **mode, **times}

    records = [
        record("tiled", plan.PAPER, 1.0, summation_location="in", denominator_mode="all"),
        record("tiled", plan.PAPER, 0.5),
        {"what": "dense_pytorch", "rows": plan.PAPER, "alternate": True, "ours": "tiled", "ours_over_this": 0.1},
        {"what": "dense_tensorflow", "rows": 128, "alternate": True, "ours": "chosen", "ours_over_this": 0.98},
        {"what": "dense_tensorflow", "rows": plan.PAPER, "alternate": True, "failed": "no memory"},
        record("tiled", 8192, 0.25, 100),
        record("tiled", 65536, 16.0, 800),
    ]
    text = plan._ratios(records)
    assert "tiled takes 0.100 of dense_pytorch at N = 12,288" in text
    assert "chosen takes 0.980 of dense_tensorflow at N = 128" in text and text.count("of dense_tensorflow") == 1
    assert "first_call_mb from N = 8,192 to 65,536: exponent 1.00" in text and "exponent 2.00" in text
    records.append({**records[3], "rows": 64, "unknown_batch": True, "ours_over_this": 1.7})
    assert "chosen takes 1.700 of dense_tensorflow in a graph for any batch at N = 64" in plan._ratios(records)
    short = plan.in_short([*records, record("dense_pytorch", plan.PAPER, 6.2, 1234)])
    assert short.splitlines()[2:] == [
        "| ours | 0.50 | 10 | |",
        "| the whole matrix in PyTorch, as SupContrast | 6.20 | 1,234 | 0.10 |",
    ]
    assert "tiled in all" in plan._table(records) and "failed: no memory" in plan._table(records)


def test_the_plan_names_every_mode():
    planned, text = plan.run(quick=False, dry_run=True)
    modes = {(c.get("summation_location", "out"), c.get("denominator_mode", "all")) for c in planned}
    small, of_any_batch = (
        [c["rows"] for c in planned if c.get("ours") == "chosen" and c.get("unknown_batch", False) == unknown]
        for unknown in (False, True)
    )
    assert small == list(plan.SMALL) and of_any_batch == list(plan.OF_ANY_BATCH)
    assert len(modes) == 6 and any(c["rows"] == plan.LARGEST for c in planned) and str(plan.LARGEST) in text


@pytest.mark.slow
@pytest.mark.parametrize("dtype, limit", [("float64", 1e-10), ("float32", 1e-4)])
def test_the_accuracy_that_the_docstring_states(dtype, limit):
    found = {tau: accuracy.error(dtype, tau) for tau in accuracy.TEMPERATURES if dtype == "float64" or tau >= 0.01}
    assert max(found.values()) <= limit, found
    assert max(found.values()) > 0  # Control: two programs, two roundings.
