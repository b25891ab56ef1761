"""Runs on several hosts: what each host is told, and that a command on all of them ends as it should."""

from __future__ import annotations

import json
import pathlib
import shlex
import subprocess
import sys

import pytest

from launch.hosts import remote
from tests.distributed.test_trainer import free_ports

ROOT = pathlib.Path(__file__).parents[2]
TRAINING = ["--experiment=digits.supcon", "--workdir=my runs/two"]


def launched(module, *flags, timeout=60):
    command = [sys.executable, "-m", f"launch.hosts.{module}", *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)


def test_every_gpu_host_is_told_its_place():
    flags = ["--hosts=a,b:7000", "--directory=/code", "--python=py", "--dry_run", "--", *TRAINING]
    lines = launched("gpu", *flags).stdout.splitlines()
    assert len(lines) == 2
    for index, line in enumerate(lines):
        head, *words = shlex.split(line)
        assert head == ("[a:2222]", "[b:7000]")[index]
        assert words[:4] == ["ssh", "-o", "BatchMode=yes", "ab"[index]]
        inner = shlex.split(words[4])
        assert inner[:3] == ["cd", "/code", "&&"] and inner[4:8] == ["exec", "py", "-m", "launch.train"]
        config = json.loads(inner[3].removeprefix("TF_CONFIG="))
        assert config["cluster"] == {"worker": ["a:2222", "b:7000"]}
        assert config["task"] == {"type": "worker", "index": index}
        assert inner[8:] == ["--strategy=multi_worker", *TRAINING]


def test_slurm_starts_a_process_a_node():
    found = launched("gpu", "--slurm_nodes=4", "--directory=/code", "--dry_run", "--", *TRAINING).stdout
    words = shlex.split(found)
    assert words[1:4] == ["srun", "--nodes=4", "--ntasks-per-node=1"]
    assert words[-3:] == ["--strategy=multi_worker", *TRAINING]


@pytest.mark.parametrize("pod", [True, False])
def test_a_tpu_is_driven_from_its_first_host(pod):
    flags = ["--name=v4", "--zone=z", f"--pod={pod}", "--directory=/code", "--dry_run", "--", *TRAINING]
    check, train = map(shlex.split, launched("tpu", *flags).stdout.splitlines())
    assert "--worker=all" in check and "--worker=0" in train
    inner = shlex.split(train[-1].removeprefix("--command="))
    assert ("TPU_LOAD_LIBRARY=0" in inner) == pod
    assert inner[-4:] == ["--strategy=tpu", f"--tpu={'v4' if pod else 'local'}", *TRAINING]


@pytest.mark.parametrize(
    "module, flags, message",
    [
        ("gpu", ["--", *TRAINING], "either --hosts=host0,host1 or --slurm_nodes=N"),
        ("gpu", ["--hosts=a,a", "--", *TRAINING], "every host is named once; got a:2222 again"),
        ("gpu", ["--hosts=a,b", "--", "--workdir=x"], "--experiment is not among them"),
        ("gpu", ["--hosts=a,b", "--", *TRAINING, "--strategy=mirrored"], "leave out --strategy=mirrored"),
        ("tpu", ["--name=v4", "--", *TRAINING], "say which TPU: --name=TPU --zone=ZONE"),
    ],
)
def test_what_cannot_be_is_told(module, flags, message):
    ended = launched(module, *flags)
    assert ended.returncode == 2 and message in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.slow
def test_all_commands_run_at_once_and_one_failure_is_the_status(capfd, monkeypatch):
    def shell(host, text):
        return remote.Command(host, ["sh", "-c", text])

    assert remote.run_all([shell("a", "echo one"), shell("b", "echo two")]) == 0
    assert sorted(capfd.readouterr().out.splitlines()) == ["a: one", "b: two"]
    monkeypatch.setattr(remote, "GRACE_SECONDS", 1.0)
    assert remote.run_all([shell("a", "exit 7"), shell("b", "exec sleep 60")]) == 7
    assert remote.run_all([shell("a", "exit 7"), shell("b", "trap '' TERM; sleep 60 & wait; wait")]) == 7


def test_bytes_that_are_no_text_are_shown_and_end_nothing(capfd):
    printing = remote.Command("a", ["sh", "-c", r"printf 'caf\351\n'; echo more"])
    assert remote.run_all([printing]) == 0
    assert capfd.readouterr().out == "a: caf\\xe9\na: more\n"


@pytest.mark.slow
def test_two_hosts_that_are_this_one_train_together(tmp_path):
    """Everything but the network: a stand-in for ssh runs the command here."""
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nshift\nexec sh -c "$*"\n')
    ssh.chmod(0o755)
    hosts = ",".join(f"localhost:{port}" for port in free_ports(2))
    small = ["--data.examples=64", "--contrastive.epochs=1", "--contrastive.warmup_epochs=0", "--linear.epochs=1"]
    batches = ["--contrastive.batch_size=32", "--linear.batch_size=32", "--encoder.width=0.0625", "--knn.every=0"]
    flags = [f"--hosts={hosts}", f"--directory={ROOT}", f"--python={sys.executable}", f"--ssh={ssh}"]
    training = ["--", "--experiment=digits.supcon", f"--workdir={tmp_path / 'run'}", *small, *batches]
    ended = launched("gpu", *flags, *training, timeout=400)
    assert ended.returncode == 0, ended.stdout[-3000:]
    assert "2 replicas on 2 hosts, 16 images each" in ended.stdout
    assert (tmp_path / "run" / "summary.json").exists() and (tmp_path / "run" / "report.html").exists()
