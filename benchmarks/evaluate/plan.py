"""Time and memory of evaluation, beside scikit-learn, pytorch-metric-learning, SciPy and scikit-image."""

from __future__ import annotations

import importlib.util
import json
import math
import os

from benchmarks.process import measure_all
from supcon_tf import names

ROWS = 50_000
GROWTH = (12_500, 25_000, ROWS)
MANY, FEW = 100, 10  # classes: R of 500 and of 5,000
PEERS = {
    "scikit_learn": ["sklearn"],
    "pytorch_metric_learning": ["torch", "pytorch_metric_learning"],
    "scikit_image": ["skimage"],
}
SOLVED = ({"rows": 5_000, "classes": FEW}, {"rows": 1_000, "classes": MANY})
TOLERANCES = (1e-4, 1e-8)  # scikit-learn's default, and one that comes near to the optimum
EVERY = 8  # of so many penalties scikit-learn solves one, or it would take hours


def cases(*, quick: bool) -> list[dict]:
    """What is measured, in order; a case is the argument of `benchmarks.evaluate.case`, or says that it is left out."""
    sizes, half = (GROWTH[:1], GROWTH[0]) if quick else (GROWTH, GROWTH[1])
    found = []
    for what in ("retrieval", "neighbours"):
        case = {"what": what, "classes": MANY}
        found += [{**case, "by": "ours", "rows": size} for size in sizes]
        # What is slowest is measured on fewer rows.
        found.append({**case, "by": "pytorch_metric_learning", "rows": sizes[-1] if what == "retrieval" else half})
        found.append({**case, "by": "scikit_learn", "rows": half if what == "retrieval" else GROWTH[0]})
    few = {"what": "retrieval", "classes": FEW, "rows": GROWTH[0]}
    found += [{**few, "by": by} for by in ("ours", "pytorch_metric_learning")]
    if not quick:
        for problem in SOLVED:
            found.append({"what": "penalties", "by": "ours", **problem})
            peer = {"what": "penalties", "by": "scikit_learn", **problem, "every": EVERY}
            found += [{**peer, "tolerance": tolerance} for tolerance in TOLERANCES]
    for side in (32, 224):
        found += [
            {"what": "corruption", "by": "scikit_image", "name": name, "side": side} for name in names.CORRUPTIONS
        ]
    return [{**case, **_missing(case["by"])} for case in found]


def run(*, quick: bool, dry_run: bool, known: list[dict] = ()) -> tuple[list[dict], str]:
    """All cases in turn, each in its own process, but for those that are known; their records and tables."""
    planned = cases(quick=quick)
    if dry_run:
        return planned, "\n".join(json.dumps(case) for case in planned)
    load = os.getloadavg()[0]
    skipped = [case for case in planned if "skipped" in case]
    records = measure_all("benchmarks.evaluate.case", [case for case in planned if "skipped" not in case], known)
    before = sum(record in known for record in records)
    begin = f"load average at the start: {load:.1f} on {os.cpu_count()} cores"
    begin += f"; {before} of {len(records)} cases are of a run before that was cut" * (before > 0)
    return records, f"\n{begin}\n\n{tables(records, skipped)}"


def tables(records: list[dict], skipped: list[dict] = ()) -> str:
    """Searches, linear classifiers, corruptions, and what the figures say in words."""
    of = {what: [r for r in records if r["what"] == what] for what in ("retrieval", "neighbours", "penalties")}
    parts = [_searches(of["retrieval"] + of["neighbours"]), _penalties(of["penalties"])]
    parts.append(_corruptions([r for r in records if r["what"] == "corruption"]))
    parts.append("\n".join([*_ratios(records), *_growth(records)]))
    parts.append("\n".join(sorted({f"{case['by']}: {case['skipped']}" for case in skipped})))
    return "\n\n".join(part for part in parts if part)


def _missing(by: str) -> dict:
    """Why a peer cannot be measured."""
    absent = [name for name in PEERS.get(by, []) if not importlib.util.find_spec(name)]
    return {"skipped": f"{', '.join(absent)} not installed: make benchmark"} if absent else {}


def _title(record: dict) -> str:
    more = [f"({record['search']})"] if "search" in record else []
    more += [f"tol {record['tolerance']:g}"] if "tolerance" in record else []
    return " ".join([record["by"], *more])


def _times(record: dict) -> str:
    return f"{record['seconds']:>10.2f}{record['processor_seconds']:>11.2f}{record['mb']:>8.0f}"


def _searches(records: list[dict]) -> str:
    if not records:
        return ""
    start = f"{'measure':<12}{'by':<34}{'rows':>8}{'classes':>9}"
    lines = [f"{start}{'seconds':>10}{'processor':>11}{'MB':>8}  found"]
    for record in records:
        start = f"{record['what']:<12}{_title(record):<34}{record['rows']:>8,}{record['classes']:>9}"
        if "failed" in record:
            lines.append(f"{start}  failed: {record['failed']}")
            continue
        found = " ".join(f"{value:.5f}" for name, value in record["found"].items() if name != "queries")
        lines.append(f"{start}{_times(record)}  {found}")
    return "\n".join(lines)


def _penalties(records: list[dict]) -> str:
    if not records:
        return ""
    start = f"{'45 penalties by':<34}{'rows':>8}{'classes':>9}"
    lines = [f"{start}{'seconds':>10}{'processor':>11}{'MB':>8}  objective above that of ours, at most"]
    for record in records:
        start = f"{_title(record):<34}{record['rows']:>8,}{record['classes']:>9}"
        if "failed" in record:
            lines.append(f"{start}  failed: {record['failed']}")
            continue
        above = excess(record, records)
        lines.append(f"{start}{_times(record)}  {'' if above is None else f'{100 * above:.2g} %'}".rstrip())
    return "\n".join(lines)


def excess(record: dict, records: list[dict]):
    """By how much of itself an objective is above that of `ours` at the same penalty, at most; None for ours."""
    for own in records:
        same = all(own[key] == record[key] for key in ("rows", "classes"))
        if same and own["by"] == "ours" and record["by"] != "ours" and "failed" not in own:
            pairs = zip(record["objectives"], own["objectives"][:: record["every"]])
            return max(theirs / ours - 1 for theirs, ours in pairs)
    return None


def _corruptions(records: list[dict]) -> str:
    if not records:
        return ""
    lines = [f"{'corruption':<20}{'side':>5}{'images/s':>11}{'peer':>9}{'ratio':>8}"]
    for record in records:
        start = f"{record['name']:<20}{record['side']:>5}"
        if "failed" in record:
            lines.append(f"{start}  failed: {record['failed']}")
            continue
        same = "  the peer is the same library" if record["same_library"] else ""
        speeds = f"{record['images_per_second']:>11.0f}{record['peer_images_per_second']:>9.0f}"
        lines.append(f"{start}{speeds}{record['ratio']:>8.2f}{same}")
    return "\n".join(lines)


def _ratios(records: list[dict]) -> list[str]:
    """What ours takes of the time of each peer, for one and the same thing."""
    lines = []
    for record in records:
        if record["what"] == "corruption" or record["by"] == "ours" or "failed" in record:
            continue
        for own in records:
            same = all(own.get(key) == record[key] for key in ("what", "rows", "classes"))
            if same and own["by"] == "ours" and "failed" not in own:
                wall, processor = (own[key] / record[key] for key in ("seconds", "processor_seconds"))
                where = f"{record['what']}, {record['rows']:,} rows, {record['classes']} classes"
                took = f"ours takes {wall:.2f} of the seconds, {processor:.2f} of the processor's, of {_title(record)}"
                lines.append(f"{where}: {took}")
    return lines


def _growth(records: list[dict]) -> list[str]:
    """The power of n that memory and time grow with."""
    lines = []
    for what in ("retrieval", "neighbours"):
        own = [r for r in records if r["what"] == what and r["by"] == "ours" and r["classes"] == MANY]
        own = sorted((r for r in own if "failed" not in r), key=lambda record: record["rows"])
        if len(own) > 1:
            span = math.log(own[-1]["rows"] / own[0]["rows"])
            mb, time = (math.log(own[-1][key] / own[0][key]) / span for key in ("mb", "processor_seconds"))
            where = f"from {own[0]['rows']:,} to {own[-1]['rows']:,} rows"
            lines.append(f"{what}: MB of ours grow {where} with exponent {mb:.2f}, processor seconds {time:.2f}")
    return lines
