"""Commands on several hosts at once: what they print is shown with the host's name, and one status comes back."""

from __future__ import annotations

import shlex
import subprocess
import threading
import time
from typing import NamedTuple

GRACE_SECONDS = 120.0  # for the others, once one has failed: they end by themselves when they miss it


class Command(NamedTuple):
    """A command for one host."""

    host: str
    words: list

    def __str__(self) -> str:
        return f"[{self.host}] {shlex.join(self.words)}"


def training_flags(argv: list) -> list:
    """What stands after `--` on the command line: the flags of `launch.train`.

    Raises:
        ValueError: nothing, or an experiment or a run directory is missing.
    """
    for needed in ("--experiment", "--workdir"):
        if not any(word.startswith(needed) for word in argv):
            raise ValueError(
                f"after `--` come the flags of launch.train, and {needed} is not among them; got "
                f"'{shlex.join(argv)}'. For instance: -- --experiment=digits.supcon --workdir=RUN"
            )
    set_here = [word for word in argv if word.partition("=")[0] in ("--strategy", "--tpu")]
    if set_here:
        raise ValueError(f"the strategy follows from the hosts; leave out {', '.join(set_here)}.")
    return argv


def run_all(commands: list[Command]) -> int:
    """Runs all commands at once; 0 when all succeed, else the status of the first that failed.

    When one fails the others have `GRACE_SECONDS` to end before they are terminated.
    """
    text = {"encoding": "utf-8", "errors": "backslashreplace"}  # a file's name may hold any bytes
    running = [
        (command, subprocess.Popen(command.words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **text))
        for command in commands
    ]
    readers = [threading.Thread(target=_show, args=pair, daemon=True) for pair in running]
    for reader in readers:
        reader.start()
    failed, deadline = 0, None
    try:
        while any(process.poll() is None for _, process in running):
            failed = failed or next((process.returncode for _, process in running if process.returncode), 0)
            if failed and deadline is None:
                deadline = time.monotonic() + GRACE_SECONDS
            if deadline is not None and time.monotonic() > deadline:
                break
            time.sleep(0.2)
    finally:
        for _, process in running:
            process.terminate()
    statuses = [_ended(process) for _, process in running]
    for reader in readers:
        reader.join(timeout=5)
    return failed or next(filter(None, statuses), 0)


def _ended(process: subprocess.Popen) -> int:
    """The status of a process that was asked to end; one that does not is killed."""
    try:
        return process.wait(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _show(command: Command, process: subprocess.Popen) -> None:
    with process.stdout:
        for line in process.stdout:
            print(f"{command.host}: {line}", end="", flush=True)
