"""What a trained run leaves to look at: `evaluation.npz` for the report, and the measured part of the summary."""

from __future__ import annotations

import json
import pathlib
from typing import Callable

import numpy as np
import tensorflow as tf

from supcon_tf.data import pictures
from supcon_tf.data.source import Source
from supcon_tf.evaluation.features import embed_split
from supcon_tf.training.state import Networks

PICTURED = 8  # images in the grid of views, and mistakes shown


def save_result(
    directory: pathlib.Path,
    networks: Networks,
    *,
    strategy: tf.distribute.Strategy,
    batches: Callable[[tf.distribute.InputContext], tf.data.Dataset],
    source: Source,
    size: int,
    classified: bool,
    crop: dict,
    **views,
) -> dict:
    """Evaluates the test split, and writes `evaluation.npz` to the run's directory.

    Args:
        directory: of the run, with its `metrics.jsonl`.
        networks: trained.
        strategy: spreads the batches over its replicas.
        batches: the test split, of `data.pipeline.evaluation`.
        source: where pictures are taken from.
        size: side in pixels, S.
        classified: whether any stage trained the classifier; otherwise nothing is said of its accuracy.
        crop: `crop` and `padding` of `augment.evaluation_crops`, as in `batches`.
        **views: `view_count`, `seed` and augmentation of `data.pictures.preview`.

    Returns:
        "test_accuracy" (None if not `classified`), "test_images", "parameters" of each network, "seconds" a stage.
    """
    result = embed_split(networks, strategy=strategy, batches=batches)
    arrays = {"labels": result["labels"], "embeddings": result["embeddings"]}
    arrays["class_names"] = np.array(source.facts.class_names)
    arrays["views"] = pictures.preview(source, PICTURED, size=size, **views)
    arrays["originals"] = pictures.pictures(source, "train", range(len(arrays["views"])), size=size, **crop)
    accuracy = None
    if classified:
        predictions = result["logits"].argmax(-1)  # [n]
        accuracy = float(np.mean(predictions == result["labels"]))
        wrong = np.flatnonzero(predictions != result["labels"])[:PICTURED]
        arrays["predictions"] = predictions
        arrays["mistakes"] = pictures.pictures(source, "test", wrong, size=size, **crop)
        arrays["mistake_labels"], arrays["mistake_predictions"] = result["labels"][wrong], predictions[wrong]
    np.savez_compressed(directory / "evaluation.new.npz", **arrays)
    (directory / "evaluation.new.npz").replace(directory / "evaluation.npz")  # whole, or not at all
    return {
        "test_accuracy": accuracy,
        "test_images": len(result["labels"]),
        "parameters": {name: part.count_params() for name, part in networks.parts().items()},
        "seconds": _seconds(directory / "metrics.jsonl"),
    }


def _seconds(metrics: pathlib.Path) -> dict:
    """Training time of each stage, over all sessions that worked on the run."""
    records = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    stages = dict.fromkeys(record["stage"] for record in records)
    return {stage: sum(record["seconds"] for record in records if record["stage"] == stage) for stage in stages}
