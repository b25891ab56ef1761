"""Features and logits of a split, computed once, and kept beside the run with what made them."""

from __future__ import annotations

import copy
import dataclasses
import functools
import hashlib
import json
import pathlib
import re
import zipfile
from typing import Callable, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from supcon_tf import failures, notebook
from supcon_tf.augment.corruptions.corruption import corruption
from supcon_tf.augment.evaluation_crops import Crop, evaluation_crop
from supcon_tf.augment.geometry import unit_range
from supcon_tf.config import Data
from supcon_tf.data import pipeline
from supcon_tf.data.sets.source import Source, reading
from supcon_tf.evaluation.arrays import doubt_of
from supcon_tf.evaluation.features import embed_split
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.environment import environment, software
from supcon_tf.records.files import replace_arrays
from supcon_tf.run.assisting import ask
from supcon_tf.run.recipe import EVALUATION_BATCH
from supcon_tf.run.restored import Predicting, source_of


class Predictions(NamedTuple):
    """What networks make of a split.

    Attributes:
        features: float32 [n, F], in the order of the data; None of corrupted images, for which only answers are kept.
        logits: float32 [n, C]; None where the run has trained no classifier, or one of other classes than the data's.
        labels: int64 [n] or float32 [n, C].
        made: of what: checkpoint, data, split, software.
    """

    features: Optional[np.ndarray]
    logits: Optional[np.ndarray]
    labels: np.ndarray
    made: dict


class Corruption(NamedTuple):
    """A corruption of all images of a split, each by its number.

    Attributes:
        name, severity, scale, frost_dir: as in `augment.corruptions.corruption`.
        seed: of the whole split.
    """

    name: str
    severity: int
    scale: str
    frost_dir: Optional[str] = None
    seed: int = 0

    def change(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """From an image float32 [S, S, ch] in [0, 1] and its number to the corrupted image, in 256 levels."""
        corrupt = corruption(self.name, self.severity, scale=self.scale, frost_dir=self.frost_dir)

        def levels(image, number):
            return corrupt(image, (self.seed, int(number)))

        def changed(image, number):
            whole = tf.cast(tf.round(255 * image), tf.uint8)
            return unit_range(tf.ensure_shape(tf.numpy_function(levels, [whole, number], tf.uint8), image.shape))

        return changed


class Predictor:
    """Makes the predictions of a run on one data set, each once.

    Args:
        directory: of the run; predictions are kept in its `predictions/`.
        trained: its networks, or a model file.
        data: a set and its splits.
        data_dir: where TFDS data sets are prepared.
        strategy: that the networks were made under.

    Attributes:
        source: the images.
        crop: from an image to what the encoder sees of it.
        trained: what answers them.
        size: S, side of the images that the encoder sees.
        own_classes: whether they have the classes of the run's classifier.
        strategy: as given.
    """

    def __init__(
        self, directory: RunDirectory, trained: Predicting, data: Data, data_dir: str, strategy: tf.distribute.Strategy
    ):
        self._directory, self._data, self.strategy = directory, data, strategy
        self.source = source_of(trained, data, data_dir)
        self.trained = trained = trained.for_data(self.source.facts)
        self._forward = trained.forward_on(strategy)
        self.crop, self.size = _crop_of(trained), trained.size
        self.own_classes = trained.class_names == self.source.facts.class_names
        self._stored: Optional[dict] = None

    def on(self, source: Source, corruption: dict) -> Predictor:
        """The same networks on stored images of one corruption, the split "test" of a source.

        What evaluation cuts away was cut before they were corrupted, so there is no padding around their square.

        Args:
            source: whitened as the images of the run.
            corruption: "name", "severity", and "stored", the set that they are of.
        """
        other = copy.copy(self)
        image = {**self.trained.image, "padding": 0}
        other.trained = dataclasses.replace(self.trained, image=image)
        other.crop = _crop_of(other.trained)
        other.source, other._stored, other.own_classes = source, corruption, True
        other._data = Data(name=corruption["stored"])
        return other

    def of(self, split: str, change: Optional[Corruption] = None) -> Predictions:
        """Features, logits and labels of "train" or "test": those that are kept, where they are of the same things.

        Args:
            split: "train" or "test".
            change: of its images, after the evaluation crop and before whitening.

        Raises:
            OSError: a file of the data could not be read, or the predictions not be written.
            MemoryError: the networks need more than there is.

        Of corrupted images no features are kept: 75 passes over ImageNet's would take tens of gigabytes.
        """
        made = self.made(split, change)
        path = self._path(made)
        kept = _read(path, made)
        if kept:
            return self._checked(kept, made)
        ask(self.strategy, {"split": split, "change": change and change._asdict(), "stored": self._stored})
        count = iter if made["corruption"] else counted(self.source, split, self.strategy.num_replicas_in_sync)
        arrays = self.trained.read(self._predicted(split, change, count))  # the many passes are counted themselves
        arrays = {name: arrays[name] for name in made["arrays"]}
        path.parent.mkdir(exist_ok=True)
        text = np.frombuffer(json.dumps(made).encode(), np.uint8)
        replace_arrays(path, {"made": text, **arrays})
        doubt = doubt_of(arrays["embeddings"], split) if "embeddings" in arrays else ""
        if doubt:
            print(f"WARNING: {doubt}", flush=True)
        return self._checked(arrays, made)

    def take_part(self, split: str, change: Optional[dict] = None) -> None:
        """This host's part of what the chief predicts: a split, under a corruption by its fields."""
        self._predicted(split, change and Corruption(**change), iter)

    def _predicted(self, split: str, change: Optional[Corruption], progress: Callable) -> dict:
        how = {"change": change, "forward": self._forward, "progress": progress}
        return predicted(self.trained, self.source, split, self.strategy, **how)

    def made(self, split: str, change: Optional[Corruption] = None) -> dict:
        """What decides the predictions: the weights, the images, the software."""
        corruption = self._stored or (change and change._asdict())
        return {
            **self.trained.identity(),
            "data": self._data.source,
            "fingerprint": self.source.fingerprint(),
            "split": split,
            "images": self.source.count(split),
            "image": self.trained.image,
            "corruption": corruption,
            "arrays": ["logits", "labels"] if corruption else ["embeddings", "logits", "labels"],
            "software": software(environment()),
        }

    def _checked(self, arrays: dict, made: dict) -> Predictions:
        classified = self.trained.classified and self.own_classes
        return Predictions(arrays.get("embeddings"), arrays["logits"] if classified else None, arrays["labels"], made)

    def _path(self, made: dict) -> pathlib.Path:
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", self._data.name)[-60:]
        which = hashlib.sha256(json.dumps([made["data"], made["fingerprint"]]).encode()).hexdigest()[:8]
        how = made["corruption"]
        which = f"{name}-{which}-{made['split']}" + (f"-{how['name']}-{how['severity']}" if how else "")
        return self._directory.path / "predictions" / f"{which}.npz"


def predicted(
    trained: Predicting,
    source: Source,
    split: str,
    strategy: tf.distribute.Strategy,
    *,
    change: Optional[Corruption] = None,
    progress: Callable = iter,
    forward: Optional[Callable] = None,
) -> dict:
    """What networks make of a split now, kept nowhere.

    Args:
        trained: the run, or a model file.
        source: images that are whitened as its own (`restored.source_of`).
        split: "train" or "test".
        strategy: that the networks were made under.
        change: of the images, after the evaluation crop and before whitening.
        forward: of `features.forward_on`, where it is at hand.
        progress: from the batches of `EVALUATION_BATCH` to the batches, to count them as they go by.

    Returns:
        "embeddings" float32 [n, F], "logits" float32 [n, C], "labels" int64 [n] or float32 [n, C].

    Raises:
        ValueError: no such split.
        OSError: a file of the data could not be read.
        MemoryError: the networks need more than there is.
    """
    crop = _crop_of(trained)
    changed = change and change.change()

    def batches(context):
        return pipeline.evaluation(
            source, split, crop, batch_size=EVALUATION_BATCH, input_context=context, change=changed
        )

    smaller = "A device with more memory can evaluate the run."
    with failures.explained("the evaluation", smaller=smaller), reading(source):
        return embed_split(trained.networks, strategy=strategy, batches=batches, progress=progress, forward=forward)


def _crop_of(trained: Predicting) -> Crop:
    return evaluation_crop(trained.image["crop"], size=trained.size, padding=trained.image["padding"])


def counted(source: Source, split: str, replicas: int) -> Callable:
    """From the batches of a split to the batches, with a bar on a terminal and in a notebook."""
    batch = EVALUATION_BATCH + -EVALUATION_BATCH % replicas
    title = f"{source.facts.name} {split}"
    return functools.partial(notebook.bar, total=-(-source.count(split) // batch), desc=title, unit=" batches")


def _read(path: pathlib.Path, made: dict) -> Optional[dict]:
    """The arrays in a file, where it is whole and of the same things; else None."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if json.loads(file["made"].tobytes()) != made:
                return None
            return {name: file[name] for name in made["arrays"]}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
