"""The loss on 2, 4 and 8 logical replicas is that of one device; what it sends is counted. Each R is a process."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

from tests.distributed import replicas
from tests.marks import guard, slow

ROOT = pathlib.Path(__file__).parents[2]


def report(count: int, *cases: str) -> dict:
    """What `tests.distributed.replicas` prints for so many replicas."""
    command = [sys.executable, "-m", "tests.distributed.replicas", str(count), *cases]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("count", [slow(2), guard(4), slow(8)])
def test_any_number_of_replicas_gives_the_loss_of_one_device(count):
    found = report(count, *replicas.CASES)
    assert found.pop("no gather")["error"] > 0.1  # the control
    for name, case in found.items():
        assert case["error"] <= (1e-5 if name == "float32" else 1e-12), name
    assert_gathers(found["float32"]["gathers"], count)


def assert_gathers(gathers, count):
    """Forward: rows, labels and how many there are, once; backward: two numbers a row. Nothing else is sent."""
    images = replicas.IMAGES // count
    rows = images * replicas.VIEWS
    expected = [["int64", [images]], ["float32", [rows, replicas.WIDTH]], ["int32", [1]], ["float32", [rows, 2]]]
    assert sorted(map(str, gathers)) == sorted(map(str, expected * count))
