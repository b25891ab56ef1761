"""Commands of this package that another one runs, each in a process of its own.

A process for each run: one that diverges or runs out of memory leaves the others alone, and gives all its memory back.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import pathlib
import shlex
import signal
import subprocess
import sys
import time

from launch.endings import refuse
from supcon_tf.records import results
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.files import replace_text
from supcon_tf.tables import Run

DIVERGED, OUT_OF_MEMORY = 3, 71  # statuses that say something of the run, and nothing of the next one
PATIENCE = 120.0  # seconds that a process of a killed command has to save its state
DEATH = 1  # PR_SET_PDEATHSIG of Linux


def run_all(run: Run, root: pathlib.Path, data_dir: str) -> None:
    """Trains and measures a run by the commands of `records.results`; a failure that is the run's own is noted.

    Raises:
        SystemExit: a command ended in a way that the others would end, too, with its status.
    """
    _wait_for(RunDirectory(root / run.directory))
    for command in results.commands_of(run, str(root), data_dir):
        status, last = _status(shlex.split(command)[1:])
        if status in (DIVERGED, OUT_OF_MEMORY):
            _note(root, run, last)
            return
        if status:
            sys.exit(status if status > 0 else 128 - status)
    _note(root, run, "")


def _status(arguments: list[str]) -> tuple[int, str]:
    """How a command of this Python ends, and the last line that it says on standard error."""
    with subprocess.Popen(
        [sys.executable, *arguments], stderr=subprocess.PIPE, text=True, errors="replace", preexec_fn=_die_with_parent
    ) as child:
        last = ""
        try:
            for line in child.stderr:
                sys.stderr.write(line)
                sys.stderr.flush()
                last = line.strip() or last
            return child.wait(), last
        except BaseException:  # this command is stopped: so is that one, which saves its state first
            child.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=PATIENCE)
            child.kill()  # of one that has ended this does nothing
            raise


def _die_with_parent() -> None:
    """Where the system can: this process is asked to stop when the one that began it is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH, signal.SIGTERM)


def _wait_for(directory: RunDirectory) -> None:
    """Until a process that a killed command left has saved its state; ends the program where it trains on."""
    ends = time.monotonic() + PATIENCE
    while directory.is_held():
        if time.monotonic() > ends:
            refuse(f"another process is training in {directory}; wait for it, or use another --workdir.")
        time.sleep(0.5)


def _note(root: pathlib.Path, run: Run, why: str) -> None:
    """Notes why a run has no result; without a reason, that it has one."""
    known = results.failures(root)
    changed = {name: reason for name, reason in known.items() if name != run.directory}
    if why:
        changed[run.directory] = why.removeprefix("error: ")
    if changed != known:
        replace_text(root / results.FAILURES, json.dumps(changed, indent=1) + "\n")
