"""Time and memory of the loss, forward and backward, beside the dense losses of TensorFlow and PyTorch."""

from __future__ import annotations

import importlib.util
import json
import math
from typing import Optional

from benchmarks.process import measure_all

PAPER = 12_288  # rows: the paper's batch of 6,144 images in two views
TITLES = {
    "dense_tensorflow": "the whole matrix in TensorFlow",
    "dense_pytorch": "the whole matrix in PyTorch, as SupContrast",
    "pytorch_metric_learning": "pytorch-metric-learning",
}
PEERS = tuple(TITLES)
MODES = [
    {"summation_location": where, "denominator_mode": which}
    for where in ("out", "in")
    for which in ("all", "one_positive", "only_negatives")
]
OTHER_MODES = [*MODES[1:], {"positives_cap": 4}, {"contrast_mode": "one"}, {"no_positives": "exclude"}]
SMALL = (128, 256, 512, 1024)
OF_ANY_BATCH = (32, 64, 128, 256, 512)  # rows; in graphs made for any batch, as `fit` makes them: tiles are used there
GROWTH = (8_192, 16_384, 32_768, 65_536)
LARGEST = 131_072


def cases(*, quick: bool) -> list[dict]:
    """What is measured, in order; a case is the argument of `benchmarks.loss.case`."""
    peers = [peer for peer in PEERS if _installed(peer)]
    found = [{"what": "tiled", "rows": PAPER}, {"what": "floor", "rows": PAPER, "alternate": True}]
    found += [{"what": peer, "rows": PAPER} for peer in peers]
    found += [{"what": peer, "rows": PAPER, "alternate": True, "calls": 5} for peer in peers]
    found += [{"what": "tiled", "rows": PAPER, **mode} for mode in OTHER_MODES]
    for rows in SMALL:
        found += [{"what": what, "rows": rows, "seconds": 2.0} for what in ("chosen", "dense_tensorflow")]
        found.append({"what": "dense_tensorflow", "rows": rows, "alternate": True, "ours": "chosen", "calls": 60})
    for rows in OF_ANY_BATCH:
        case = {"what": "dense_tensorflow", "rows": rows, "alternate": True, "ours": "chosen", "calls": 200}
        found.append({**case, "unknown_batch": True})
    sizes = GROWTH[:2] if quick else [*GROWTH, LARGEST]
    return found + [{"what": "tiled", "rows": rows} for rows in sizes]


def run(*, quick: bool, dry_run: bool) -> tuple[list[dict], str]:
    """All cases in turn; their records and a table with the ratios that matter."""
    planned = cases(quick=quick)
    if dry_run:
        return planned, "\n".join(json.dumps(case) for case in planned)
    records = measure_all("benchmarks.loss.case", planned)
    return records, f"\n{_table(records)}\n\n{_ratios(records)}"


def _installed(peer: str) -> bool:
    needs = {"dense_pytorch": ["torch"], "pytorch_metric_learning": ["torch", "pytorch_metric_learning"]}
    return all(importlib.util.find_spec(name) for name in needs.get(peer, []))


def _name(record: dict) -> str:
    extra = [f"{value}" for key, value in record.items() if key in _ARGUMENTS]
    any_batch = ["in a graph for any batch"] * record.get("unknown_batch", False)
    return " ".join([record["what"], *extra, *any_batch])


_ARGUMENTS = ("summation_location", "denominator_mode", "positives_cap", "contrast_mode", "no_positives")


def _table(records: list[dict]) -> str:
    lines = [f"{'case':<48}{'rows':>9}{'seconds':>11}{'first call':>12}{'MB, first':>11}{'MB, later':>11}"]
    for record in records:
        start = f"{_name(record):<48}{record['rows']:>9,}"
        if "ours_over_this" in record:
            lines.append(
                f"{start}  in turn with {record['ours']}, which takes {record['ours_over_this']:.3f} of its time"
            )
        elif "failed" in record:
            lines.append(f"{start}  failed: {record['failed']}")
        else:
            lines.append(
                f"{start}{record['seconds']:>11.4f}{record['first_call_seconds']:>12.2f}"
                f"{record['first_call_mb']:>11.0f}{record['later_calls_mb']:>11.0f}"
            )
    return "\n".join(lines)


def _ratios(records: list[dict]) -> str:
    """What the figures say, in words."""
    lines = ["in turn in one process with others, of their time"]
    for record in records:
        if record["what"] in PEERS and "ours_over_this" in record:
            took = f"{record['ours_over_this']:.3f} of {_name(record)}"
            lines.append(f"  {record['ours']} takes {took} at N = {record['rows']:,}")
    grown = [record for rows in GROWTH if (record := _find(records, "tiled", rows))]
    if len(grown) > 1:
        span = math.log(grown[-1]["rows"] / grown[0]["rows"])
        for key in ("first_call_mb", "seconds"):
            exponent = math.log(grown[-1][key] / grown[0][key]) / span
            lines.append(f"{key} from N = {grown[0]['rows']:,} to {grown[-1]['rows']:,}: exponent {exponent:.2f}")
    return "\n".join(lines)


def in_short(records: list[dict]) -> str:
    """The paper's batch, beside each of the peers that was measured: a table in Markdown."""
    own = _find(records, "tiled", PAPER)
    lines = ["| loss | seconds | MB | ours takes, of its time |", "| --- | --- | --- | --- |"]
    lines += [f"| ours | {own['seconds']:.2f} | {own['first_call_mb']:,.0f} | |"] if own else []
    for peer, title in TITLES.items():
        turns = [
            r["ours_over_this"] for r in records if r["what"] == peer and r["rows"] == PAPER and "ours_over_this" in r
        ]
        record = _find(records, peer, PAPER)
        if record and turns:
            lines.append(f"| {title} | {record['seconds']:.2f} | {record['first_call_mb']:,.0f} | {turns[0]:.2f} |")
    return "\n".join(lines)


def _find(records, what, rows) -> Optional[dict]:
    """The record of a process of its own in the default mode."""
    for record in records:
        if record["what"] == what and record["rows"] == rows and not {*_ARGUMENTS, "alternate"} & set(record):
            return None if "failed" in record else record
    return None
