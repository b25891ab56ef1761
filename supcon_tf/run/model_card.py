"""What a person must know who uses exported networks: facts from the run's records, and the page that tells them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from supcon_tf.names import STAGE_KINDS
from supcon_tf.records import measures
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.environment import environment
from supcon_tf.records.files import read_object
from supcon_tf.run.restored import Restored

UNKNOWN_LICENCE = "unknown"
_NAMED = 20  # classes that the page lists; all are among the facts
_UNMEASURED = ("command", "experiment", "seed")  # of a summary: what is told elsewhere


def facts_of(trained: Restored, directory: RunDirectory, *, data_licence: str = "") -> dict:
    """What the records of a run say of its networks, for JSON.

    Args:
        trained: the run.
        directory: where it lies.
        data_licence: of its data; "" where it is not known.

    Raises:
        ValueError: a record is damaged.
    """
    experiment, data = trained.experiment, read_object(directory.data)
    return {
        "experiment": experiment.name,
        "seed": experiment.seed,
        "checkpoint": f"{trained.checkpoint.parent.name}/{trained.checkpoint.name}",
        "complete": directory.summary.exists(),
        "classified": trained.classified,
        "data": {
            "name": data["name"],
            "fingerprint": data["fingerprint"],
            "class_names": list(trained.class_names),
            "label_sets": trained.label_sets,
            "licence": data_licence or UNKNOWN_LICENCE,
        },
        "image": trained.image,
        "recipe": _recipe(trained),
        "summary": directory.read_summary() if directory.summary.exists() else {},
        "measures": measures.read(directory.measures),
        "trained_with": read_object(directory.environment) if directory.environment.exists() else {},
        "exported_with": environment(),
    }


def _recipe(trained: Restored) -> dict:
    """The fields of the experiment that decided the weights."""
    experiment = dataclasses.asdict(trained.experiment)
    stages = {name: experiment[name] for name in trained.experiment.stages}
    compares = any(STAGE_KINDS[name].compares for name in stages)
    kept = ("encoder", "data", "precision", *(("projection", "loss", "queue") if compares else ()))
    return {**{name: experiment[name] for name in kept}, "stages": stages}


def model_card(facts: dict, files: dict[str, str]) -> str:
    """The page, in Markdown.

    Args:
        facts: as `facts_of` gives them.
        files: what lies beside the page, and what it is.

    Example:
        >>> facts = {"experiment": "mine", "seed": 1, "checkpoint": "linear/step-9", "complete": False,
        ...          "classified": True, "image": {"shape": [8, 8, 1], "crop": "identity", "padding": 0, "mean": [0.5],
        ...          "std": [0.5]}, "data": {"name": "digits", "fingerprint": "x", "class_names": ["0", "1"],
        ...          "label_sets": False, "licence": "unknown"}, "recipe": {"precision": "float32", "stages": {}},
        ...          "summary": {}, "measures": [], "trained_with": {}, "exported_with": {}}
        >>> print(model_card(facts, {"encoder.keras": "the encoder"}).splitlines()[0])
        # mine, seed 1
    """
    parts = (_head, _files, _images, _data, _recipe_told, _measured, _limits, _versions)
    return "\n".join(line for part in parts for line in part({**facts, "files": files})) + "\n"


def _head(facts: dict) -> Iterator[str]:
    yield f"# {facts['experiment']}, seed {facts['seed']}\n"
    what = "An encoder and a classifier" if facts["classified"] else "An encoder"
    yield f"{what}, trained and exported by supcon_tf; weights of the run's checkpoint `{facts['checkpoint']}`."
    if not facts["complete"]:
        yield "\n**The run was not finished when these were exported**: its training was cut, and nothing is measured."


def _files(facts: dict) -> Iterator[str]:
    yield "\n## Files\n"
    yield from _table(("file", "what"), [(f"`{name}`", what) for name, what in facts["files"].items()])
    yield "\n`.keras` files load after `import supcon_tf`; the SavedModels need TensorFlow alone."


def _images(facts: dict) -> Iterator[str]:
    image = facts["image"]
    size, _, channels = image["shape"]
    colours = {1: "one channel, grey", 3: "three channels, RGB"}.get(channels, f"{channels} channels")
    yield "\n## How images must look\n"
    rows = [
        ("SavedModel, `serving_default`", f"uint8 [B, height, width, {channels}], {colours}; "
         + (f"{size} x {size} pixels" if image["crop"] == "identity" else "any size, the same within a batch")),
        ("SavedModel, `jpeg`", "string [B], bytes of JPEG or PNG files. The EXIF orientation of a JPEG is applied"),
        ("`.keras`", f"float32 [B, {size}, {size}, {channels}]: cut by `{image['crop']}` with padding "
         f"{image['padding']}, then (value / 255 - mean) / std"),
        ("mean", _numbers(image["mean"])),
        ("std", _numbers(image["std"])),
    ]  # fmt: skip
    yield from _table(("", ""), rows)


def _data(facts: dict) -> Iterator[str]:
    data, classes = facts["data"], facts["data"]["class_names"]
    more = f", and {len(classes) - _NAMED} more in export.json" if len(classes) > _NAMED else ""
    yield "\n## Data\n"
    yield from _table(("", ""), [
        ("trained on", data["name"]),
        ("fingerprint", data["fingerprint"]),
        (f"{len(classes)} classes", ", ".join(classes[:_NAMED]) + more),
        ("labels of an image", "several: each probability is of its class alone" if data["label_sets"] else "one"),
    ])  # fmt: skip
    yield f"\nlicence of the data: {data['licence']}"


def _recipe_told(facts: dict) -> Iterator[str]:
    yield "\n## Recipe\n"
    rows = [("seed", facts["seed"])]
    for name, value in facts["recipe"].items():
        rows += [(name, value)] if not isinstance(value, dict) else []
    for name, stage in facts["recipe"]["stages"].items():
        fields = ("epochs", "batch_size", "optimizer", "base_learning_rate", "schedule", "weight_decay")
        rows.append((f"stage {name}", ", ".join(f"{field} {stage[field]}" for field in fields)))
    for name in ("encoder", "projection", "loss", "queue"):
        if name in facts["recipe"]:
            rows.append((name, ", ".join(f"{field} {value}" for field, value in facts["recipe"][name].items())))
    yield from _table(("", ""), rows)
    yield "\nEvery field is in `export.json`."


def _measured(facts: dict) -> Iterator[str]:
    yield "\n## Measured\n"
    rows = [(name, value) for name, value in _flat(facts["summary"]) if name.split(".")[0] not in _UNMEASURED]
    if rows:
        yield "At the end of the run (`summary.json`).\n"
        yield from _table(("measure", "value"), rows)
    found = [
        (entry["made"]["data"]["name"], number) for entry in facts["measures"] for number in entry.get("numbers", [])
    ]
    if found:
        yield "\nBy launch.evaluate (`measures.json`); intervals are of 95 %.\n"
        yield from _table(("measure", "value", "interval", "n", "data", "how"), [
            (n["name"], measures.value_of(n), measures.interval_of(n), n["n"], data, n["protocol"]) for data, n in found
        ])  # fmt: skip
    if not rows and not found:
        yield "Nothing."


def _limits(facts: dict) -> Iterator[str]:
    yield "\n## Limits\n"
    yield "* The numbers above hold for images like those of the data; for others nothing was measured here."
    if facts["classified"]:
        yield "* The classifier knows its classes only: an image of none of them gets the name of one all the same."
        yield "* Whether probabilities are as often right as they say is known where a calibration is measured above."
    yield "* Nobody has looked at how errors fall on groups of people. Do so before people are concerned."


def _versions(facts: dict) -> Iterator[str]:
    yield "\n## Versions\n"
    for when in ("trained_with", "exported_with"):
        parts = [f"{name.removeprefix('packages.')} {value}" for name, value in _flat(facts[when]) if value]
        yield f"* {when.replace('_', ' ')}: {', '.join(parts)}"


def _flat(values: dict, above: str = "") -> list[tuple[str, object]]:
    """Texts and numbers at any depth, by dotted name; lists are left to `export.json`."""
    rows = []
    for name, value in values.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{above}{name}.")
        elif isinstance(value, (str, int, float)):
            rows.append((f"{above}{name}", f"{value:.4g}" if isinstance(value, float) else value))
    return rows


def _table(head: tuple, rows: list[tuple]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield "| " + " | ".join(" ".join(str(cell).replace("|", "\\|").split()) for cell in row) + " |"


def _numbers(values: list) -> str:
    return ", ".join(f"{value:g}" for value in values)
