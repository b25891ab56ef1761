"""One measured number over several seeds: its mean, and Student's interval of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

LEVEL = 0.95


@dataclasses.dataclass(frozen=True)
class Pooled:
    """A number of `measures.json` that several runs have, measured alike.

    Attributes:
        number: the first of them.
        values: one a seed.
        seeds: whose they are.
    """

    number: dict
    values: tuple[float, ...]
    seeds: tuple[Any, ...]

    @property
    def mean(self) -> dict:
        """The number with the mean as its value, and with Student's interval; as it is where there is one seed."""
        if len(self.values) < 2:
            return self.number
        mean, half = interval(self.values)
        return {**self.number, "value": mean, "interval": [mean - half, mean + half]}


def pooled(measured: Iterable[tuple[Any, dict, dict]]) -> list[Pooled]:
    """Numbers that are measured alike, together: of one name, unit, protocol and count, after equal training.

    Args:
        measured: (seed, entry of `measures.json`, one of its numbers). A seed counts once: two runs of it would not be
            two draws.

    Returns:
        In the order in which the numbers first come.

    Example:
        >>> number = {"name": "top1", "value": 0.5, "unit": "share", "protocol": "first", "n": 9, "interval": None}
        >>> runs = [(0, {"made": {}}, number), (1, {"made": {}}, {**number, "value": 0.7})]
        >>> [(round(found.mean["value"], 3), found.seeds) for found in pooled(runs)]
        [(0.6, (0, 1))]
    """
    alike: dict[tuple, dict[Any, dict]] = {}
    for seed, entry, number in measured:
        key = (
            *map(entry["made"].get, ("checkpoint", "fingerprint")),
            *(number[name] for name in ("name", "unit", "protocol", "n")),
        )
        alike.setdefault(key, {}).setdefault(seed, number)
    return [
        Pooled(next(iter(found.values())), tuple(number["value"] for number in found.values()), tuple(found))
        for found in alike.values()
    ]


def width(seeds: int) -> float:
    """Half of Student's interval of a mean, in standard deviations of one seed: t / sqrt(n).

    Args:
        seeds: n, at least 2.

    Example:
        >>> [round(width(n), 2) for n in (2, 3, 5, 10)]
        [8.98, 2.48, 1.24, 0.72]
    """
    from scipy.special import stdtrit  # here: a report of single runs does not need it

    return float(stdtrit(seeds - 1, (1 + LEVEL) / 2) / np.sqrt(seeds))


def about(found: Sequence[Pooled]) -> str:
    """How wide their intervals are, in words."""
    counts = sorted({len(each.values) for each in found})
    widths = [f"over {count} seeds it is {width(count):.1f} standard deviations wide each way" for count in counts]
    few = "; few seeds say little of how far another would be off" if counts and counts[0] <= 3 else ""
    return f"Student's interval of the mean: {', '.join(widths)}{few}."


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean of values, one a seed, and half of Student's interval of it; NaN for the half of a single one.

    Example:
        >>> [round(number, 3) for number in interval([70.0, 71.0, 72.0])]
        [71.0, 2.484]
    """
    mean = float(np.mean(values))
    return mean, width(len(values)) * float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def difference(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Mean of the first minus mean of the second, and half of Welch's interval of it (Welch, 1947).

    Args:
        first, second: one value a seed, at least two of each; spreads and numbers of seeds may differ.

    Returns:
        (difference, half of the interval of 95 %); where neither varies the half is 0.

    Example:
        >>> [round(number, 3) for number in difference([98.0, 98.4, 98.2], [97.0, 97.6, 97.3])]
        [0.9, 0.613]
    """
    from scipy.special import stdtrit

    means = [float(np.mean(values)) for values in (first, second)]
    squares = [float(np.var(values, ddof=1)) / len(values) for values in (first, second)]
    total = sum(squares)
    if not total:
        return means[0] - means[1], 0.0
    freedom = total**2 / sum(square**2 / (len(values) - 1) for square, values in zip(squares, (first, second)))
    return means[0] - means[1], float(stdtrit(freedom, (1 + LEVEL) / 2) * np.sqrt(total))
