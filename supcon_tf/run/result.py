"""What a trained run leaves to look at: `evaluation.npz` for the report, and the measured part of the summary."""

from __future__ import annotations

import json
import pathlib
from typing import Callable

import numpy as np
import tensorflow as tf

from supcon_tf.data import pictures
from supcon_tf.data.sets.source import Source
from supcon_tf.evaluation.average_precision import average_precisions
from supcon_tf.evaluation.features import embed_split
from supcon_tf.evaluation.linear import measures
from supcon_tf.losses.cross_entropy import answers, correct
from supcon_tf.networks.networks import Networks

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
        `linear.measures` ("test_accuracy" alone, and None, if not `classified`), "test_images", "parameters" of each
        network, "seconds" a stage.
    """
    result = embed_split(networks, strategy=strategy, batches=batches)
    arrays = {"labels": result["labels"], "embeddings": result["embeddings"]}
    arrays["class_names"] = np.array(source.facts.class_names)
    arrays["views"] = pictures.preview(source, PICTURED, size=size, **views)
    arrays["originals"] = pictures.pictures(source, "train", range(len(arrays["views"])), size=size, **crop)
    measured = {"test_accuracy": None}
    if classified:
        measured = measures(result["logits"], result["labels"])
        of_classifier, numbers = _answers(result)
        arrays.update(of_classifier, mistakes=pictures.pictures(source, "test", numbers, size=size, **crop))
    np.savez_compressed(directory / "evaluation.new.npz", **arrays)
    (directory / "evaluation.new.npz").replace(directory / "evaluation.npz")  # whole, or not at all
    return {
        **measured,
        "test_images": len(result["labels"]),
        "parameters": {name: part.count_params() for name, part in networks.parts().items()},
        "seconds": _seconds(directory / "metrics.jsonl"),
    }


def _answers(result: dict) -> tuple[dict, np.ndarray]:
    """Predictions [n], with label sets the average precision of each class [C], and the first mistakes [k], counted."""
    logits, labels = result["logits"], result["labels"]
    predictions = answers(tf.constant(labels), tf.constant(logits)).numpy()  # [n]
    wrong = np.flatnonzero(correct(tf.constant(labels), tf.constant(logits)) == 0)[:PICTURED]  # [k]
    arrays = {"predictions": predictions, "mistake_labels": labels[wrong], "mistake_predictions": predictions[wrong]}
    if labels.ndim == 2:
        arrays["average_precisions"] = average_precisions(logits, labels)
    return arrays, wrong


def _seconds(metrics: pathlib.Path) -> dict:
    """Training time of each stage, over all sessions that worked on the run."""
    records = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    stages = dict.fromkeys(record["stage"] for record in records)
    return {stage: sum(record["seconds"] for record in records if record["stage"] == stage) for stage in stages}
