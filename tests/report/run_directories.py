"""Run directories as training writes them, with made-up curves and the digits of scikit-learn as test images."""

from __future__ import annotations

import functools
import json
import pathlib
from typing import Optional

import numpy as np
from sklearn.datasets import load_digits

STAGES = {"supcon": {"contrastive": 20, "linear": 8}, "cross_entropy": {"cross_entropy": 20}}
PLATEAU = float(np.log(511)) * 0.1


def write_run(
    root: pathlib.Path,
    *,
    kind: str = "supcon",
    experiment: str = "",
    seed: int = 0,
    accuracy: Optional[float] = 0.98,
    images: int = 120,
    evaluation: bool = True,
    changes: Optional[dict] = None,
) -> pathlib.Path:
    """Writes a whole run directory.

    Args:
        root: folder to make it in.
        kind: "supcon" (two stages) or "cross_entropy" (one).
        experiment: its name; "digits." and the kind where empty.
        seed: as in the summary; also of the noise in its curves.
        accuracy: of the summary; none for a run without classifier.
        images: test images in evaluation.npz.
        evaluation: whether to write evaluation.npz.
        changes: fields of the config's loss.
    """
    experiment = experiment or f"digits.{kind}"
    folder = root / f"{experiment.replace('/', '_')}_{seed}"
    folder.mkdir(parents=True)
    stages = STAGES[kind]
    config = {
        "name": experiment,
        "seed": seed,
        "strategy": "one_device",
        "data": {"name": "digits", "views": 2, "image_size": 0},
        "encoder": {"name": "resnet18", "width": 0.25},
        "loss": {"temperature": 0.1, **(changes or {})},
        **{stage: {"epochs": stages.get(stage, 0)} for stage in ("contrastive", "linear", "cross_entropy")},
    }
    summary = {
        "experiment": experiment,
        "seed": seed,
        "test_accuracy": accuracy,
        "test_images": images,
        "parameters": {"encoder": 701466, "classifier": 1290},
        "seconds": {stage: 1.5 * epochs + 0.1 * seed for stage, epochs in stages.items()},
        "command": f"python -m launch.train --experiment={experiment} --seed={seed}",
    }
    environment = {"python": "3.11.9", "tensorflow": "2.15.1", "cpu_count": 2, "git": {"commit": "0123abc"}}
    for name, content in (("config", config), ("summary", summary), ("environment", environment)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    write_metrics(
        folder, [line for stage in stages for line in stage_lines(stage, stages[stage], accuracy or 0.9, seed)]
    )
    if evaluation:
        np.savez(folder / "evaluation.npz", **answers(images))
    return folder


def stage_lines(stage: str, epochs: int, accuracy: float, seed: int) -> list[dict]:
    """Metrics of one stage: a loss that falls, and where there is a classifier an accuracy that rises."""
    random = np.random.default_rng(seed)
    lines = []
    for epoch in range(1, epochs + 1):
        progress = 1 - np.exp(-4 * epoch / epochs)
        noise = 1 + 0.04 * random.standard_normal()
        line = {"stage": stage, "epoch": epoch, "epochs": epochs, "step": 5 * epoch}
        line |= {"learning_rate": 0.5 * (1 + np.cos(np.pi * epoch / epochs)), "images_per_second": 900 * noise}
        if stage == "contrastive":
            line |= {"loss": PLATEAU * (1 - 0.45 * progress * noise), "plateau": PLATEAU}
        else:
            line |= {"loss": 2.3 * (1 - 0.95 * progress) * noise, "train_accuracy": min(1.0, 0.1 + 0.9 * progress)}
            line["test_accuracy"] = accuracy * (0.1 + 0.9 * progress) if epoch < epochs else accuracy
        lines.append(line | {"seconds": 1.5})
    return lines


def write_metrics(folder: pathlib.Path, lines: list[dict]) -> None:
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@functools.cache
def answers(images: int) -> dict[str, np.ndarray]:
    """What `evaluation.npz` holds: nearest class means as the classifier, shifted images as the views."""
    digits = load_digits()
    pixels, labels = (digits.images[-images:] / 16)[..., None], digits.target[-images:]
    means = np.stack([digits.data[digits.target == label].mean(0) for label in range(10)])
    distances = ((digits.data[-images:, None] - means) ** 2).sum(-1)  # [n, C]
    predictions = distances.argmin(1)
    wrong = np.flatnonzero(predictions != labels)[:12]
    shifts = [np.roll(pixels[:12] * 0.8, shift, axis=2) for shift in (1, -1)]
    return {
        "labels": labels,
        "predictions": predictions,
        "embeddings": digits.data[-images:].astype(np.float32) / 16,
        "class_names": np.array([str(label) for label in range(10)]),
        "originals": pixels[:12],
        "views": np.stack(shifts, axis=1),
        "mistakes": pixels[wrong],
        "mistake_labels": labels[wrong],
        "mistake_predictions": predictions[wrong],
    }


def label_sets(images: int) -> dict[str, np.ndarray]:
    """As `answers`, with a set of labels for each image: its digit, and whether it is odd or above six."""
    arrays = dict(answers(images))
    digits = arrays.pop("labels")
    sets = np.concatenate([np.eye(10)[digits], (digits % 2 == 1)[:, None], (digits > 6)[:, None]], 1)
    sets[:, 11][digits == 7] = -1
    names = [*(str(label) for label in range(10)), "odd", "large"]
    wrong = np.flatnonzero(arrays["predictions"] != digits)[:12]
    return {
        **arrays,
        "labels": sets.astype(np.float32),
        "class_names": np.array(names),
        "average_precisions": np.append(np.linspace(0.4, 0.95, 11), np.nan),
        "mistake_labels": sets[wrong].astype(np.float32),
    }
