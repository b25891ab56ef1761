"""Trained networks of a run as files that others load: Keras models, SavedModels, and a page that describes them."""

from __future__ import annotations

import json
import pathlib

import tensorflow as tf

from supcon_tf import failures
from supcon_tf.paths import spellable
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.exported import CARD, FACTS, check_place, written_whole
from supcon_tf.run import serving
from supcon_tf.run.context import own_state
from supcon_tf.run.model_card import facts_of, model_card
from supcon_tf.run.onnx_files import write_onnx
from supcon_tf.run.restored import Restored, experiment_of, restored


def export_run(directory: RunDirectory, to: pathlib.Path, *, data_licence: str = "", onnx: bool = False) -> dict:
    """Writes the trained networks of a finished or interrupted run, whole or not at all.

    Args:
        directory: of the run.
        to: directory that is written: new, empty, or an earlier export, which is replaced.
        data_licence: of the data that the run was trained on, for the page; "" where it is not known.
        onnx: write ONNX files too, where tf2onnx is installed.

    Returns:
        Names of the files and directories in `to`, and what each is.

    Raises:
        ValueError: the directory holds no run or nothing trained, or `to` holds other things than an export.
        OSError: the files could not be written, as on a full disk; `to` is as it was.

    Example:
        >>> export_run(RunDirectory("runs/nowhere"), pathlib.Path("runs/exported"))
        Traceback (most recent call last):
        ValueError: runs/nowhere holds no run: ...
    """
    check_place(to)
    with own_state(experiment_of(directory)):
        trained = restored(directory, tf.distribute.get_strategy())
        facts = facts_of(trained, directory, data_licence=data_licence)
        if not trained.classified:
            print(f"{directory} has trained no classifier: the encoder alone is exported.", flush=True)
        with failures.writing("the export", str(to)), written_whole(to) as new:
            files = _write(trained, new, onnx)
            (new / FACTS).write_text(json.dumps({**facts, "files": files}, indent=2) + "\n", encoding="utf-8")
            (new / CARD).write_text(model_card(facts, files), encoding="utf-8")
    return {CARD: "what these networks are", FACTS: "the same for programs", **files}


def _write(trained: Restored, new: pathlib.Path, onnx: bool) -> dict[str, str]:
    """Writes the networks; returns what each file is."""
    place = pathlib.Path(spellable(str(new)))
    models = {"encoder": (serving.encoder_model, "features")}
    if trained.classified:
        models["classifier"] = (serving.classifier_model, "logits")
    files = {}
    for name, (make, gives) in models.items():
        print(f"{name}: writing the Keras model and the SavedModel", flush=True)
        make(trained).save(place / f"{name}.keras")
        serving.save_program(trained, str(place / name), classify=name == "classifier")
        answers = "features" if name == "encoder" else "features, probabilities and names of classes"
        files[f"{name}.keras"] = f"Keras model: whitened images to {gives}"
        files[f"{name}/"] = f"SavedModel: pixels or files to {answers}"
    return {**files, **(write_onnx(trained, models, new) if onnx else {})}
