"""How much memory a process uses, and the most it has used since a moment; Linux."""

from __future__ import annotations

import pathlib

_STATUS = pathlib.Path("/proc/self/status")
_RESET = pathlib.Path("/proc/self/clear_refs")


def resident_mb() -> float:
    """Resident memory now, in units of 1e6 bytes."""
    return _field("VmRSS")


def forget_peak() -> None:
    """Starts a new reading of `peak_mb`."""
    _RESET.write_text("5")


def peak_mb() -> float:
    """Most resident memory since `forget_peak`, in units of 1e6 bytes."""
    return _field("VmHWM")


def _field(name: str) -> float:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"{_STATUS} has no line {name}: memory is measured on Linux only.")
