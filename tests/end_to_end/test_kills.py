"""A run that is killed, told to stop, out of disk, or robbed of its files ends with the bits of one left in peace.

Each process is `tests.distributed.trainer`: the whole of `run_experiment` on a small network.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.end_to_end.test_experiment import assert_same_result
from tests.marks import guard

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.slow  # processes that load TensorFlow, one after the other


def start(directory, replicas=1, how="kills"):
    command = [sys.executable, "-m", "tests.distributed.trainer", str(directory), str(replicas), how]
    with log_of(directory).open("a") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)


def log_of(directory):
    return directory.with_suffix(".log")


def finish(directory, *how):
    assert start(directory, *how).wait(timeout=900) == 0, log_of(directory).read_text()[-2000:]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """(replicas, how) -> directory of a finished run."""

    @functools.cache
    def run(*how):
        directory = tmp_path_factory.mktemp("undisturbed") / "run"
        finish(directory, *how)
        return directory

    return run


def sums(directory):
    return list(directory.glob("checkpoints/*/*.sha256"))


def wait_for(condition, process, seconds=600):
    end = time.monotonic() + seconds
    while not condition() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)


def kill_after(process, run, stage, step, random, seconds=600.0):
    """SIGKILL shortly after a checkpoint of this step or a later one, at the latest after so many seconds."""

    def reached():
        return any(int(path.stem[5:]) >= step for path in run.glob(f"checkpoints/{stage}/*.sha256"))

    wait_for(reached, process, seconds)
    time.sleep(random.uniform(0, 0.1))  # a fast machine makes ten steps meanwhile, of the thirty that are left
    process.kill()
    return process.wait()


def two(*values):
    return pytest.param(2, *values, marks=pytest.mark.two_replicas_required)


@pytest.mark.parametrize(
    "replicas, how, kills",
    [guard(1, "kills", 3), (1, "kills", 12), two("kills", 4), two("kills local", 2)],
    ids=["one", "one, often", "two", "two, local batch norm"],
)
def test_kill_9_at_random_moments(replicas, how, kills, undisturbed, tmp_path):
    """So often in each stage of 300 steps; the last 30 are left, so that all kills find it unfinished."""
    seed = int(os.environ.get("KILLS_SEED", 0)) or int.from_bytes(os.urandom(4), "little")
    print(f"KILLS_SEED={seed}")  # draws the same moments again
    random, places, run = np.random.default_rng(seed), [], tmp_path / "run"
    for stage in ("contrastive", "linear"):
        for number, step in enumerate(sorted(random.integers(1, 270, kills))):
            process = start(run, replicas, how)
            start_only = random.uniform(0, 12) if number % 5 == 1 else 600  # some in the start, or soon after
            status = kill_after(process, run, stage, step, random, start_only)
            assert status == -signal.SIGKILL, log_of(run).read_text()[-2000:]
            newest = max(sums(run), key=lambda path: path.stat().st_mtime_ns, default=None)
            places.append(newest and f"{newest.parent.name} {newest.stem}")
    finish(run, replicas, how)
    print(json.dumps(places))
    assert len(set(places)) >= kills  # they were spread over the run
    assert any(place and place.startswith("linear") for place in places)
    assert_same_result(undisturbed(replicas, how), run)


def test_sigterm_and_ctrl_c_save_and_end_with_their_status(undisturbed, tmp_path):
    """In the contrastive and in the linear stage. Meanwhile a second process is refused."""
    run = tmp_path / "run"
    for stage, number, status in (("contrastive", signal.SIGTERM, 143), ("linear", signal.SIGINT, 130)):
        process = start(run)
        wait_for(lambda stage=stage: len(list(run.glob(f"checkpoints/{stage}/*.sha256"))) == 3, process)
        if stage == "contrastive":
            assert start(run).wait(timeout=120) == 2
            assert "another process is training in" in log_of(run).read_text()
        process.send_signal(number)
        assert process.wait(timeout=60) == status, log_of(run).read_text()[-2000:]
        assert "the same command continues from the newest checkpoint" in log_of(run).read_text().splitlines()[-1]
    assert "Traceback" not in log_of(run).read_text()
    finish(run)
    assert_same_result(undisturbed(1, "kills"), run)


def test_damage_and_a_torn_record_cost_some_steps_and_nothing_else(undisturbed, tmp_path):
    run = tmp_path / "run"
    process = start(run)
    wait_for(lambda: len(sums(run)) == 3, process)
    process.kill()
    process.wait()
    newest = max(sums(run), key=lambda path: int(path.stem[5:]))
    data = newest.with_name(f"{newest.stem}.data-00000-of-00001")
    data.write_bytes(data.read_bytes()[:-1] + b"?")
    with (run / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"stage": "contras')
    finish(run)
    assert f"{newest.stem} is damaged ({data.name} is not what its sum says)" in log_of(run).read_text()
    assert_same_result(undisturbed(1, "kills"), run)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_ends_the_run_and_with_room_again_it_goes_on(small_disk, undisturbed, tmp_path):
    run = small_disk / "run"
    process = start(run)
    wait_for(lambda: len(sums(run)) == 3, process)
    with pytest.raises(OSError, match="No space"), (small_disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(1024))
    assert process.wait(timeout=60) == 74, log_of(run).read_text()[-2000:]
    said = log_of(run).read_text()
    assert "error: " in said.splitlines()[-1] and "Traceback" not in said
    assert "No space left on device" in said.splitlines()[-1]
    (small_disk / "ballast").unlink()
    finish(run)
    assert_same_result(undisturbed(1, "kills"), run)
