"""What runs were measured for, set by set: entries of their `measures.json`, as the sections of a report take them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from supcon_tf.report.runs import Run


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a run was measured for on one set of images: entries of its `measures.json`."""

    run: Run
    entries: tuple[dict, ...]

    @property
    def name(self) -> str:
        """The experiment and its seed; a model file has none."""
        name = self.run.summary["experiment"]
        return name if self.run.seed is None else f"{name}, seed {self.run.seed}"

    @property
    def numbers(self) -> list[tuple]:
        """(seed, entry, number), as `seeds.pooled` takes them."""
        return [(self.run.seed, entry, number) for entry in self.entries for number in entry.get("numbers", [])]


def by_data(everything: Sequence[Measured]) -> dict[str, list[Measured]]:
    """By the images that were measured on, in words: runs with their entries of these."""
    found: dict[str, list[Measured]] = {}
    for measured in everything:
        data: dict[str, list[dict]] = {}
        for entry in measured.entries:
            data.setdefault(data_of(entry), []).append(entry)
        for name, entries in data.items():
            found.setdefault(name, []).append(Measured(measured.run, tuple(entries)))
    return found


def data_of(entry: dict) -> str:
    """A set, and what of it where that is not all: "digits, test_split test[:50%]"."""
    data = entry["made"]["data"]
    return ", ".join([data["name"], *(f"{key} {data[key]}" for key in ("train_split", "test_split") if data.get(key))])
