"""Images a second on one core, two views each, beside the same policy written with Pillow and NumPy."""

from __future__ import annotations

import json

from benchmarks.process import measure_all
from supcon_tf import names

POLICIES = tuple(name for name in names.POLICIES if name != "none")
# The paper's settings for ImageNet and CIFAR.
SETTINGS = {
    "jpeg": {"crop_area": [0.08, 1.0], "strength": 1.0, "blur_probability": 0.5},
    "memory": {"crop_area": [0.2, 1.0], "strength": 0.5, "blur_probability": 0.0},
}


def cases(*, quick: bool) -> list[dict]:
    """What is measured, in order; a case is the argument of `benchmarks.input.case`."""
    found = []
    for images, settings in SETTINGS.items():
        found += [{"images": images, "policy": policy, **settings} for policy in POLICIES]
        if not quick:
            found += stages(images, settings)
    return found


def stages(images: str, settings: dict) -> list[dict]:
    """The stages of `sim_augment`, each with all before it."""
    off = {"jitter_probability": 0.0, "grayscale_probability": 0.0}
    sharp = {**settings, "blur_probability": 0.0}
    chain = [
        ("decode", {"policy": "decode"}),
        ("crop and resize", {"policy": "crop_flip", **sharp, "flip": False}),
        ("flip", {"policy": "crop_flip", **sharp}),
        ("jitter", {"policy": "sim_augment", **sharp, **off, "jitter_probability": 0.8}),
        ("greyscale", {"policy": "sim_augment", **sharp}),
        ("blur", {"policy": "sim_augment", **settings}),
    ]
    if images == "memory":
        chain = chain[1:5]  # nothing to decode, and the paper does not blur CIFAR
    return [{"images": images, "stage": name, **case} for name, case in chain]


def run(*, quick: bool, dry_run: bool) -> tuple[list[dict], str]:
    """All cases in turn, each in its own process; their records and a table."""
    planned = cases(quick=quick)
    if dry_run:
        return planned, "\n".join(json.dumps(case) for case in planned)
    records = measure_all("benchmarks.input.case", planned)
    return records, f"\n{table(records)}"


def table(records: list[dict]) -> str:
    """A row a case; of a stage also the time that it adds to the one before."""
    names = f"{'images':<8}{'policy':<22}{'up to':<17}"
    lines = [f"{names}{'images/s':>10}{'Pillow':>9}{'ratio':>7}{'us added':>10}{'Pillow':>9}"]
    before = {}
    for record in records:
        start = f"{record['images']:<8}{record['policy']:<22}{record.get('stage', 'whole'):<17}"
        if "failed" in record:
            lines.append(f"{start}failed: {record['failed']}")
            continue
        speeds = record["images_per_second"], record["pillow_images_per_second"]
        line = f"{start}{speeds[0]:>10.0f}{speeds[1]:>9.0f}{record['ratio']:>7.2f}"
        if record["stage"] != "whole":
            taken = [1e6 / speed for speed in speeds]
            added = [now - then for now, then in zip(taken, before.get(record["images"], (0.0, 0.0)))]
            before[record["images"]] = taken
            line += f"{added[0]:>10.0f}{added[1]:>9.0f}"
        lines.append(line)
    return "\n".join(lines)
