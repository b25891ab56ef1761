"""Commands of this package that another one runs, each in a process of its own.

A process for each run: one that diverges or runs out of memory leaves the others alone, and gives all its memory back.
"""

from __future__ import annotations

import contextlib
import ctypes
import pathlib
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from launch.endings import refuse
from supcon_tf.records import results, run_numbers
from supcon_tf.records.directory import RunDirectory
from supcon_tf.tables import Run

DIVERGED, OUT_OF_MEMORY = 3, 71  # statuses that say something of the run, and nothing of the next one
PATIENCE = 120.0  # seconds that a process of a killed command has to save its state
DEATH = 1  # PR_SET_PDEATHSIG of Linux


class Corrupted(NamedTuple):
    """Where corrupted test images come from.

    Attributes:
        stored: as `--corrupted` of `launch.evaluate`; empty: made in memory.
        frost_dir: as its `--frost_dir`; empty: generated frost.
    """

    stored: str = ""
    frost_dir: str = ""

    @property
    def flags(self) -> list[str]:
        """Of `launch.evaluate`."""
        said = (("corrupted", self.stored), ("frost_dir", self.frost_dir))
        return [f"--{name}={value}" for name, value in said if value]

    @property
    def wanted(self) -> dict:
        """What entries of `measures.json` that count say of their images."""
        return {"images": "stored"} if self.stored else {"frost_dir": self.frost_dir} if self.frost_dir else {}


IN_MEMORY = Corrupted()


def run_all(run: Run, root: pathlib.Path, data_dir: str, corrupted: Corrupted = IN_MEMORY) -> None:
    """Trains and measures a run by the commands of `records.results`; a failure that is the run's own is noted.

    Raises:
        SystemExit: a command ended in a way that the others would end, too, with its status.
    """
    directory = RunDirectory(root / run.directory)
    _wait_for(directory)

    def commands() -> Iterator[str]:
        yield results.commands_of(run, str(root), data_dir)[0]
        left = run_numbers.missing(run, directory, corrupted.wanted)
        yield from results.commands_of(left, str(root), data_dir, corrupted=corrupted.flags)[1:]

    for command in commands():
        status, last = _status(shlex.split(command)[1:])
        if status in (DIVERGED, OUT_OF_MEMORY):
            results.note(root, run, last)
            return
        if status:
            sys.exit(status if status > 0 else 128 - status)
    results.note(root, run, "")


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
