"""The directory of a run: its experiment, the software that made it, and whether a command may continue it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import platform
import subprocess
from importlib import metadata

import supcon_tf
from supcon_tf import settings
from supcon_tf.config import Experiment

# What a run leaves before its first epoch ends: a directory with these alone is free.
OWN_FILES = (
    "checkpoints",
    "config.json",
    "config.json.new",
    "environment.json",
    "environment.json.new",
    "data",
    "data.json",
    "data.json.new",
    "lock",
    "tensorboard",
)
PACKAGES = ("tensorflow", "keras", "tensorflow-addons", "tensorflow-datasets", "numpy", "absl-py")


def check_run_directory(directory: pathlib.Path, experiment: Experiment) -> None:
    """Refuses a directory that the experiment may not use; writes nothing.

    Raises:
        ValueError: the path is a file or not writable, holds other things than a run, or holds a run of another
            experiment or of other software: the message lists what differs.
    """
    try:
        if has_started(directory):
            _check_same(directory, experiment)
        else:
            _check_free(directory)
    except OSError as error:
        raise ValueError(f"cannot use {directory} as a run directory: {error.strerror} ({error.filename}).") from error


def open_run_directory(directory: pathlib.Path, experiment: Experiment) -> None:
    """Makes the directory of a run, or checks that it belongs to the same experiment; raises as `check_run_directory`.

    Called by the process that holds the directory (`exclusive`): two that begin together do not mix their files.
    `environment.json` names the software that began the run. Until something has trained, the experiment may change.
    """
    check_run_directory(directory, experiment)
    if has_started(directory):
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the run directory {directory}: {error.strerror}.") from error
    replace_text(directory / "config.json", settings.to_json(experiment))
    replace_text(directory / "environment.json", json.dumps(environment(), indent=2) + "\n")


def keep_same_data(directory: pathlib.Path, name: str, fingerprint: str) -> None:
    """Notes which data a run is trained on; ValueError when a run that has started was trained on other data."""
    path = directory / "data.json"
    if has_started(directory) and path.exists():
        begun = read_object(path)
        if begun != {"name": name, "fingerprint": fingerprint}:
            raise ValueError(
                f"{name} is not what the run in {directory} was begun with: {begun.get('fingerprint')} then, "
                f"{fingerprint} now. Bring the data back, or use another --workdir."
            )
    replace_text(path, json.dumps({"name": name, "fingerprint": fingerprint}) + "\n")


def has_started(directory: pathlib.Path) -> bool:
    """Whether anything has been trained in a run directory."""
    return any((directory / name).exists() for name in ("metrics.jsonl", "summary.json")) or any(
        directory.glob("checkpoints/*/*.sha256")
    )


@contextlib.contextmanager
def exclusive(directory: pathlib.Path):
    """Makes a run directory and holds it for this process, however that ends.

    Raises:
        ValueError: another process trains in it, or it cannot be made or written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / "lock").open("w")
    except OSError as error:
        raise ValueError(f"cannot write to the run directory {directory}: {error.strerror}.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another process is training in {directory}; wait for it, or use another --workdir."
            ) from None
        yield


def replace_text(path: pathlib.Path, text: str) -> None:
    """Writes a file whole or not at all: an interruption leaves the old one."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # or the new name could be there after a power cut, and not the text
    new.replace(path)


def _check_same(directory: pathlib.Path, experiment: Experiment) -> None:
    different = settings.differences(read_object(directory / "config.json"), experiment)
    if different:
        lines = "\n  ".join(different)
        raise ValueError(
            f"{directory} holds a run of another experiment. It differs in (saved -> now)\n  {lines}\n"
            f"Use another --workdir, or the command of the saved run to continue it."
        )
    if (directory / "summary.json").exists():
        return
    saved, now = (_software(facts) for facts in (read_object(directory / "environment.json"), environment()))
    other = [f"{name}: {saved[name]} -> {now[name]}" for name in now if saved[name] != now[name]]
    if other:
        lines = "\n  ".join(other)
        raise ValueError(
            f"{directory} was begun with other software (saved -> now)\n  {lines}\nIts checkpoints may not fit, and "
            "the result would be that of neither. Continue with what began it, or use another --workdir."
        )


def _software(facts: dict) -> dict:
    """Those of the versions in `environment` that have to stay the same through a run."""
    packages = facts.get("packages")
    packages = packages if isinstance(packages, dict) else {}
    return {
        "supcon_tf": facts.get("supcon_tf"),
        "tensorflow": packages.get("tensorflow"),
        "keras": packages.get("keras"),
    }


def read_summary(directory: pathlib.Path) -> dict:
    """What `summary.json` of a finished run holds."""
    return read_object(directory / "summary.json", "remove it, and the same command evaluates the run again.")


def read_object(path: pathlib.Path, advice: str = "bring it back from a copy, or use another --workdir.") -> dict:
    """The JSON object in a file of a run; ValueError with `advice` where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, FileNotFoundError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error
        raise ValueError(f"{path} is missing or not readable as JSON ({reason}); {advice}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no JSON object; {advice}")
    return found


def _check_free(directory: pathlib.Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise ValueError(f"{directory} is a file; name another --workdir.")
    found = sorted(path.name for path in directory.iterdir()) if directory.exists() else []
    foreign = [name for name in found if name not in OWN_FILES]
    if foreign:
        raise ValueError(
            f"{directory} is not empty and is no run directory (it has {', '.join(foreign[:3])}"
            f"{' ...' if len(foreign) > 3 else ''}). Name a new or empty --workdir."
        )
    if directory.exists() and not os.access(directory, os.W_OK):
        raise ValueError(f"the run directory {directory} is not writable; name another --workdir.")


def environment() -> dict:
    """Versions and machine facts that a result depends on."""
    return {
        "supcon_tf": supcon_tf.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "machine": platform.machine(),
        "system": platform.system(),
        "cpus": os.cpu_count(),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """The commit of the source tree, with `+changes` where it was edited; empty outside a git checkout."""
    root = pathlib.Path(supcon_tf.__file__).parent
    try:
        show = ["git", "-C", str(root), "describe", "--always", "--dirty=+changes", "--abbrev=12", "--exclude=*"]
        return subprocess.run(show, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
