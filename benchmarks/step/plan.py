"""Time and memory of the whole training step: micro-batches, replicas, XLA, its parts, and PyTorch beside it."""

from __future__ import annotations

import importlib.util
import json
from typing import Optional

from benchmarks.process import measure, measure_all

BATCH, QUICK = 256, 64  # images
LARGE = {"images": 2048, "microbatches": 8, "calls": 1}
PAPER = {"images": 6144, "microbatches": 96, "calls": 0}
LOSS_ROWS = 2 * LARGE["images"]


def cases(*, quick: bool) -> list[dict]:
    """What is measured, in order; a case is the argument of `benchmarks.step.case`."""
    images, replica_counts = (QUICK, (2, 4)) if quick else (BATCH, (1, 2, 4))
    found = [{"images": images, "parts": True}]
    found += [{"images": images, "microbatches": parts} for parts in (2, 4, 8)]
    found += [{"images": images, "jit_compile": True}]
    found += [{"images": 64, "loop": True}]
    found += [{"images": 64, "replicas": replicas, "parts": replicas > 1} for replicas in replica_counts]
    if importlib.util.find_spec("torch"):
        found.append({"images": images, "pytorch": True})
    return found if quick else [*found, LARGE, PAPER]


def run(*, quick: bool, dry_run: bool) -> tuple[list[dict], str]:
    """All cases in turn, each in its own process; their records and a table."""
    planned = cases(quick=quick)
    if dry_run:
        return planned, "\n".join(json.dumps(case) for case in planned)
    records = measure_all("benchmarks.step.case", planned)
    if not quick:
        records.append(measure("benchmarks.loss.case", {"what": "tiled", "rows": LOSS_ROWS}))
    return records, f"\n{_table(records)}\n\n{_ratios(records)}"


def _table(records: list[dict]) -> str:
    lines = [
        f"{'images':>7}{'micro-batches':>15}{'replicas':>10}{'XLA':>5}{'s a step':>10}{'images/s':>10}{'peak MB':>10}"
    ]
    for record in records:
        if "failed" in record:
            lines.append(f"{record}")
        elif record.get("what") == "step":
            lines.append(
                f"{record['images']:>7,}{record['microbatches']:>15}{record['replicas']:>10}"
                f"{'yes' if record['jit_compile'] else 'no':>5}{record['seconds']:>10.2f}"
                f"{record['images_per_second']:>10.1f}{record['peak_mb']:>10,.0f}"
            )
    return "\n".join(lines)


def _ratios(records: list[dict]) -> str:
    """What the figures say, in words."""
    lines, images = [], records[0]["images"]
    whole = _find(records, images, 1)
    if whole and "loss_seconds" in whole:
        parts = ", ".join(
            f"{name} {whole[name + '_seconds']:.3f} s" for name in ("input", "networks", "loss", "update")
        )
        lines.append(f"{images} images: a step takes {whole['seconds']:.2f} s; run alone, {parts}")
    lines += [
        f"{record['replicas']} replicas: the exchange takes {record['communication_seconds']:.3f} s, "
        f"{record['communication_seconds'] / record['seconds']:.1%} of the step"
        for record in records
        if "communication_seconds" in record
    ]
    for count in (2, 4, 8):
        cached = _find(records, images, count)
        if whole and cached:
            time, space = cached["seconds"] / whole["seconds"], cached["peak_mb"] / whole["peak_mb"]
            lines.append(f"{count} micro-batches: {time:.2f} of the time, {space:.2f} of the memory")
    large, loss = _find(records, LARGE["images"], LARGE["microbatches"]), records[-1]
    if large and loss.get("what") == "tiled":
        share = loss["seconds"] / large["seconds"]
        lines.append(f"{LARGE['images']:,} images: the loss takes {share:.2%} of the step")
    lines += [
        f"{record['images']} images: the loop adds {record['overhead']:.2%} to {record['bare_seconds']:.2f} s, "
        f"of it ordinary steps {record['of_bare'] - 1:.2%} and looks {record['looks_share']:.2%}"
        for record in records
        if record.get("what") == "loop_overhead"
    ]
    lines += [
        f"{record['of_pytorch']:.2f} of the time of the same step in PyTorch"
        for record in records
        if record.get("what") == "step_beside_pytorch"
    ]
    return "\n".join(lines)


def _find(records, images, microbatches) -> Optional[dict]:
    """The step of one replica, without XLA."""
    for record in records:
        size = record.get("images"), record.get("microbatches"), record.get("replicas")
        if size == (images, microbatches, 1) and not record["jit_compile"]:
            return record
    return None
