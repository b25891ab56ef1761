"""Writes what was measured into the documents, from the records beside them, so that nobody types a number.

    python -m launch.results
    python -m launch.results --tables_of=runs/tables

Between the lines `<!-- results: WHAT -->` and `<!-- end -->` of a document stands WHAT: `table_2_digits` is a table
that launch.reproduce measured, `table_2_digits | measured, paper` some columns of it, `runs digits, cifar10_small` the
runs of folders, `trials_cifar10` what was tried before a recipe was chosen, and `trials_cifar10 | loss.temperature` the
trials that differ from the recipe in these settings, or some of them, and in nothing else. All are read from
experiments/results/; `--tables_of` first copies the tables of a directory there: what they do not have yet stands
as not measured, with its cost. The pictures of docs/pictures/ that explain the loss are drawn anew.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
from collections.abc import Sequence

import numpy as np
from absl import flags

from launch.endings import plain_endings, quiet
from launch.flags import define_directory, refuse_strays, run_app
from supcon_tf.records import results, words
from supcon_tf.records.files import read_object, replace_text
from supcon_tf.report import paper_table
from supcon_tf.report.paper_figure import figure, standalone
from supcon_tf.report.report import summary_markdown
from supcon_tf.tables import text_of

FLAGS = flags.FLAGS
define_directory("tables_of", "directory of launch.reproduce, whose measured tables are copied to the results first")

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "experiments" / "results"
MEANS = ("validation_accuracy", "seconds")  # of trials that differ in their seed alone
BLOCK = re.compile(r"(<!-- results: (?P<what>[^\n]+) -->\n).*?(<!-- end -->)", re.S)


def main(argv: list[str]) -> None:
    """Draws every table, and rewrites every block of every document."""
    quiet()
    with plain_endings():
        refuse_strays(argv)
        if FLAGS.tables_of:
            copy_tables(pathlib.Path(FLAGS.tables_of))
        draw()
        explain()
        for path in documents():
            text = path.read_text(encoding="utf-8")
            new = written(text, path)
            if new != text:
                path.write_text(new, encoding="utf-8")
                print(f"{path.relative_to(ROOT)} written", flush=True)


def draw() -> None:
    """The figure of every table, beside it."""
    for path in sorted(RESULTS.glob("table_*.json")):
        replace_text(path.with_suffix(".svg"), picture_of(path))


def explain() -> None:
    """The pictures that explain the loss, asked of the loss itself."""
    from benchmarks import pictures  # TensorFlow, which tables need not

    for name, picture in pictures.all_pictures().items():
        replace_text(ROOT / "docs" / "pictures" / name, picture)


def picture_of(path: pathlib.Path) -> str:
    """The figure of a measured table as an SVG file has it."""
    return standalone(figure(results.read(path)))


def documents() -> list[pathlib.Path]:
    """All documents of the repository."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "experiments").rglob("*.md")])


def written(text: str, path: pathlib.Path) -> str:
    """The text of the document at `path` with its blocks as the records have them; ValueError where one has none."""
    return BLOCK.sub(lambda block: f"{block[1]}{shown(block['what'], path)}\n{block[3]}", text)


def shown(what: str, path: pathlib.Path) -> str:
    """What a block says, as Markdown."""
    name, _, columns = (part.strip() for part in what.partition("|"))
    if name.startswith("runs "):
        folders = [RESULTS / each.strip() for each in name.removeprefix("runs ").split(",")]
        return summary_markdown([path.parent for each in folders for path in sorted(each.rglob("summary.json"))])
    only = [column.strip() for column in columns.split(",") if column.strip()]
    if name.startswith("trials_"):
        return trials(read_object(RESULTS / f"{name}.json"), only)
    seen = "" if only else os.path.relpath(RESULTS / f"{name}.svg", path.parent)
    return paper_table.as_markdown(results.read(RESULTS / f"{name}.json"), picture=seen, only=only)


def trials(found: dict, only: Sequence[str] = ()) -> str:
    """What was tried before a recipe was chosen, the best of each method first; `only` some settings' trials.

    Raises:
        ValueError: there is no trial that differs from its recipe in one of the settings and in none but them.
    """
    tried, common = _without_common(_over_seeds(found["trials"]))
    if only:
        methods = {each["method"] for each in tried if each["settings"] and set(each["settings"]) <= set(only)}
        tried = [each for each in tried if each["method"] in methods and set(each["settings"]) <= set(only)]
        if not tried:
            raise ValueError(f"No trial differs from its recipe in {', '.join(only)} alone.")
    head = ["method", "what differs from its recipe", "validation top-1 %", "where", "training"]
    rows = []
    for trial in sorted(tried, key=lambda trial: (trial["method"], -trial["validation_accuracy"])):
        changed = ", ".join(f"{name}={text_of(value)}" for name, value in trial["settings"].items()) or "nothing"
        share, seconds = f"{100 * trial['validation_accuracy']:.2f}", words.duration(trial["seconds"])
        rows.append([trial["method"], changed, share, trial["device"], seconds])
    table = "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])
    counts = [
        f"{sum(row[0] == method for row in rows)} of {method}" for method in dict.fromkeys(row[0] for row in rows)
    ]
    seeds = " or ".join(sorted({"one seed" if trial["seeds"] == 1 else f"{trial['seeds']} seeds" for trial in tried}))
    judged = sorted({f"{trial['images']:,} images of {trial['judged_on']}" for trial in tried})
    all_with = f" All with {', '.join(common)}." if common else ""
    judged_on = f"Judged on {' or '.join(judged)}, never on a test image."
    return f"{table}\n\n{judged_on} {', '.join(counts)}, {seeds} each.{all_with}"


def _over_seeds(tried: Sequence[dict]) -> list[dict]:
    """Trials that differ in their seed alone as one, with the means of theirs, and "seeds", how many they are."""
    found: dict[str, list[dict]] = {}
    for trial in tried:
        same = {name: trial[name] for name in ("method", "settings", "device", "judged_on", "images")}
        found.setdefault(json.dumps(same, sort_keys=True), []).append(trial)
    return [
        {**own[0], "seeds": len(own), **{name: float(np.mean([trial[name] for trial in own])) for name in MEANS}}
        for own in found.values()
    ]


def _without_common(tried: Sequence[dict]) -> tuple[list[dict], list[str]]:
    """Trials without the settings in which all differ from their recipes alike, and these."""
    first = tried[0]["settings"].items() if len(tried) > 1 else ()
    common = {name: value for name, value in first if all(each["settings"].get(name) == value for each in tried)}
    left = [
        {**each, "settings": {name: value for name, value in each["settings"].items() if name not in common}}
        for each in tried
    ]
    return left, [f"{name}={text_of(value)}" for name, value in common.items()]


def copy_tables(folder: pathlib.Path) -> None:
    """Copies the tables of a directory of launch.reproduce that have a value, and says how many values each has.

    One that is not complete, and has fewer values than that of the results, is not copied over it.
    """
    found = sorted(folder.glob("table_*.json"))
    if not found:
        raise ValueError(f"{folder} has no table; name the --workdir of launch.reproduce.")
    for path in found:
        there, wanted = results.progress(results.read(path))
        kept = RESULTS / path.name
        before = results.progress(results.read(kept))[0] if kept.exists() else 0
        taken = there == wanted or there >= max(1, before)
        why = "" if taken else f"; left out, the results have {before}"
        print(f"{path.name}: {there} of {wanted} values{why}", flush=True)
        if not taken:
            continue
        for ending in (".json", ".npz"):
            shutil.copyfile(path.with_suffix(ending), RESULTS / f"{path.stem}{ending}")


if __name__ == "__main__":
    run_app(main)
