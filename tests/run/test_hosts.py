"""Hosts that are about to do unlike things are told, on all of them, before anything is trained."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

from supcon_tf.run import hosts
from tests.distributed.test_trainer import free_ports

ROOT = pathlib.Path(__file__).parents[2]


def told(monkeypatch, *facts):
    """Agreement of hosts with these facts."""
    monkeypatch.setattr(hosts, "texts_of_hosts", lambda strategy, text: [json.dumps(fact) for fact in facts])
    hosts.agree(None, "experiments", facts[0])


def test_hosts_that_do_the_same_go_on(monkeypatch):
    told(monkeypatch, *[{"seed": 0, "loss": {"temperature": 0.1}, "wait_seconds": wait} for wait in (5, 9)])


def test_what_differs_is_named_with_its_hosts(monkeypatch):
    with pytest.raises(ValueError, match=r"(?s)unlike experiments.*Start the same command on all") as error:
        told(
            monkeypatch,
            {"seed": 0, "loss": {"temperature": 0.1}},
            {"seed": 0, "loss": {"temperature": 0.2}},
            {"seed": 1},
        )
    assert "loss.temperature: 0.1 on the chief, 0.2 on worker 1\n" in str(error.value)
    assert "seed: 0 on the chief, 1 on worker 2\n" in str(error.value)
    assert "loss.temperature: 0.1 on the chief, (absent) on worker 2\n" in str(error.value)


def test_one_host_agrees_with_itself(one_device):
    hosts.agree(one_device, "experiments", {"seed": 0})


@pytest.mark.slow  # two processes that load TensorFlow
@pytest.mark.parametrize(
    "other, difference",
    [
        ("--seed=1", "seed: 0 on the chief, 1 on worker 1"),
        ("--data.examples=64", "data.examples: 0 on the chief, 64 on worker 1"),
    ],
)
def test_two_processes_with_unlike_commands_end_with_status_2(other, difference, tmp_path):
    ports = free_ports(2)
    workers = [f"localhost:{port}" for port in ports]
    started = []
    for index, own in enumerate(([], [other])):
        config = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
        command = [sys.executable, "-m", "launch.train", "--experiment=digits.supcon", f"--workdir={tmp_path / 'run'}",
                   "--strategy=multi_worker", *own]  # fmt: skip
        environment = {**os.environ, "TF_CONFIG": config}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment, **pipes))
    ends = [process.communicate(timeout=300) for process in started]
    assert [process.returncode for process in started] == [2, 2], ends
    assert all(difference in stderr for _, stderr in ends)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
