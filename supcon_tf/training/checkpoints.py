"""Checkpoints of one stage: written whole or not at all, checked when they are read, the newest good one restored.

Step 1200 of a stage is `step-1200.index` and `step-1200.data-*` (TensorFlow's), `step-1200.json` (what was measured of
an epoch that goes on) and `step-1200.sha256`, the sums of the others as `sha256sum -c` takes them. The sums are
written last: files without them are what an interruption left, and no checkpoint.

A step is a state: one that is saved once more, as where a run goes on at an evaluation, keeps the files of its state,
and what was measured is replaced beside them. In between the sums leave that out: the checkpoint is whole at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
import shutil
from typing import Callable, NamedTuple, Optional

import tensorflow as tf

from supcon_tf.failures import system_number, system_reason
from supcon_tf.records.files import read_object, replace_text
from supcon_tf.training.state import StageState

KEPT = 3  # newest checkpoints of a stage
_NAME = re.compile(r"step-[0-9]+\.sha256")


class Saved(NamedTuple):
    """Where a stage stands."""

    step: int  # steps done
    progress: dict  # what was handed to `save`


class StageCheckpoints:
    """The newest checkpoints of a stage in `<run directory>/checkpoints/<stage>`.

    Args:
        state: of the stage.
        directory: where they are written.
        read_from: where they are read; default `directory`. On several hosts all take part in writing, each to a
            directory of its own, and all read what the chief wrote.
        verify: raises OSError where `directory` is no longer that of this run (`RunDirectory.verify`).
    """

    def __init__(
        self,
        state: StageState,
        directory: pathlib.Path,
        read_from: Optional[pathlib.Path] = None,
        verify: Callable[[], None] = lambda: None,
    ):
        self._state, self._verify = state, verify
        self._directory, self._read_from = directory, read_from or directory
        self._checkpoint = state.trackable()
        self._good: list[int] = []  # steps of whole checkpoints, oldest first

    def restore(self) -> Saved:
        """Brings back the newest checkpoint that is whole; says in a line of each newer one that it is damaged.

        Raises:
            ValueError: there are checkpoints and all are damaged, or the newest whole one is of other networks.
        """
        path, steps = newest_whole(self._read_from), _steps(self._read_from)
        if path:
            self._read(path)
            step = _step_of(path)
            self._good = [good for good in steps if good <= step]
            return Saved(step, read_object(path.with_suffix(".json"), "remove this checkpoint, to use the one before."))
        if steps:
            raise ValueError(
                f"all {len(steps)} checkpoints in {self._read_from} are damaged. Bring the files back from a copy, "
                "remove the directory to begin the stage anew, or use another --workdir."
            )
        return Saved(0, {})

    def save(self, progress: dict) -> None:
        """Writes a checkpoint of the state as it is now, and removes those that are too many.

        Args:
            progress: kept with it, as JSON.

        Raises:
            OSError: it could not be written, as on a full disk. All checkpoints are as they were, one of this step too.
        """
        self._verify()
        step = int(self._state.step.numpy())
        path = self._directory / f"step-{step}"
        again = step in self._good and not _damage(path)
        before = [good for good in self._good if good < step]
        try:
            for folder in (self._directory.parent, self._directory):  # a run directory that is gone stays so
                folder.mkdir(exist_ok=True)
            if again:
                replace_text(path.with_suffix(".sha256"), _sums(_files_of_state(path)))
            else:
                self._forget(step)
                self._checkpoint.write(str(path))
            replace_text(path.with_suffix(".json"), json.dumps(progress) + "\n")
            replace_text(path.with_suffix(".sha256"), _sums([*_files_of_state(path), path.with_suffix(".json")]))
        except (OSError, tf.errors.OpError) as error:
            if not again:
                self._forget(step)
            left = [*before, step] if again else before
            last = f"step {left[-1]}" if left else "the start of the stage"
            raise OSError(
                system_number(error),
                f"the checkpoint of step {step} could not be written ({system_reason(error)}). Nothing before it is "
                f"lost: mend that, and the same command continues from {last}",
                str(self._directory),
            ) from error
        self._good = [*before, step][-KEPT:]
        kept = {f"step-{good}" for good in self._good}
        _remove(path for path in self._directory.glob("step-*") if re.split("[._]", path.name)[0] not in kept)

    def _forget(self, step: int) -> None:
        """Removes whatever there is of a checkpoint, its sums first."""
        (self._directory / f"step-{step}.sha256").unlink(missing_ok=True)
        _remove(self._directory.glob(f"step-{step}[._]*"))

    def _read(self, path: pathlib.Path) -> None:
        try:
            self._checkpoint.read(str(path)).assert_existing_objects_matched()
        except (AssertionError, IndexError, ValueError, tf.errors.OpError) as error:
            raise ValueError(
                f"the checkpoint {path} does not fit this run ({system_reason(error)}). Use the command of the saved "
                "run, or another --workdir."
            ) from error


def newest_whole(directory: pathlib.Path) -> Optional[pathlib.Path]:
    """The newest checkpoint that is whole, `directory/step-N`; None where there is none.

    Says in a line of each newer one that it is damaged.
    """
    for step in reversed(_steps(directory)):
        path = directory / f"step-{step}"
        wrong = _damage(path)
        if not wrong:
            return path
        print(f"checkpoint {path} is damaged ({wrong}); taking the one before it", flush=True)
    return None


def _steps(directory: pathlib.Path) -> list[int]:
    """Steps of the checkpoints that were written to their end, oldest first."""
    return sorted(_step_of(path) for path in directory.glob("step-*.sha256") if _NAME.fullmatch(path.name))


def _step_of(path: pathlib.Path) -> int:
    return int(path.stem[len("step-") :])


def _sums(files: list[pathlib.Path]) -> str:
    """A line `<sha256>  <name>` for every file of a checkpoint, once they are on the disk."""
    lines = []
    for file in files:
        with file.open("rb+") as opened:
            os.fsync(opened.fileno())  # some file systems tell of a full disk only here
        lines.append(f"{_sum(file)}  {file.name}\n")
    return "".join(lines)


def _damage(path: pathlib.Path) -> str:
    """What is wrong with the files of a checkpoint; empty if nothing is."""
    try:
        written = path.with_suffix(".sha256").read_text(encoding="utf-8")
        listed = dict(reversed(line.split("  ")) for line in written.splitlines())
        for name in {f"{path.name}.index", *listed}:
            if not path.with_name(name).exists():
                return f"{name} is missing"
            if listed.get(name) != _sum(path.with_name(name)):
                return f"{name} is not what its sum says"
        if not path.with_suffix(".json").exists():  # whole by itself where it is being replaced, and not listed
            return f"{path.name}.json is missing"
    except (OSError, ValueError) as error:
        return f"its sums cannot be read: {error}"
    return ""


def _files_of_state(path: pathlib.Path) -> list[pathlib.Path]:
    """TensorFlow's files of a checkpoint."""
    return sorted([path.with_name(f"{path.name}.index"), *path.parent.glob(f"{path.name}.data-*")])


def _sum(file: pathlib.Path) -> str:
    sha256 = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            sha256.update(block)
    return sha256.hexdigest()


def _remove(paths) -> None:
    """Removes files, and what TensorFlow leaves of a checkpoint that it did not finish."""
    for path in list(paths):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
