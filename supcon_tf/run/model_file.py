"""A model file of anybody as something that predicts: how it wants images, and what its answers mean."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import sys
from typing import Callable, Optional

import tensorflow as tf

from supcon_tf.config import Model
from supcon_tf.data.sets.source import Facts
from supcon_tf.evaluation.answers import as_logits
from supcon_tf.evaluation.features import on_replicas
from supcon_tf.failures import first_line
from supcon_tf.paths import expanded, shown, told
from supcon_tf.records.model_files import exported_facts, kind_of, sum_of
from supcon_tf.run.model_images import image_of, seen
from supcon_tf.run.model_loading import Loaded, load

NO_FEATURES = "no features are taken of the model: --model.features names their layer, or the output of a SavedModel"


@dataclasses.dataclass(frozen=True)
class ModelFile:
    """A model that this package has not trained, or has exported.

    Attributes:
        files: its name and the sums of its files, as they were when it was loaded.
        how: what was said of it, or what its export says.
        loaded: the model as a function.
        image: how it wants an image: "shape", "crop", "padding", "mean", "std", "range", "dtype".
        widths: F of its features and C of its answers, 0 for what it does not give.
        class_names: of its answers; empty until they are known.
        columns: which answer is that of each class of the data.
        assumed: whether nobody has said the order of the classes.
        label_sets: whether the data have sets of labels.
    """

    files: dict
    how: Model
    loaded: Loaded
    image: dict
    widths: tuple[int, int]
    class_names: tuple[str, ...] = ()
    columns: Optional[tuple[int, ...]] = None
    assumed: bool = False
    label_sets: bool = False
    owner = "the model"
    networks = None

    @property
    def size(self) -> int:
        """S, the side in pixels of the images that it sees."""
        return self.image["shape"][0]

    @property
    def classified(self) -> bool:
        """Whether it gives logits or probabilities."""
        return self.widths[1] > 0

    @property
    def why_no_logits(self) -> str:
        """What to say where it gives none."""
        return "features alone are taken of the model (--model.output)"

    @property
    def why_no_features(self) -> str:
        """What to say where it gives none."""
        return "" if self.widths[0] else NO_FEATURES

    def identity(self) -> dict:
        """The sum of its files, and what was said of it."""
        how = {**dataclasses.asdict(self.how), "class_names": self.class_names, "columns": self.columns}
        return json.loads(json.dumps({**self.files, "how": how}))  # as a reader of JSON has it

    def forward_on(self, strategy: tf.distribute.Strategy) -> Callable:
        """From the images of all replicas to their features [B, F] and answers [B, C], as `read` takes them."""
        return on_replicas(self._forward, strategy)

    def for_data(self, facts: Facts) -> ModelFile:
        """The same, its answers in the order of the data's classes.

        Raises:
            ValueError: it answers other classes than `how` says, or other ones than the data have.
        """
        ready = dataclasses.replace(self, label_sets=facts.label_sets)
        if not self.classified or not facts.labelled:
            return dataclasses.replace(ready, class_names=facts.class_names)
        answers = 2 if self.widths[1] == 1 and not facts.label_sets else self.widths[1]
        if self.class_names:
            return self._in_order(ready, facts, answers)
        if answers != facts.classes:
            raise ValueError(
                f"the model gives {answers} answers, and '{facts.name}' has {facts.classes} classes. Take a set of the "
                "model's classes, or its features alone: --model.output=features, with --model.features=LAYER where "
                "these are not what it gives."
            )
        return dataclasses.replace(ready, class_names=facts.class_names, assumed=True)

    def read(self, arrays: dict) -> dict:
        """The arrays of a split, its answers as logits, in the order of the data's classes.

        Raises:
            ValueError: as `evaluation.answers.as_logits`.
        """
        arrays = {**arrays, "embeddings": arrays["embeddings"][:, : self.widths[0]]}
        if not self.classified:
            return {**arrays, "logits": arrays["logits"][:, :0]}
        logits = as_logits(arrays["logits"], self.how.output, label_sets=self.label_sets)
        return {**arrays, "logits": logits if self.columns is None else logits[:, self.columns]}

    def described(self) -> list[str]:
        """How it is read, in lines: what nobody said was taken by rule."""
        features, answers = self.loaded.names
        side, _, channels = self.image["shape"]
        scaled = self.image["range"] or f"whitened by {list(self.image['mean'])} and {list(self.image['std'])}"
        lines = [
            f"images: {side} x {side} x {channels}, {self.image['crop']}, pixels {scaled}",
            f"features: {features}, {self.widths[0]:,} numbers" if features else f"features: {self.why_no_features}",
        ]
        if self.classified:
            lines.append(f"answers: {answers}, {self.how.output}, {self.widths[1]:,} numbers")
        if self.assumed:
            order = f"{', '.join(map(shown, self.class_names[:5]))}{', ...' * (len(self.class_names) > 5)}"
            lines.append(f"classes: taken in the order of the data, {order}; --model.class_names=FILE says another")
        if self.loaded.rescaling and self.image["range"] != "0..255":
            lines.append(
                f"NOTE: the model scales pixels itself (layer '{self.loaded.rescaling}'), and most of these want "
                "--model.range=0..255"
            )
        return lines

    def _in_order(self, ready: ModelFile, facts: Facts, answers: int) -> ModelFile:
        if answers != len(self.class_names):
            raise ValueError(f"the model gives {answers} answers, and {len(self.class_names)} classes are named.")
        own, wanted = set(self.class_names), set(facts.class_names)
        if own == wanted:
            columns = tuple(self.class_names.index(name) for name in facts.class_names)
            return dataclasses.replace(ready, class_names=facts.class_names, columns=columns)
        if self.how.class_names:
            raise ValueError(
                f"the classes in {shown(self.how.class_names)} are not those of '{facts.name}'. Only in the data:"
                f"{told(sorted(wanted - own)) or ' none'}\nOnly in the file:{told(sorted(own - wanted)) or ' none'}"
            )
        return ready

    def _forward(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return _rows(self.loaded, self.image, self.how.pool, images)


def open_model(path: pathlib.Path, how: Model) -> ModelFile:
    """A model file under the current strategy, once it is sure that it takes such images and gives rows.

    Args:
        path: of a Keras file or the directory of a SavedModel; what `launch.export` wrote says itself how it is read.
        how: what is known of it.

    Raises:
        ValueError: it is no model, cannot be loaded, or is not as `how` says; or too little is said.

    Example:
        >>> open_model(pathlib.Path("nowhere.keras"), Model(output="logits"))
        Traceback (most recent call last):
        ValueError: there is no model file nowhere.keras.
    """
    kind, facts = kind_of(path), exported_facts(path)
    names: tuple[str, ...] = ()
    if facts:
        how, names = _of_export(path, kind, how, facts)
    elif how.output is None:
        raise ValueError("say what the model gives: --model.output=features, logits or probabilities.")
    names = _read_names(how.class_names) if how.class_names else names
    files = {"model": path.name, "weights": sum_of(path)}
    loaded = load(path, kind, how)
    if how.code:
        files["code"] = sum_of(pathlib.Path(sys.modules[how.code].__file__))
    image = image_of(loaded, how)
    return ModelFile(files, how, loaded, image, _widths(loaded, image, how), names)


def _of_export(path: pathlib.Path, kind: str, how: Model, facts: dict) -> tuple[Model, tuple[str, ...]]:
    """What an export says of a model. A program cuts images itself: it is handed them with their padding."""
    if how != Model():
        raise ValueError(f"{shown(str(path))} is an export, which says itself how it is read; leave --model.* out.")
    image, classifies = facts["image"], path.name.startswith("classifier")
    side, padding = image["shape"][0], image["padding"]
    names = tuple(facts["data"]["class_names"]) if classifies else ()
    if kind == "saved_model":
        output, answers = ("probabilities", "probabilities") if classifies else ("features", "")
        size = {"size": side + padding, "padding": 0}
        return Model(output=output, answers=answers, features="features", crop=image["crop"], **size), names
    white = {"mean": tuple(image["mean"]), "std": tuple(image["std"])}
    how = Model(size=side, crop=image["crop"], padding=padding, output="features", **white)
    return (dataclasses.replace(how, output="logits", features="float32_features") if classifies else how), names


def _read_names(file: str) -> tuple[str, ...]:
    path = pathlib.Path(expanded(file))
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--model.class_names={shown(file)} cannot be read as text ({error}).") from error
    names = tuple(line.strip() for line in lines if line.strip())
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        raise ValueError(f"{shown(file)} must name each class once, a name a line; twice:{told(twice) or ' none'}")
    return names


def _rows(loaded: Loaded, image: dict, pool: Optional[str], images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Features and answers, float32 [B, F] and [B, C]; with a pool, features are the mean over all that lies between.

    What the model does not give is a column of zeros, which `ModelFile.read` takes away: the gather of several replicas
    takes the process down where there is no column.
    """
    features, answers = (
        tf.zeros([tf.shape(images)[0], 1]) if values is None else tf.cast(values, tf.float32)
        for values in seen(loaded, image, images)
    )
    if pool and features.shape.rank > 2:
        features = tf.reduce_mean(features, range(1, features.shape.rank - 1))
    return features, answers


def _widths(loaded: Loaded, image: dict, how: Model) -> tuple[int, int]:
    """Widths of features and answers, from one black image; ValueError where they are no rows."""
    strategy, black = tf.distribute.get_strategy(), tf.zeros([1, *image["shape"]])
    try:
        found = strategy.run(_rows, args=(loaded, image, how.pool, black))
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise ValueError(f"the model does not take images {image['shape']}: {first_line(error)}") from error
    shapes = [strategy.experimental_local_results(rows)[0].shape for rows in found]
    pools = " Say --model.pool=mean for the mean over the places, or name another layer."
    for shape, what, advice in zip(shapes, ("features", "answers"), (pools, "")):
        if shape.rank != 2:
            raise ValueError(f"{what} must be one row an image, [B, F]; the model gives {list(shape)}.{advice}")
    features, answers = (shape[1] if name else 0 for shape, name in zip(shapes, loaded.names))
    return features, answers
