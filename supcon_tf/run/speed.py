"""How long a run will take on this machine, from the time of a few of its updates."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Sequence
from typing import Callable, Optional

import numpy as np
import tensorflow as tf

from supcon_tf.config import Experiment
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.selection import selected
from supcon_tf.data.sets.source import Source
from supcon_tf.distribution.strategy import make_strategy
from supcon_tf.failures import first_line
from supcon_tf.names import STAGE_KINDS
from supcon_tf.networks.networks import build_networks
from supcon_tf.records.files import read_object, replace_text
from supcon_tf.run import preflight, processor, recipe
from supcon_tf.run.context import own_state
from supcon_tf.training.compiled import compile_update

PIXELS = 2**18  # of a measured batch, views counted: 128 images of 32 x 32 in two views, 2 of 224 x 224
CALLS = 3
# Training images, classes and side of sets that a plan may be asked for where they are not prepared.
PUBLISHED = {"imagenet2012": (1_281_167, 1000, 224), "cifar10": (50_000, 10, 32), "cifar100": (50_000, 100, 32)}


@dataclasses.dataclass(frozen=True)
class Shape:
    """What the time of an update depends on, beside the experiment: training images, classes, image shape."""

    examples: int
    classes: int
    image: tuple[int, int, int]


class Speeds:
    """Hours of runs, from measured updates; each kind of stage is measured once and kept in a file.

    Args:
        path: of the file, which need not exist.
        data_dir: where TFDS data sets are prepared.
        told: is handed a line as each stage is measured.
    """

    def __init__(self, path: pathlib.Path, data_dir: str, *, told: Callable[[str], None] = lambda line: None):
        self._path, self._data_dir, self._told = path, data_dir, told
        self._known = read_object(path, "remove it, and speeds are measured again.") if path.exists() else {}
        self._found: dict[str, tuple[Shape, Optional[Source]]] = {}
        self._precisions: set[str] = set()

    def hours(self, experiment: Experiment, records: Sequence[dict] = ()) -> float:
        """What is left of a run.

        Args:
            experiment: of the run.
            records: of the epochs that are done (`records.metrics`).

        Raises:
            ValueError: the data set is not prepared, and how large it is is not known; or the run would be refused
                where it begins, for what its data are.
        """
        (shape, source), seconds = self._data(experiment), 0.0
        if source is not None:
            preflight.check(experiment, source, size=shape.image[0], replicas=1)
        for stage in experiment.stages.values():
            recipe.duration_of(stage, shape.examples)
        for name, stage in experiment.stages.items():
            done = max((record["epoch"] for record in records if record["stage"] == name), default=0)
            first, per_image = self._measured(experiment, name, shape)
            seconds += (first if done < stage.epochs else 0.0) + per_image * shape.examples * (stage.epochs - done)
        return seconds / 3600

    def _doubt(self, experiment: Experiment) -> None:
        """Tells, once for each precision, whether another is faster here."""
        if experiment.strategy != "tpu" and experiment.precision not in self._precisions:
            self._precisions.add(experiment.precision)
            for doubt in processor.doubts(experiment.precision):
                self._told(f"WARNING: {doubt}")

    def _data(self, experiment: Experiment) -> tuple[Shape, Optional[Source]]:
        data, key = experiment.data, repr(experiment.data)
        if key not in self._found:
            self._found[key] = _data_of(experiment, self._data_dir, PUBLISHED.get(data.name), self._told)
        return self._found[key]

    def _measured(self, experiment: Experiment, name: str, shape: Shape) -> tuple[float, float]:
        """Seconds of the first update, which traces, and of an image in the later ones."""
        stage = experiment.stages[name]
        parts = [experiment.encoder, experiment.projection, experiment.queue]
        key = json.dumps([name, *map(repr, parts), experiment.precision, experiment.data.views, *shape.image,
                          shape.classes, stage.batch_size, stage.optimizer])  # fmt: skip
        if key not in self._known:
            self._doubt(experiment)
            self._told(f"measuring a few updates of {experiment.name}, {name}")
            self._known[key] = list(seconds_of(experiment, name, shape))
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(self._path, json.dumps(self._known, indent=1) + "\n")
        return tuple(self._known[key])


def seconds_of(experiment: Experiment, name: str, shape: Shape, *, calls: int = CALLS) -> tuple[float, float]:
    """(seconds of the first update, which traces; seconds of an image in later ones), on noise, on one device.

    Args:
        experiment: whose networks and precision.
        name: of the stage.
        shape: of the data.
        calls: updates that are timed, after the first; their median counts.
    """
    stage, kind = experiment.stages[name], STAGE_KINDS[name]
    views = experiment.data.views if kind.compares else 1
    images = min(stage.batch_size, max(2, PIXELS // (views * shape.image[0] * shape.image[1])))
    small = dataclasses.replace(stage, batch_size=images, epochs=max(1, math.ceil(stage.warmup_epochs) + 1))
    data = dataclasses.replace(experiment.data, images_per_class=0)
    where = {"strategy": "one_device", "replicas": 0}
    encoder = dataclasses.replace(experiment.encoder, weights="")  # their values cost no time
    one = dataclasses.replace(
        experiment, **where, encoder=encoder, queue=_queue(experiment, images), data=data, **{name: small}
    )
    with own_state(one):
        strategy = make_strategy("one_device")
        made = {"image_shape": shape.image, "classes": shape.classes}
        with strategy.scope():
            networks = build_networks(one.encoder, one.projection, **made)
            if one.queue.size:
                networks.follower = build_networks(one.encoder, one.projection, **made)
        schedule = recipe.schedule_of(small, recipe.duration_of(small, max(images, 2)))
        state = recipe.state_of(one, name, networks, schedule, strategy)
        update = compile_update(recipe.update_of(one, name, state), state, strategy)
        random = np.random.default_rng(0)
        batch = (tf.constant(random.standard_normal([images, views, *shape.image], dtype=np.float32)),
                 tf.constant(random.integers(0, shape.classes, images)))  # fmt: skip
        times = []
        for _ in range(1 + calls):
            begun = time.perf_counter()
            metrics, _ = update(*batch)
            tf.nest.map_structure(lambda value: value.numpy(), metrics)  # waits
            times.append(time.perf_counter() - begun)
    return times[0], float(np.median(times[1:])) / images


def _queue(experiment: Experiment, images: int):
    """As long as it is, if a batch fits in it."""
    return dataclasses.replace(
        experiment.queue, size=max(experiment.queue.size, images) if experiment.queue.size else 0
    )


def _data_of(
    experiment: Experiment, data_dir: str, published: Optional[tuple], told: Callable
) -> tuple[Shape, Optional[Source]]:
    """The data and their shape where they can be loaded; else what is published of it, and that is told."""
    data = experiment.data
    try:
        source = selected(load_source(**data.source, data_dir=data_dir), seed=experiment.seed, **data.selection)
    except ValueError as error:
        if published is None:
            raise
        told(f"{data.name}: its published size is taken, since {first_line(error)}")
        examples, classes, side = published
        side = data.image_size or side
        left = round(examples * data.fraction * (1 - data.held_out))
        return Shape(min(left, data.examples or left), classes, (side, side, 3)), None
    facts = source.facts
    side = data.image_size or facts.image_shape[0]
    return Shape(facts.train_examples, facts.classes, (side, side, facts.image_shape[-1])), source
