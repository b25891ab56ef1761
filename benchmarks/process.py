"""Measured cases, each in a process of its own."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

from tqdm import tqdm


def measure(module: str, case: dict) -> dict:
    """The record that `python -m module CASE` prints last; of one that fails, the case and its last words."""
    command = [sys.executable, "-m", module, json.dumps(case)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    if ended.returncode:
        return {**case, "failed": (ended.stderr.strip().splitlines() or [f"status {ended.returncode}"])[-1]}
    return json.loads(ended.stdout.splitlines()[-1])


def measure_all(module: str, cases: list[dict], known: list[dict] = ()) -> list[dict]:
    """The records of all cases in turn, each printed as it comes; of a case that `known` has, that record."""
    records = []
    for case in tqdm(cases, desc="cases", unit="case", disable=None):
        before = [record for record in known if record.items() >= case.items() and "failed" not in record]
        records.append(before[-1] if before else measure(module, case))
        print(json.dumps(records[-1]), flush=True)
    return records


def read_records(path: pathlib.Path) -> list[dict]:
    """The records in a file of JSON lines, or in what a benchmark printed, where other lines lie between them."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
