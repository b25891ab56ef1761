"""The directory of a run: its experiment, the software that made it, and whether a command may continue it."""

from __future__ import annotations

import json
import os
import pathlib
import platform
import subprocess
from importlib import metadata

import supcon_tf
from supcon_tf import settings
from supcon_tf.config import Experiment

PACKAGES = ("tensorflow", "keras", "tensorflow-addons", "tensorflow-datasets", "numpy", "absl-py")


def open_run_directory(directory: pathlib.Path, experiment: Experiment) -> None:
    """Makes the directory of a run, or checks that it belongs to the same experiment.

    Raises:
        ValueError: the path is a file or not writable, holds other things than a run, or holds a run of another
            experiment: the message lists the fields that differ.
    """
    saved = directory / "config.json"
    if saved.exists():
        _check_same(saved, experiment)
    else:
        _check_empty(directory)
        saved.write_text(settings.to_json(experiment), encoding="utf-8")
    (directory / "environment.json").write_text(json.dumps(environment(), indent=2) + "\n", encoding="utf-8")


def _check_same(saved: pathlib.Path, experiment: Experiment) -> None:
    try:
        then = json.loads(saved.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{saved} is not readable as JSON ({error}); use another --workdir.") from error
    different = settings.differences(then, experiment)
    if different:
        lines = "\n  ".join(different)
        raise ValueError(
            f"{saved.parent} holds a run of another experiment. It differs in (saved -> now)\n  {lines}\n"
            f"Use another --workdir, or the command of the saved run to continue it."
        )


def _check_empty(directory: pathlib.Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        found = sorted(path.name for path in directory.iterdir())
    except OSError as error:
        raise ValueError(f"cannot make the run directory {directory}: {error.strerror}.") from error
    if found:
        raise ValueError(
            f"{directory} is not empty and is no run directory (it has no config.json; it has {', '.join(found[:3])}"
            f"{' ...' if len(found) > 3 else ''}). Name a new or empty --workdir."
        )
    if not os.access(directory, os.W_OK):
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
