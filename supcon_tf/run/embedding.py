"""Features of any set of images by the encoder of a run, as arrays, and as files."""

from __future__ import annotations

import json
import pathlib
from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf

from supcon_tf import failures
from supcon_tf.config import Data
from supcon_tf.data.sets.source import Source
from supcon_tf.paths import shown
from supcon_tf.records.environment import environment, software
from supcon_tf.records.files import replace_arrays
from supcon_tf.report.projector import write_projector
from supcon_tf.run.predictions import counted, predicted
from supcon_tf.run.restored import Restored, source_of

SPLITS = ("train", "test")


class Embedded(NamedTuple):
    """Images as the encoder sees them.

    Attributes:
        features: float32 [n, F], in the order of the data, "train" before "test".
        labels: int64 [n], -1 for images without labels; or float32 [n, C].
        splits: n times "train" or "test".
        class_names: C names.
        files: n names, relative to the folder; None where the set is no folder.
        made: of what: run, checkpoint, data, software.
    """

    features: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    class_names: tuple[str, ...]
    files: Optional[list[str]]
    made: dict


def embedded(trained: Restored, data: Data, split: str, *, data_dir: str, strategy: tf.distribute.Strategy) -> Embedded:
    """Every image of a split through the encoder, each once, whatever the replicas.

    Args:
        trained: the run.
        data: a set and its splits; its images are cut and whitened as those of the run.
        split: "train", "test", or "all" that the set has.
        data_dir: where TFDS data sets are prepared; what is known of the files of a folder is kept there too.
        strategy: that the networks were made under.

    Raises:
        ValueError: no such set or split, or images that the networks do not take.
        OSError: a file of the data could not be read.
        MemoryError: the encoder needs more than there is.
    """
    source = source_of(trained, data, data_dir)
    counts = {"train": source.facts.train_examples, "test": source.facts.test_examples}
    chosen = [name for name in SPLITS if counts[name]] if split == "all" else [split]
    parts = [
        predicted(trained, source, name, strategy, progress=counted(source, name, strategy.num_replicas_in_sync))
        for name in chosen
    ]
    files = [source.file_names(name) for name in chosen]
    return Embedded(
        features=np.concatenate([part["embeddings"] for part in parts]),
        labels=np.concatenate([part["labels"] for part in parts]),
        splits=np.repeat(chosen, [source.count(name) for name in chosen]),
        class_names=source.facts.class_names,
        files=None if files[0] is None else [name for part in files for name in part],
        made=_made(trained, data, source, split),
    )


def save_embedded(found: Embedded, path: pathlib.Path) -> pathlib.Path:
    """Writes `FILE.npz`, whole or not at all, and beside it `FILE_projector/` for TensorBoard.

    Args:
        found: what to write.
        path: of the file; directories above it are made.

    Returns:
        The directory of the projector's files.

    Raises:
        OSError: a file could not be written, as on a full disk.
    """
    arrays = found._asdict()
    arrays.update(class_names=np.array(found.class_names), made=np.array(json.dumps(found.made)))
    if found.files is None:
        del arrays["files"]
    else:
        arrays["files"] = np.array(found.files)
    projector = path.with_name(f"{path.stem}_projector")
    with failures.writing("the features", str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_arrays(path, arrays)
        write_projector(projector, found.features, _columns(found))
    return projector


def _columns(found: Embedded) -> dict[str, list[str]]:
    """What is told of each point."""
    columns = {"label": _label_texts(found), "split": found.splits.tolist()}
    return columns if found.files is None else {**columns, "file": found.files}


def _label_texts(found: Embedded) -> list[str]:
    """The name of each image's class, or of all its classes."""
    names = found.class_names
    if found.labels.ndim == 1:
        return [names[label] if label >= 0 else "" for label in found.labels]
    return [", ".join(names[number] for number in np.flatnonzero(row > 0)) for row in found.labels]


def _made(trained: Restored, data: Data, source: Source, split: str) -> dict:
    return {
        "experiment": trained.experiment.name,
        "seed": trained.experiment.seed,
        "checkpoint": f"{trained.checkpoint.parent.name}/{trained.checkpoint.name}",
        "data": shown(data.name),
        "fingerprint": source.fingerprint(),
        "split": split,
        "train_split": data.train_split,
        "test_split": data.test_split,
        "image": trained.image,
        "software": software(environment()),
    }
