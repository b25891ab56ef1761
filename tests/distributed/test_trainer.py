"""The whole trainer gives the same weights, metrics and test embeddings on any number of logical replicas."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.losses.problems import largest_difference
from tests.marks import guard, slow

ROOT = pathlib.Path(__file__).parents[2]


def train(directory: pathlib.Path, replicas: int, *control: str):
    """(weights, records, test embeddings) of `tests.distributed.trainer`."""
    command = [sys.executable, "-m", "tests.distributed.trainer", str(directory), str(replicas), *control]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)  # eight replicas trace long
    assert done.returncode == 0, done.stderr[-2000:]
    return results(directory)


def results(directory):
    weights = list(np.load(directory / "weights.npz").values())
    records = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    return weights, records, np.load(directory / "evaluation.npz")["embeddings"]


def start_workers(directory, *how, count=2, started=None):
    """Processes of a cluster on loopback, the first `started` of them; stdout and stderr are one."""
    ports = free_ports(count)
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    command = [sys.executable, "-m", "tests.distributed.trainer", str(directory), "0", *how]
    return [
        subprocess.Popen(
            command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}),
            },
        )
        for index in range(started or count)
    ]  # fmt: skip


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def ended(processes, seconds):
    """Exit statuses and outputs; nothing is left running."""
    try:
        outputs = [process.communicate(timeout=seconds)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], outputs


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return train(tmp_path_factory.mktemp("alone"), 1)


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("replicas", [slow(2), guard(4), slow(8)])
def test_any_number_of_replicas_trains_as_one_device(replicas, alone, tmp_path):
    assert_same(train(tmp_path, replicas), alone)


@pytest.mark.guard
@pytest.mark.two_replicas_required
def test_two_processes_train_as_one_device(alone, tmp_path):
    statuses, outputs = ended(start_workers(tmp_path), seconds=240)
    assert statuses == [0, 0], outputs
    assert_same(results(tmp_path), alone)


@pytest.mark.slow
@pytest.mark.two_replicas_required
def test_a_head_that_ends_in_batch_norm_trains_alike_on_two_replicas(alone, tmp_path):
    expected = train(tmp_path / "alone", 1, "last")
    assert abs(expected[1][0]["loss"] - alone[1][0]["loss"]) > 0.05  # the control: it does something
    assert_same(train(tmp_path / "two", 2, "last"), expected)


@pytest.mark.slow
@pytest.mark.two_replicas_required
def test_with_a_queue_any_layout_trains_as_one_device(alone, tmp_path):
    """The network that fills it, too, whose weights come after those of the trained one."""
    expected = train(tmp_path / "alone", 1, "queue")
    assert abs(expected[1][0]["loss"] - alone[1][0]["loss"]) > 0.05  # the control: it does something
    for replicas in (2, 4, 8):
        assert_same(train(tmp_path / str(replicas), replicas, "queue"), expected)
    statuses, outputs = ended(start_workers(tmp_path / "processes", "queue"), seconds=240)
    assert statuses == [0, 0], outputs
    assert_same(results(tmp_path / "processes"), expected)


@pytest.mark.slow
def test_a_worker_that_never_comes_ends_the_run_with_one_message(tmp_path):
    began = time.monotonic()
    statuses, outputs = ended(start_workers(tmp_path, "impatient", started=1), seconds=90)
    assert statuses == [-signal.SIGKILL] and "waited 5 s for the others to join. Start all workers" in outputs[0]
    assert "Traceback" not in outputs[0] and time.monotonic() - began < 60


@pytest.mark.parametrize("killed", [guard(0), slow(1)])
def test_a_worker_that_dies_ends_the_others_with_one_message(killed, tmp_path):
    processes = start_workers(tmp_path, "long")
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("checkpoints/contrastive/step-*.index")) and time.monotonic() < deadline:
            time.sleep(0.1)
        processes[killed].kill()
        statuses, outputs = ended([processes[1 - killed]], seconds=90)
    finally:
        processes[killed].kill()
        processes[killed].communicate()  # closes its pipe
    assert statuses == [75], outputs
    assert "another host of the run is gone" in outputs[0] and "Traceback" not in outputs[0]


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("first, then", [slow(2, 1), guard(1, 2)])
def test_a_run_that_stopped_goes_on_with_another_number_of_replicas(first, then, alone, tmp_path):
    command = [sys.executable, "-m", "tests.distributed.trainer", str(tmp_path), str(first), "stops"]
    stopped = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert stopped.returncode == 143, stopped.stderr[-2000:]
    found = train(tmp_path, then)
    assert_same(found, alone)
    assert [record["replicas"] for record in found[1]] == [then, then]


def assert_same(found, alone):
    weights, records, embeddings = found
    assert largest_difference(weights, alone[0]) < 2e-5
    np.testing.assert_allclose(embeddings, alone[2], atol=2e-5)
    assert len(records) == len(alone[1])
    for record, expected in zip(records, alone[1]):
        assert record["step"] == expected["step"] == 3
        for name in {"loss", "train_accuracy", "test_accuracy"} & set(expected):
            assert record[name] == pytest.approx(expected[name], rel=1e-5), name


@pytest.mark.slow
@pytest.mark.two_replicas_required
def test_without_the_gather_two_replicas_train_another_network(alone, tmp_path):
    """The control."""
    weights, records, _ = train(tmp_path, 2, "no gather")
    assert largest_difference(weights, alone[0]) > 1e-3
    assert abs(records[0]["loss"] - alone[1][0]["loss"]) > 0.05
