"""One measured case in a process of its own: `python -m benchmarks.loss.case '{"what": "tiled", "rows": 4096}'`.

Prints one JSON line. Memory is what the process uses beyond what it used before the first call, with libraries
loaded and inputs made: at its first call, which also traces and loads code, and at later ones.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import numpy as np

from benchmarks import memory

WIDTH, VIEWS, CLASSES, TEMPERATURE = 128, 2, 1000, 0.1


def inputs(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels [N / V] and unit rows float32 [N, D], image-major."""
    random = np.random.default_rng(0)
    z = random.standard_normal([rows, WIDTH], dtype=np.float32)
    return random.integers(0, CLASSES, rows // VIEWS), z / np.linalg.norm(z, axis=1, keepdims=True)


def step_of(what: str, labels: np.ndarray, arguments: dict):
    """The function of rows [N, D] that is measured; it gives the mean loss and the gradient."""
    if what in ("dense_pytorch", "pytorch_metric_learning"):
        from benchmarks.loss import peers

        return getattr(peers, what)(labels, VIEWS, TEMPERATURE)
    from benchmarks.loss import ours

    return getattr(ours, what)(labels, VIEWS, TEMPERATURE, **arguments)


def measure(what: str, rows: int, seconds: float = 5.0, **arguments) -> dict:
    """Median of the calls that fit into so many seconds: at least three, one of over 20,000 rows, and at most 30."""
    labels, z = inputs(rows)
    step = step_of(what, labels, arguments)
    before = memory.resident_mb()
    memory.forget_peak()
    begin = time.perf_counter()
    loss, gradient = step(z)
    first = time.perf_counter() - begin
    first_peak = memory.peak_mb()
    norm = float(np.linalg.norm(gradient))
    del gradient
    memory.forget_peak()
    settled, times = memory.resident_mb(), []
    while len(times) < (3 if rows <= 20_000 else 1) or (sum(times) < seconds and len(times) < 30):
        begin = time.perf_counter()
        step(z)
        times.append(time.perf_counter() - begin)
    return {
        "what": what,
        "rows": rows,
        **arguments,
        "seconds": statistics.median(times),
        "fastest": min(times),
        "calls": len(times),
        "first_call_seconds": first,
        "first_call_mb": first_peak - before,
        "later_calls_mb": memory.peak_mb() - settled,
        "loss": loss,
        "gradient_norm": norm,
    }


def alternate(what: str, rows: int, calls: int = 9, ours: str = "tiled", **arguments) -> dict:
    """One of ours and another in turn in one process, so that both see the same machine; the median of the ratios."""
    labels, z = inputs(rows)
    in_turn = {name: step_of(name, labels, arguments) for name in (ours, what)}
    ratios = []
    for call in range(calls + 1):
        times = {}
        for name in (ours, what) if call % 2 else (what, ours):
            begin = time.perf_counter()
            in_turn[name](z)
            times[name] = time.perf_counter() - begin
        ratios += [times[ours] / times[what]] * (call > 0)  # the first also traces
    return {
        "what": what,
        "rows": rows,
        **arguments,
        "alternate": True,
        "ours": ours,
        "ours_over_this": statistics.median(ratios),
        "calls": calls,
    }


if __name__ == "__main__":
    case = json.loads(sys.argv[1])
    print(json.dumps(alternate(**case) if case.pop("alternate", False) else measure(**case)), flush=True)
