"""The directory of a run: its files by name, whether a command may use it, and who holds it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pathlib
from typing import Optional, Union

import numpy as np

from supcon_tf import settings
from supcon_tf.config import LAYOUT, Experiment, numbers_depend_on_layout
from supcon_tf.paths import shown, spellable
from supcon_tf.records.environment import environment, software
from supcon_tf.records.files import finished, read_arrays, read_object, replace_text

# What a run leaves before its first epoch ends: a directory with these alone is free.
_EARLY = ("checkpoints", "config.json", "environment.json", "data", "data.json", "lock", "tensorboard")


class RunDirectory:
    """A run directory; making this object touches nothing.

    Args:
        path: of the directory, which need not exist.

    Attributes:
        path: likewise.
    """

    def __init__(self, path: Union[str, pathlib.Path]):
        self.path = pathlib.Path(path)
        self._lock: Optional[int] = None  # file number of the lock, while this process holds the directory

    def __str__(self) -> str:
        return shown(str(self.path))

    @property
    def config(self) -> pathlib.Path:
        """The experiment, as JSON."""
        return self.path / "config.json"

    @property
    def environment(self) -> pathlib.Path:
        """The software that began the run."""
        return self.path / "environment.json"

    @property
    def data(self) -> pathlib.Path:
        """Which data the run was begun with, and how its networks want images."""
        return self.path / "data.json"

    @property
    def metrics(self) -> pathlib.Path:
        """A record of every epoch (`records.metrics`)."""
        return self.path / "metrics.jsonl"

    @property
    def summary(self) -> pathlib.Path:
        """The result; a run that has it is complete."""
        return self.path / "summary.json"

    @property
    def evaluation(self) -> pathlib.Path:
        """Embeddings and predictions of the test images, and pictures for the report."""
        return self.path / "evaluation.npz"

    @property
    def measures(self) -> pathlib.Path:
        """What the trained networks are worth (`run.evaluating`)."""
        return self.path / "measures.json"

    @property
    def report(self) -> pathlib.Path:
        """All of it as pictures."""
        return self.path / "report.html"

    def checkpoints(self, stage: str) -> pathlib.Path:
        """The newest checkpoints of a stage."""
        return self._for_tensorflow / "checkpoints" / stage

    def tensorboard(self, stage: str) -> pathlib.Path:
        """TensorBoard's event files of a stage."""
        return self._for_tensorflow / "tensorboard" / stage

    @property
    def _for_tensorflow(self) -> pathlib.Path:
        """The directory by a name that TensorFlow can spell."""
        return pathlib.Path(spellable(os.path.abspath(self.path)))

    @property
    def has_started(self) -> bool:
        """Whether anything has been trained here."""
        checkpoints = self.path.glob("checkpoints/*/*.sha256")
        return self.metrics.exists() or self.summary.exists() or any(checkpoints)

    def require_run(self) -> None:
        """ValueError where the directory holds no run."""
        if not self.config.exists():
            raise ValueError(
                f"{self} holds no run: it has no {self.config.name}. Name the --workdir of a run; of a comparison, one "
                "of its directories EXPERIMENT/seed_N."
            )

    def check(self, experiment: Experiment) -> None:
        """Refuses a directory that the experiment may not use; writes nothing.

        Raises:
            ValueError: the path is a file or not writable, holds other things than a run, or holds a run of another
                experiment or of other software: the message lists what differs.
        """
        try:
            if self.has_started:
                self._check_same(experiment)
            else:
                self._check_free()
        except OSError as error:
            raise ValueError(f"cannot use {self} as a run directory: {error.strerror} ({error.filename}).") from error

    def open(self, experiment: Experiment) -> None:
        """Makes the directory of a run, or checks that it belongs to the same experiment; raises as `check`.

        Called by the process that holds the directory: two that begin together do not mix their files. The
        environment is that of the software that began the run. Until something has trained, the experiment may change;
        after that its layout, where the numbers do not depend on it. The records say how many replicas made them.
        """
        self.check(experiment)
        if self.has_started:
            moved = settings.differences(read_object(self.config), experiment)
            if moved and not self.summary.exists():
                print(f"{self} goes on in another layout (saved -> now)\n  {settings.listed(moved)}", flush=True)
                self.write(self.config, settings.to_json(experiment))
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"cannot make the run directory {self}: {error.strerror}.") from error
        self.write(self.config, settings.to_json(experiment))
        self.write(self.environment, json.dumps(environment(), indent=2) + "\n")

    def keep_same_data(self, name: str, fingerprint: str, **facts) -> None:
        """Notes which data a run is trained on; ValueError when one that has started was trained on other data.

        Args:
            name: of the data set.
            fingerprint: of its images.
            facts: what else a person needs who uses the trained networks, such as the whitening.
        """
        now = {"name": name, "fingerprint": fingerprint}
        if self.has_started and self.data.exists():
            begun = read_object(self.data)
            if {key: begun.get(key) for key in now} != now:
                raise ValueError(
                    f"{name} is not what the run in {self} was begun with: {begun.get('fingerprint')} then, "
                    f"{fingerprint} now. Bring the data back, or use another --workdir."
                )
        self.write(self.data, json.dumps({**now, **facts}, indent=2) + "\n")

    def read_summary(self) -> dict:
        """What a finished run says of itself; ValueError where its file is damaged."""
        return read_object(self.summary, "remove it, and the same command evaluates the run again.")

    def read_evaluation(self, *names: str) -> dict[str, np.ndarray]:
        """Arrays of `evaluation`, those called `names` or all; ValueError where the file is damaged."""
        advice = f"Remove it and {self.summary.name}: the command of the run evaluates again."
        return read_arrays(self.evaluation, advice, names=names)

    def write(self, path: pathlib.Path, text: str) -> None:
        """Writes one of the files whole or not at all, after `verify`."""
        self.verify()
        replace_text(path, text)

    @contextlib.contextmanager
    def held(self):
        """Makes the directory and holds it for this process, however that ends.

        Raises:
            ValueError: another process trains in it, or it cannot be made or written to.
        """
        import fcntl  # Linux and macOS; a report of finished runs can be made without it

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise ValueError(f"cannot write to the run directory {self}: {error.strerror}.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._lock = lock
            yield
        except BlockingIOError:
            raise ValueError(f"another process is training in {self}; wait for it, or use another --workdir.") from None
        finally:
            self._lock = None
            os.close(lock)

    def is_held(self) -> bool:
        """Whether a process holds the directory now."""
        if not (self.path / "lock").exists():
            return False
        try:
            with self.held():
                return False
        except ValueError:
            return True

    def verify(self) -> None:
        """OSError where the directory that this process holds is not the one that is there now.

        A process that was stopped goes on when its directory was removed, and perhaps begun anew by another: it must
        not write into the run of that one.
        """
        if self._lock is None:
            return
        ours = os.fstat(self._lock)
        try:
            there = os.stat(self.path / "lock", follow_symlinks=False)
        except FileNotFoundError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            raise OSError(
                errno.ESTALE,
                "the run directory was removed, or begun anew by another process, while this one trained; nothing "
                "more is written to it",
                str(self.path),
            )

    def _check_same(self, experiment: Experiment) -> None:
        different = settings.differences(read_object(self.config), experiment)
        if numbers_depend_on_layout(experiment) or not set(different) <= set(LAYOUT):
            _refuse(self, different)
        if self.summary.exists():
            return
        saved, now = (software(facts) for facts in (read_object(self.environment), environment()))
        other = [f"{name}: {saved[name]} -> {now[name]}" for name in now if saved[name] != now[name]]
        if other:
            lines = "\n  ".join(other)
            raise ValueError(
                f"{self} was begun with other software (saved -> now)\n  {lines}\nIts checkpoints may not fit, and "
                "the result would be that of neither. Continue with what began it, or use another --workdir."
            )

    def _check_free(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"{self} is a file; name another --workdir.")
        found = sorted(path.name for path in self.path.iterdir()) if self.path.exists() else []
        foreign = [name for name in found if finished(name) not in _EARLY]
        if foreign:
            raise ValueError(
                f"{self} is not empty and is no run directory (it has {', '.join(foreign[:3])}"
                f"{' ...' if len(foreign) > 3 else ''}). Name a new or empty --workdir."
            )
        if self.path.exists() and not os.access(self.path, os.W_OK):
            raise ValueError(f"the run directory {self} is not writable; name another --workdir.")


def _refuse(directory: RunDirectory, different: dict) -> None:
    """Raises for the settings in which an experiment differs from the one whose run lies here."""
    if different:
        raise ValueError(
            f"{directory} holds a run of another experiment. It differs in (saved -> now)\n  "
            f"{settings.listed(different)}\nUse another --workdir, or the command of the saved run to continue it."
        )
