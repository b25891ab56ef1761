"""What a trained run leaves to look at: `evaluation.npz` for the report, and the measured part of the summary."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from supcon_tf.augment.evaluation_crops import Crop
from supcon_tf.augment.views import Views
from supcon_tf.data import pictures
from supcon_tf.data.sets.source import Source
from supcon_tf.evaluation.accuracy import measures
from supcon_tf.evaluation.average_precision import average_precisions
from supcon_tf.losses.cross_entropy import answers, correct
from supcon_tf.records import metrics
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.files import replace_arrays

PICTURED = 8  # images in the grid of views, and mistakes shown


def save_evaluation(
    directory: RunDirectory, embedded: dict, source: Source, *, crop: Crop, views: Views, seed: int, classified: bool
) -> None:
    """Writes `evaluation.npz`: what the report shows of the test images, and of the training images' views.

    Args:
        directory: of the run.
        embedded: "embeddings", "logits" and "labels" of the test split (`evaluation.features`).
        source: where pictures are taken from.
        crop: from an image to what the encoder sees of it.
        views: from (image, seed) to the views of an image.
        seed: decides the views.
        classified: whether any stage trained the classifier; otherwise nothing is shown of its answers.
    """
    arrays = {name: embedded[name] for name in ("labels", "embeddings")}
    arrays["class_names"] = np.array(source.facts.class_names)
    arrays["views"] = pictures.preview(source, PICTURED, views=views, seed=seed)
    arrays["originals"] = pictures.pictures(source, "train", range(len(arrays["views"])), crop=crop)
    if classified:
        of_classifier, numbers = _answers(embedded)
        arrays.update(of_classifier, mistakes=pictures.pictures(source, "test", numbers, crop=crop))
    directory.verify()
    replace_arrays(directory.evaluation, arrays, compressed=True)


def measured(directory: RunDirectory, embedded: dict, parts: dict, *, classified: bool) -> dict:
    """What `summary.json` says of a run.

    Args:
        directory: of the run, with its records.
        embedded: as in `save_evaluation`.
        parts: the networks by name.
        classified: likewise.

    Returns:
        `linear.measures` ("test_accuracy" alone, and None, if not `classified`), "test_images", "parameters" of each
        network, "seconds" a stage.
    """
    of_classifier = measures(embedded["logits"], embedded["labels"]) if classified else {"test_accuracy": None}
    return {
        **of_classifier,
        "test_images": len(embedded["labels"]),
        "parameters": {name: part.count_params() for name, part in parts.items()},
        "seconds": metrics.seconds(metrics.read(directory.metrics)),
    }


def _answers(embedded: dict) -> tuple[dict, np.ndarray]:
    """Predictions [n], with label sets the average precision of each class [C], and the first mistakes [k], counted."""
    logits, labels = embedded["logits"], embedded["labels"]
    predictions = answers(tf.constant(labels), tf.constant(logits)).numpy()  # [n]
    wrong = np.flatnonzero(correct(tf.constant(labels), tf.constant(logits)) == 0)[:PICTURED]  # [k]
    arrays = {"predictions": predictions, "mistake_labels": labels[wrong], "mistake_predictions": predictions[wrong]}
    if labels.ndim == 2:
        arrays["average_precisions"] = average_precisions(logits, labels)
    return arrays, wrong
