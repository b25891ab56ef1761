"""Measured cases, each in a process of its own."""

from __future__ import annotations

import json
import os
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


def measure_all(module: str, cases: list[dict]) -> list[dict]:
    """The records of all cases in turn, each printed as it comes."""
    records = []
    for case in tqdm(cases, desc="cases", unit="case", disable=None):
        records.append(measure(module, case))
        print(json.dumps(records[-1]), flush=True)
    return records
