"""Commands in processes of their own: how they end, and that none outlives the one that began it."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from launch import children
from supcon_tf.records import results
from supcon_tf.records.directory import RunDirectory
from supcon_tf.tables import Cell, runs_of

ROOT = pathlib.Path(__file__).parents[2]
RUN = runs_of([Cell("a", "", "digits.supcon", seeds=1)])[0]
WAITS = (
    "import pathlib, signal, sys, time\n"
    "def stop(*_): pathlib.Path(sys.argv[1]).write_text('stopped'); sys.exit(143)\n"
    "signal.signal(signal.SIGTERM, stop)\n"
    "pathlib.Path(sys.argv[1]).write_text('running')\n"
    "time.sleep(60)\n"
)


def commands(monkeypatch, *programs):
    """Makes these programs the commands of every run."""
    made = [f"python -c {children.shlex.quote(program)}" for program in programs]
    monkeypatch.setattr(results, "commands_of", lambda *_, **__: made)


def fails(status, message):
    return f"import sys; print({message!r}, file=sys.stderr); sys.exit({status})"


@pytest.mark.parametrize("status", [children.DIVERGED, children.OUT_OF_MEMORY])
def test_a_failure_of_the_run_itself_is_noted_and_the_others_go_on(monkeypatch, tmp_path, status):
    commands(monkeypatch, fails(status, "error: the loss is no number"), "raise SystemExit('not to be begun')")
    children.run_all(RUN, tmp_path, "data")
    assert results.failures(tmp_path) == {RUN.directory: "the loss is no number"}
    commands(monkeypatch, "")
    children.run_all(RUN, tmp_path, "data")  # with --retry it works
    assert results.failures(tmp_path) == {}


def test_only_what_is_missing_is_measured_and_on_the_corrupted_images_that_are_named(monkeypatch, tmp_path):
    """`launch.evaluate` was asked for all measures again, and put images made in memory in the place of stored ones."""
    begun = []
    monkeypatch.setattr(children, "_status", lambda arguments: (begun.append(arguments[1:]), (0, ""))[1])
    monkeypatch.setattr(children.run_numbers, "missing", lambda run, *_: run._replace(measures=("robustness",)))
    run = RUN._replace(measures=("calibration", "robustness"))
    children.run_all(run, tmp_path, "data", children.Corrupted(stored="folder:imagenet c"))
    assert [program for program, *_ in begun] == ["launch.train", "launch.evaluate"]
    assert begun[1][2:4] == ["--measures=robustness", "--corrupted=folder:imagenet c"]
    assert children.Corrupted(stored="x").wanted == {"images": "stored"} and children.IN_MEMORY.wanted == {}


@pytest.mark.parametrize("status", [1, 2, 74, 130])
def test_any_other_failure_ends_the_whole_with_its_status(monkeypatch, tmp_path, status):
    commands(monkeypatch, fails(status, "error: no such set"))
    with pytest.raises(SystemExit) as ended:
        children.run_all(RUN, tmp_path, "data")
    assert ended.value.code == status and results.failures(tmp_path) == {}


def test_a_child_that_a_signal_ended_gives_the_status_of_a_shell(monkeypatch, tmp_path):
    commands(monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(SystemExit) as ended:
        children.run_all(RUN, tmp_path, "data")
    assert ended.value.code == 128 + signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_is_asked_to_stop_when_its_parent_is_killed(tmp_path, number):
    """So the next command finds a saved state, and nobody who trains in the same directory."""
    mark, program = tmp_path / "mark", (
        "import sys\nfrom launch import children\nfrom launch.endings import plain_endings\n"
        "with plain_endings():\n"
        f"    children._status(['-c', {WAITS!r}, sys.argv[1]])\n"
    )  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", program, str(mark)], cwd=ROOT, stderr=subprocess.PIPE) as parent:
        _until(lambda: mark.exists() and mark.read_text() == "running")
        os.kill(parent.pid, number)
        _until(lambda: mark.read_text() == "stopped")
        assert parent.wait(20) in (-number, 128 + number)


def test_a_child_that_does_not_stop_is_killed(monkeypatch):
    monkeypatch.setattr(children, "PATIENCE", 0.5)
    deaf = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('on', file=sys.stderr); time.sleep(600)"
    )

    def heard(line):
        raise KeyboardInterrupt

    monkeypatch.setattr(children.sys.stderr, "write", heard, raising=False)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        children._status(["-c", deaf])
    assert time.monotonic() - begun < 60


def test_a_run_that_another_process_still_saves_is_waited_for(monkeypatch, tmp_path):
    directory, checks = RunDirectory(tmp_path / RUN.directory), []
    monkeypatch.setattr(RunDirectory, "is_held", lambda self: checks.append(1) or len(checks) < 3)
    children._wait_for(directory)
    assert len(checks) == 3
    monkeypatch.setattr(RunDirectory, "is_held", lambda self: True)
    monkeypatch.setattr(children, "PATIENCE", 0.0)
    with pytest.raises(SystemExit) as ended:
        children._wait_for(directory)
    assert ended.value.code == 2


def _until(true, seconds=20.0):
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.05)
