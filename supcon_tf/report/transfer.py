"""The report's part of transfer to other sets: bars, all numbers to be opened, and why others are not there."""

from __future__ import annotations

from collections.abc import Sequence

from supcon_tf.records.measures import interval_of, value_of
from supcon_tf.report import page, seeds
from supcon_tf.report.measured import Measured, data_of
from supcon_tf.report.runs import RunGroup
from supcon_tf.report.transfer_bars import WAYS, Bar, bars, legend


def transfer_part(groups: Sequence[RunGroup], transferred: Sequence[Sequence[Measured]]) -> list[str]:
    """Markup, nothing where nothing was transferred.

    Args:
        groups: experiments.
        transferred: of each, its runs with their entries of transfer.
    """
    found = [
        (tone, group, way, alike)
        for tone, (group, measured) in enumerate(zip(groups, transferred))
        for way in WAYS
        for alike in _alike(measured, way)
    ]
    why = list(map(page.note, _reasons(groups, transferred)))
    if not (found or why):
        return []
    html = ["<h3>Transfer to other sets</h3>"]
    if found:
        drawn = [Bar(*_set_of(alike.number), way, alike.mean, tone, _whose(group, alike))
                 for tone, group, way, alike in found]  # fmt: skip
        several = [alike for *_, alike in found if len(alike.values) > 1]
        html += _figure(groups, drawn, several)
    return html + why


def _reasons(groups: Sequence[RunGroup], transferred: Sequence[Sequence[Measured]]) -> list[str]:
    """Why numbers are not there, once for all seeds that have the same reason."""
    seeds_of: dict[str, dict] = {}
    for group, measured in zip(groups, transferred):
        for each in measured:
            for entry in each.entries:
                if "why_not" in entry:
                    reason = f"{group.name}, {data_of(entry)}, {WAYS[entry['measure']]}: {entry['why_not']}"
                    seeds_of.setdefault(reason, {})[each.run.seed] = True
    return [f"{reason} (seed {', '.join(map(str, found))})." for reason, found in seeds_of.items()]


def _alike(measured: Sequence[Measured], way: str) -> list[seeds.Pooled]:
    """Numbers of one way, set by set, together where several seeds have them."""
    triples = [
        (seed, entry, {**number, "details": {**(number.get("details") or {}), "data": data_of(entry)}})
        for each in measured
        for seed, entry, number in each.numbers
        if entry["measure"] == way
    ]
    sets = dict.fromkeys(_set_of(number) for _, _, number in triples)
    return [alike for name in sets for alike in seeds.pooled(t for t in triples if _set_of(t[2]) == name)]


def _set_of(number: dict) -> tuple[str, str]:
    """A set, and what the number is of: ("oxford_iiit_pet", "mean per class")."""
    details = number["details"]
    return details.get("set", details["data"]), details.get("measure", "")


def _whose(group: RunGroup, alike: seeds.Pooled) -> str:
    count = len(alike.seeds)
    return f"{group.name}, " + (f"{count} seeds" if count > 1 else f"seed {alike.seeds[0]}")


def _figure(groups: Sequence[RunGroup], drawn: Sequence[Bar], several: Sequence[seeds.Pooled]) -> list[str]:
    caption = "Test images, each set by its own measure. Whiskers: 95 % over test images"
    caption += ", of a mean of seeds over seeds." if several else "."
    chart = page.figure("Linear, and fine-tuned" if len({bar.way for bar in drawn}) > 1 else WAYS[drawn[0].way].title(),
                        legend(drawn) + bars(drawn), caption=caption)  # fmt: skip
    rows = [
        (bar.set, WAYS[bar.way], bar.label, value_of(bar.number), interval_of(bar.number, " \u2013 "),
         f"{bar.number['n']:,}", bar.number["protocol"])
        for bar in drawn
    ]  # fmt: skip
    head = ("Set", "Way", "Of", "Value", "Interval", "n", "How")
    table = page.table(head, [list(map(page.escape, row)) for row in rows], kind="results", numbers=(3, 4, 5))
    return [
        page.legend([group.name for group in groups]),
        page.pair([chart]),
        *([page.note(seeds.about(several))] if several else []),
        page.details(f"{len(drawn)} numbers of transfer", table),
    ]
