"""The software and machine that a result depends on, and the memory that this process uses."""

from __future__ import annotations

import os
import pathlib
import platform
import resource
import subprocess
from importlib import metadata

import supcon_tf

PACKAGES = ("tensorflow", "keras", "tensorflow-addons", "tensorflow-datasets", "numpy", "absl-py")
_STATUS = pathlib.Path("/proc/self/status")


def environment() -> dict:
    """Versions and machine facts, as `environment.json` keeps them."""
    return {
        "supcon_tf": supcon_tf.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "machine": platform.machine(),
        "system": platform.system(),
        "cpus": os.cpu_count(),
        "onednn": onednn(),
    }


def onednn() -> str:
    """Whether oneDNN computes on the CPU, as TF_ENABLE_ONEDNN_OPTS says."""
    chosen = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "").lower()
    return {"1": "on", "true": "on", "0": "off", "false": "off"}.get(chosen, "as TensorFlow chooses")


def software(facts: dict) -> dict:
    """Those of the versions in `environment` that have to stay the same through a run; None where not named."""
    packages = facts.get("packages")
    packages = packages if isinstance(packages, dict) else {}
    return {
        "supcon_tf": facts.get("supcon_tf"),
        "tensorflow": packages.get("tensorflow"),
        "keras": packages.get("keras"),
    }


def memory() -> dict[str, float]:
    """Memory of this process in MB of 1e6 bytes: "memory_mb" resident now, and "memory_peak_mb", the most so far.

    Both where the system has `/proc`, the second alone elsewhere.
    """
    if _STATUS.exists():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
        kib = {"memory_mb": lines["VmRSS"], "memory_peak_mb": lines["VmHWM"]}
        return {name: int(value.split()[0]) * 1024 / 1e6 for name, value in kib.items()}
    return {"memory_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}  # macOS counts bytes


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
