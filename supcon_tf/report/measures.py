"""The report's section of what was measured of trained networks: `measures.json` of every run that has one."""

from __future__ import annotations

from collections.abc import Sequence

from supcon_tf.records import pictures
from supcon_tf.records.measures import interval_of, read, shown, value_of
from supcon_tf.report import measure_pictures, page, seeds
from supcon_tf.report.measure_figures import charts
from supcon_tf.report.measured import Measured, by_data
from supcon_tf.report.runs import RunGroup
from supcon_tf.report.transfer import transfer_part
from supcon_tf.report.transfer_bars import WAYS

PARTS = ("error_", "ece_severity_")  # of robustness, beside its means


def measures_section(groups: Sequence[RunGroup]) -> str:
    """Tables and pictures of what `launch.evaluate` found; nothing where it found nothing."""
    html, transferred = [], []
    for tone, group in enumerate(groups):
        entries = [(run, read(run.directory.measures)) for run in group.runs]
        own, other = (
            [
                Measured(run, tuple(entry for entry in found if (entry["measure"] in WAYS) == transfer))
                for run, found in entries
            ]
            for transfer in (False, True)
        )
        transferred.append(other)
        for data, measured in by_data(own).items():
            html += _of_group(measured, data, tone)
    html += transfer_part(groups, transferred)
    lead = "Written by launch.evaluate; each line says how it is measured. Intervals are of 95 %."
    return page.section("Measures of the trained networks", html, lead=lead) if html else ""


def _of_group(measured: Sequence[Measured], data: str, tone: int) -> list[str]:
    """Runs of one experiment on one set: what they are on average, and each; pictures of the first."""
    if len(measured) == 1:
        return [_heading(f"{measured[0].name}, on {data}", tone), *_of_run(measured[0], tone)]
    name, count = measured[0].run.summary["experiment"], len(measured)
    html = [_heading(f"{name}, {count} runs, on {data}", tone), *_over_seeds(measured)]
    html += [page.details(f"Seed {each.run.seed}", "".join(_numbers(each))) for each in measured]
    return html + _pictures(measured[0], tone, title=f"Pictures of seed {measured[0].run.seed}")


def _over_seeds(measured: Sequence[Measured]) -> list[str]:
    """Means with Student's interval of what two seeds or more have, measured alike."""
    everything = seeds.pooled(triple for each in measured for triple in each.numbers)
    found = [each for each in everything if len(each.values) > 1]
    alone = len(everything) - len(found)
    told = (
        f"{alone} numbers are of one seed, or were measured in another way than those of the others: they stand below."
    )
    notes = [page.note(seeds.about(found))] if found else []
    return [*notes, *_folded(found, _seed_table), *([page.note(told)] if alone else [])]


def _seed_table(found: Sequence[seeds.Pooled]) -> str:
    rows = []
    for each in found:
        mean = each.mean
        single = ", ".join(shown(mean, value) for value in each.values)
        cells = (mean["name"], value_of(mean), interval_of(mean, " \u2013 "), single, ", ".join(map(str, each.seeds)))
        rows.append([*map(page.escape, cells), page.escape(mean["protocol"])])
    head = ("Measure", "Mean", "Interval", "Each seed", "Seeds", "How")
    return page.table(head, rows, kind="results", numbers=(1, 2, 3, 4))


def _of_run(measured: Measured, tone: int) -> list[str]:
    return _numbers(measured) + _pictures(measured, tone)


def _numbers(measured: Measured) -> list[str]:
    """What matters, the many numbers of corrupted images to be opened, and why others are not there."""
    numbers = [number for _, _, number in measured.numbers]
    why = [page.note(f"{entry['measure']}: {entry['why_not']}.") for entry in measured.entries if "why_not" in entry]
    return _folded(numbers, _table) + why


def _folded(found: Sequence, table) -> list[str]:
    """A table of numbers (dicts, or `Pooled`), and one to be opened of those by corruption and severity."""
    names = [(each if isinstance(each, dict) else each.number)["name"] for each in found]
    parts = [each for each, name in zip(found, names) if name.startswith(PARTS)]
    whole = [each for each, name in zip(found, names) if not name.startswith(PARTS)]
    folded = [page.details(f"{len(parts)} numbers by corruption and severity", table(parts))] if parts else []
    return ([table(whole)] if whole else []) + folded


def _table(numbers: Sequence[dict]) -> str:
    cells = [(n["name"], value_of(n), interval_of(n, " \u2013 "), f"{n['n']:,}", n["protocol"]) for n in numbers]
    rows = [list(map(page.escape, row)) for row in cells]
    return page.table(("Measure", "Value", "Interval", "n", "How"), rows, kind="results", numbers=(1, 2, 3))


def _pictures(measured: Measured, tone: int, *, title: str = "") -> list[str]:
    """Charts, and images where the evaluation kept some."""
    numbers = [number for _, _, number in measured.numbers]
    html = [charts(numbers, tone)]
    for entry in measured.entries:
        images = pictures.read(measured.run.directory, entry)
        if images is None:
            continue
        found = next((n["details"] for n in entry["numbers"] if "images" in (n.get("details") or {})), None)
        html.append(measure_pictures.neighbours(found, images) if found else
                    measure_pictures.corruptions(entry["numbers"], images))  # fmt: skip
    html = [part for part in html if part]
    return [page.note(title), *html] if html and title else html


def _heading(title: str, tone: int) -> str:
    return f"<h3>{page.chip(tone)}{page.escape(title)}</h3>"
