"""Who takes part in a run on several hosts, and what is wrong with what the environment says."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys

import pytest

from supcon_tf.distribution import cluster
from supcon_tf.distribution.strategy import is_chief

ROOT = pathlib.Path(__file__).parents[2]
WORKERS = ["host0:2222", "host1:2222"]


def tf_config(workers=WORKERS, kind="worker", index=1, **others):
    return {"TF_CONFIG": json.dumps({"cluster": {"worker": workers, **others}, "task": {"type": kind, "index": index}})}


def test_worker_0_is_the_chief(monkeypatch):
    assert cluster.place(tf_config()) == (tuple(WORKERS), 1)
    assert cluster.place(tf_config(index="0")).is_chief
    for index in (0, 1):
        monkeypatch.setenv("TF_CONFIG", tf_config(index=index)["TF_CONFIG"])
        assert is_chief("multi_worker") == (index == 0)


def test_slurm_numbers_its_processes():
    assert cluster.place({"SLURM_PROCID": "0"}).is_chief
    assert cluster.place({"SLURM_PROCID": "3"}) == ((), 3)
    assert cluster.place({"SLURM_PROCID": "3", **tf_config()}).index == 1  # what is said outright wins


@pytest.mark.parametrize(
    "environment, message",
    [
        ({}, "needs TF_CONFIG, or a SLURM job step"),
        ({"TF_CONFIG": "{"}, "TF_CONFIG cannot be read"),
        ({"TF_CONFIG": "{}"}, r"cannot be read \(KeyError\('cluster'\)\)"),
        (tf_config(index=2), "task index 2 is not among the 2 workers"),
        (tf_config(kind="ps"), "worker 0 the chief; got task 'ps' of worker"),
        (tf_config(chief=["host2:1"]), "got task 'worker' of chief, worker"),
        (tf_config(workers=[]), "each worker needs an address of its own"),
        (tf_config(workers=["a:1", "a:1"]), "each worker needs an address of its own"),
        (tf_config(workers=["host0", "host1"]), "an address is host:port"),
        (tf_config(workers=["host0:0", "host1:2222"]), "with a port of 1 to 65535"),
        (tf_config(workers=["host0:65536", "host1:2222"]), "with a port of 1 to 65535"),
        (tf_config(workers=[":2222", "host1:2222"]), "an address is host:port"),
        (tf_config(workers="host0:2222"), "the workers are a list of addresses; got 'host0:2222'"),
        (tf_config(workers={"a": 1}), "the workers are a list of addresses"),
        (tf_config(workers=[["host0:2222"]]), "the workers are a list of addresses"),
        ({"TF_CONFIG": '{"cluster": ["worker"], "task": {}}'}, "TF_CONFIG cannot be read"),
        ({"TF_CONFIG": "[]"}, "TF_CONFIG cannot be read"),
        ({"TF_CONFIG": '{"cluster": {"worker": ["a:1"]}, "task": [0]}'}, "TF_CONFIG cannot be read"),
    ],
)
def test_what_is_wrong_is_told_with_an_example(environment, message):
    with pytest.raises(ValueError, match=message) as error:
        cluster.place(environment)
    assert '"task": {"type": "worker", "index": 0}' in str(error.value)


@pytest.mark.slow
def test_a_port_that_is_taken_is_told(tmp_path):
    """In a process of its own, as TensorFlow starts a server once."""
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        program = "from supcon_tf.distribution import cluster; cluster.join(60.0)"
        environment = {**os.environ, **tf_config(workers=[f"localhost:{port}"], index=0)}
        command = [sys.executable, "-c", program]
        ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 1
    told = ended.stderr.strip().splitlines()[-1]
    assert told.startswith("ValueError: worker 0 of localhost:") and "its port free?" in told
