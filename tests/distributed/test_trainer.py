"""The whole trainer gives the same weights, metrics and test embeddings on any number of logical replicas."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]


def train(directory: pathlib.Path, replicas: int, *control: str):
    """(weights, records, test embeddings) of `tests.distributed.trainer`."""
    command = [sys.executable, "-m", "tests.distributed.trainer", str(directory), str(replicas), *control]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    weights = list(np.load(directory / "weights.npz").values())
    records = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    return weights, records, np.load(directory / "evaluation.npz")["embeddings"]


def largest_difference(some, others):
    return max(np.abs(one - other).max() for one, other in zip(some, others))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return train(tmp_path_factory.mktemp("alone"), 1)


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("replicas", [2, 4, pytest.param(8, marks=pytest.mark.slow)])
def test_any_number_of_replicas_trains_as_one_device(replicas, alone, tmp_path):
    weights, records, embeddings = train(tmp_path, replicas)
    assert largest_difference(weights, alone[0]) < 2e-5
    np.testing.assert_allclose(embeddings, alone[2], atol=2e-5)
    assert len(records) == len(alone[1])
    for record, expected in zip(records, alone[1]):
        assert record["step"] == expected["step"] == 3
        for name in {"loss", "train_accuracy", "test_accuracy"} & set(expected):
            assert record[name] == pytest.approx(expected[name], rel=1e-5), name


@pytest.mark.two_replicas_required
def test_without_the_gather_two_replicas_train_another_network(alone, tmp_path):
    """The control."""
    weights, records, _ = train(tmp_path, 2, "no gather")
    assert largest_difference(weights, alone[0]) > 1e-3
    assert abs(records[0]["loss"] - alone[1][0]["loss"]) > 0.05
