"""The trained networks of a run, from its directory alone."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from typing import Callable, Optional, Protocol

import tensorflow as tf

from supcon_tf import settings
from supcon_tf.config import Data, Experiment
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.source import Facts, Source
from supcon_tf.encoders import Encoder, form_of
from supcon_tf.evaluation.features import forward_on
from supcon_tf.failures import first_line
from supcon_tf.keras_generations import renew_copies
from supcon_tf.names import STAGE_KINDS
from supcon_tf.networks.networks import Networks, build_networks
from supcon_tf.paths import expanded, shown
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.files import read_object
from supcon_tf.records.model_files import sum_of
from supcon_tf.training.checkpoints import newest_whole


class Predicting(Protocol):
    """What answers images: the networks of a run, or a model file (`run.model_file`).

    Attributes:
        image: how it wants one: "shape", "crop", "padding", "mean", "std".
        class_names: of its answers.
        owner: "the run", for messages.
        networks: where there are any beside `forward_on`.
    """

    image: dict
    class_names: tuple[str, ...]
    owner: str
    networks: Optional[Networks]

    @property
    def size(self) -> int:
        """S, the side in pixels of the images that it sees."""

    @property
    def classified(self) -> bool:
        """Whether it gives logits."""

    @property
    def why_no_logits(self) -> str:
        """What to say where it gives none."""

    @property
    def why_no_features(self) -> str:
        """What to say where it gives no features; "" where it does."""

    def identity(self) -> dict:
        """What decides its answers, for JSON."""

    def forward_on(self, strategy: tf.distribute.Strategy) -> Callable:
        """From the images of all replicas to features [B, F] and answers [B, C]."""

    def for_data(self, facts: Facts) -> Predicting:
        """The same, ready for these images; ValueError where it cannot be."""

    def read(self, arrays: dict) -> dict:
        """What `forward_on` gave of a split, with "logits" float32 [n, C] in the order of the data's classes."""


@dataclasses.dataclass(frozen=True)
class Restored:
    """What a finished or interrupted run has trained.

    Attributes:
        experiment: as the run has it.
        networks: with the weights of `checkpoint`.
        checkpoint: the newest whole one of the last stage that has any, without the ending of its files.
        image: how the networks want an image: "shape", "crop", "padding", "mean", "std".
        class_names: of the classifier.
        label_sets: whether its answers are one yes or no a class, and not one class.
    """

    experiment: Experiment
    networks: Networks
    checkpoint: pathlib.Path
    image: dict
    class_names: tuple[str, ...]
    label_sets: bool = False
    owner = "the run"
    why_no_features = ""

    @property
    def size(self) -> int:
        """S, the side in pixels of the images that the encoder sees."""
        return self.image["shape"][0]

    @property
    def classified(self) -> bool:
        """Whether the classifier was trained: in the stage of the checkpoint, or in one before it."""
        stages = list(self.experiment.stages)
        done = stages[: stages.index(self.checkpoint.parent.name) + 1]
        return any(STAGE_KINDS[name].classifies for name in done)

    @property
    def why_no_logits(self) -> str:
        """What to say where there is no classifier."""
        return "the run has trained no classifier"

    def identity(self) -> dict:
        """Its checkpoint and the sum of that."""
        sums = self.checkpoint.with_suffix(".sha256").read_bytes()
        return {
            "checkpoint": f"{self.checkpoint.parent.name}/{self.checkpoint.name}",
            "weights": hashlib.sha256(sums).hexdigest(),
        }

    def forward_on(self, strategy: tf.distribute.Strategy) -> Callable:
        """As `Predicting`."""
        return forward_on(self.networks, strategy)

    def for_data(self, facts: Facts) -> Restored:
        """As it is: other classes than its own leave it without logits."""
        return self

    def read(self, arrays: dict) -> dict:
        """As they are."""
        return arrays


def restored(directory: RunDirectory, strategy: tf.distribute.Strategy) -> Restored:
    """The networks of a run as its newest checkpoint has them.

    The run's precision policy must hold (`run.context.own_state`).

    Args:
        directory: of the run.
        strategy: that the networks are made under.

    Raises:
        ValueError: the directory holds no run, one of an older version, or no whole checkpoint.

    Example:
        >>> restored(RunDirectory("runs/nowhere"), tf.distribute.get_strategy())
        Traceback (most recent call last):
        ValueError: runs/nowhere holds no run: ...
    """
    experiment = experiment_of(directory)
    expected = read_object(directory.data)
    if "image" not in expected:
        raise ValueError(
            f"{directory.data} does not say how the networks want images: an older version wrote it. Repeat the "
            "command of the run, which writes it anew where the run is not complete, or train again."
        )
    check_encoder_file(directory, experiment.encoder)
    checkpoint = _newest(directory, experiment)
    with strategy.scope():
        networks = build_networks(
            dataclasses.replace(experiment.encoder, weights=""),  # the checkpoint has them all
            experiment.projection,
            image_shape=tuple(expected["image"]["shape"]),
            classes=len(expected["class_names"]),
        )
    try:
        saved = tf.train.Checkpoint(**networks.parts()).read(str(checkpoint))
        saved.assert_existing_objects_matched().expect_partial()
        renew_copies(networks.encoder)
    except (AssertionError, IndexError, ValueError, tf.errors.OpError) as error:
        raise ValueError(f"{checkpoint} is not of this run's networks ({first_line(error)}).") from error
    names, sets = tuple(expected["class_names"]), expected.get("label_sets", False)
    return Restored(experiment, networks, checkpoint, expected["image"], names, sets)


def encoder_file(encoder: Encoder) -> dict[str, str]:
    """For `data.json`, of an encoder that is a file: the sum of that, since a checkpoint has its weights alone.

    Raises:
        ValueError: there is no such file.
    """
    if form_of(encoder.name) != "file":
        return {}
    path = pathlib.Path(expanded(encoder.name))
    if not path.is_file():
        raise ValueError(f"encoder.name: there is no file {shown(str(path))}.")
    return {"encoder_file": sum_of(path)}


def check_encoder_file(directory: RunDirectory, encoder: Encoder) -> None:
    """Raises ValueError where the encoder of a run is a file that is not what it was when the run began."""
    then = read_object(directory.data).get("encoder_file") if directory.data.exists() else None
    if then and encoder_file(encoder)["encoder_file"] != then:
        raise ValueError(
            f"{shown(encoder.name)} is not the file that the run in {directory} was begun with. Bring that back: a "
            "checkpoint has its weights, and not its layers."
        )


def experiment_of(directory: RunDirectory) -> Experiment:
    """What a run directory says it holds; ValueError where it holds no run."""
    directory.require_run()
    try:
        return settings.from_json(Experiment, read_object(directory.config))
    except ValueError as error:
        raise ValueError(f"{directory.config} is no experiment of this version: {error}") from error


def source_of(trained: Predicting, data: Data, data_dir: str) -> Source:
    """Images that the networks of a run are to see as if they were its own: whitened as these.

    Args:
        trained: the run, or a model file.
        data: the set, whole: its own (`trained.experiment.data`) or another.
        data_dir: where TFDS data sets are prepared.

    Raises:
        ValueError: as `load_source`, or the images have other channels than the networks take.
    """
    source = load_source(data_dir=data_dir, **data.source)
    channels, wanted = source.facts.image_shape[-1], trained.image["shape"][-1]
    if channels != wanted:
        raise ValueError(
            f"images of '{source.facts.name}' have {channels} channels; {trained.owner}'s networks take {wanted}."
        )
    return source.whitened_by(trained.image["mean"], trained.image["std"])


def _newest(directory: RunDirectory, experiment: Experiment) -> pathlib.Path:
    """The newest whole checkpoint of the last stage that has one."""
    for name in reversed(experiment.stages):
        found = newest_whole(directory.checkpoints(name))
        if found:
            return found
    raise ValueError(f"no whole checkpoint lies in {directory}: nothing is trained there yet.")
