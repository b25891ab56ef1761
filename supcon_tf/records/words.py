"""Numbers as a person says them."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """`41.2 s`, `25 min`, `3.43 h`: seconds in the unit that a person would choose; a dash where they are not known."""
    if not math.isfinite(seconds):
        return "-"
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
