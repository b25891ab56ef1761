"""An encoder of anybody, trained by the supervised contrastive loss under `compile` and `fit`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any, Callable, Optional, Union

import tensorflow as tf
from numpy.typing import ArrayLike

from supcon_tf.augment.geometry import require_unit_range, unit_range
from supcon_tf.distribution.collectives import images_of_all
from supcon_tf.evaluation.encoder import Labelled, LinearProbe, linear
from supcon_tf.keras_generations import (
    WholeModel,
    build_optimizer,
    compiled_loss,
    forgotten,
    remembered,
    tensorflow_variable,
)
from supcon_tf.layers.heads import ClassificationHead
from supcon_tf.layers.moving_averages import SlowAverages
from supcon_tf.losses.soundness import refusal
from supcon_tf.losses.supcon import SupConLoss
from supcon_tf.models import batches
from supcon_tf.models.compiling import require_loss, require_metrics
from supcon_tf.models.parts import copied, empty_memory, feature_width, loaded, projection_head, saved
from supcon_tf.models.penalised import PenalisedContrastive, PenalisedJoint
from supcon_tf.networks.networks import Networks
from supcon_tf.tracing import as_written
from supcon_tf.training.averages import local_averages, take_mean
from supcon_tf.training.momentum_queue import MomentumQueue
from supcon_tf.training.state import StageState
from supcon_tf.training.update import Update

CALLBACKS = 4  # their place in `fit`, after x and y
Count = Union[int, tf.Tensor]  # of images: an int, or an int scalar where only the graph knows


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class SupConModel(WholeModel):
    """Trains an encoder by the supervised contrastive loss (Khosla et al., 2020, Sec. 3), as the trainer does.

    `fit` takes integer labels with images, of which `augment` draws views, or with views that a dataset has drawn. One
    call of the model gives features, which are what one keeps; `project` gives what the loss compares.

    Args:
        encoder: model from images [B, S, S, ch] to features [B, F], which knows the shape of both: functional, or
            `Sequential` with an `Input`. It is given floats in [0, 1]; what it needs else, for instance
            `Rescaling(2, -1)` for a MobileNet, is its first layer.
        projection: the head on it: a layer from [B, F] to [B, D]; or widths, of a `ProjectionHead` with
            `last_batch_norm=True`, which starts spread out (Sec. 3.1); None is the widths (F, 128).
        augment: layer from images to views [B, V, S, S, ch]: `TwoViews(...)`. None: `fit` is given views. In
            `dataset.map` the same layer runs on the CPU while an accelerator trains.
        loss: `SupConLoss`, or what else has its method `values`; None is `SupConLoss()`. That of `compile` comes first.
        classes: C, to train a linear classifier on the features of first views beside it, without a gradient to the
            encoder (Sec. 4.5): metrics "accuracy" and "classifier_loss", method `classify`. None: no classifier.
        queue_size: Q, past images that each batch is compared with too (end of Sec. 4.4); 0: none.
        momentum: share of itself that the queue's slow copy of the encoder keeps at each step.
        microbatches: parts of a batch that go through the encoder one after the other; the gradient is that of the
            whole batch (`training.gradient_cache`). Needs `batch(..., drop_remainder=True)`.

    Call:
        images: uint8, or float in [0, 1]: [B, S, S, ch]; or views [B, V, S, S, ch].
        Returns features float32 [B, F], or [B, V, F].

    Metrics of `compile` are given (labels, projections [B, V, D]): those of `metrics`; "accuracy" and others of
    predictions are refused there, as are other losses. Precision policies, strategies,
    `save` and `BackupAndRestore` are as for any model; several replicas train as one with the whole batch.

    Raises:
        ValueError: an encoder that does not say its shapes, or options that do not go together; in `fit`, data that
            cannot be trained on. The message says what to do.

    Example:
        >>> import supcon_tf as sc
        >>> encoder = tf.keras.Sequential([tf.keras.Input([8, 8, 1]), tf.keras.layers.Flatten()])
        >>> views = sc.TwoViews("crop_flip", size=8)
        >>> model = sc.models.SupConModel(encoder, augment=views, classes=3)
        >>> model.compile("adam")
        >>> images, labels = tf.random.uniform([12, 8, 8, 1]), tf.range(12) % 3
        >>> history = model.fit(images, labels, verbose=0)
        >>> sorted(history.history)
        ['accuracy', 'classifier_loss', 'loss']
        >>> model(images).shape, model.project(images).shape, model.classify(images).shape
        (TensorShape([12, 64]), TensorShape([12, 128]), TensorShape([12, 3]))
    """

    def __init__(
        self,
        encoder: tf.keras.Model,
        projection: Union[tf.keras.layers.Layer, Sequence[int], None] = None,
        *,
        augment: Optional[Callable[[tf.Tensor], tf.Tensor]] = None,
        loss: Optional[SupConLoss] = None,
        classes: Optional[int] = None,
        queue_size: int = 0,
        momentum: float = 0.999,
        microbatches: int = 1,
        **keywords: Any,
    ):
        super().__init__(**keywords)
        _check(classes, queue_size, momentum, microbatches)
        width = feature_width(encoder)
        self.encoder, self.augment, self.contrastive_loss = encoder, augment, loss or SupConLoss()
        require_loss(loss)
        if augment is not None and not callable(augment):
            policy = augment if isinstance(augment, str) else "sim_augment"
            raise ValueError(
                f"`augment` must be a layer from images to views; got {augment!r}. Give it "
                f"sc.TwoViews({policy!r}, size={encoder.input_shape[1]})."
            )
        self.projection = projection_head(projection, width)
        self.classes, self.queue_size, self.momentum, self.microbatches = classes, queue_size, momentum, microbatches
        self.classifier = None
        if classes:
            self.classifier = ClassificationHead(classes, name="classifier")
            self.classifier.build((None, width))
        self._networks = Networks(self.encoder, self.projection, self.classifier, normalize_features=False)
        self._queue = self._made_queue(width) if queue_size else None
        if classes:
            self.shown_classifier_loss = tf.keras.metrics.Mean(name="classifier_loss")
            self.shown_accuracy = tf.keras.metrics.Mean(name="accuracy")
        self.supports_jit = augment is None  # XLA cannot compile a random crop
        self.build((None, *encoder.input_shape[1:]))
        self(tf.keras.Input(encoder.input_shape[1:]))  # `export` writes what was called

    def build(self, input_shape: Any) -> None:
        """There is nothing left to make."""
        self.built = True

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Features [B, F] of images, or [B, V, F] of views."""
        return self._of_each(images, lambda rows: self._networks.features(rows, training=training))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape[:-3], self.encoder.output_shape[-1])

    def project(self, images: ArrayLike, training: bool = False) -> tf.Tensor:
        """Projections float32 [B, D] of images, or [B, V, D] of views: what the loss compares."""
        return self._of_each(images, lambda rows: self._networks.project(rows, training=training))

    def classify(self, images: ArrayLike, training: bool = False) -> tf.Tensor:
        """Logits float32 [B, C] of the joint classifier, or [B, V, C]."""
        if self.classifier is None:
            raise ValueError("this model has no classifier: make it with classes=C, or fit one with `linear_probe`.")
        return self._of_each(images, lambda rows: self._networks.classify(rows, training=training))

    def linear_probe(self, train: Labelled, test: Labelled, **how: Any) -> LinearProbe:
        """How good a linear classifier on the frozen encoder is (Sec. 4.1): `evaluation.linear` of this model.

        Args:
            train: (images, labels), or a dataset of batches of them; a part chooses the penalty.
            test: likewise, looked at once.
            how: other arguments of `evaluation.linear`.
        """
        return linear(self, train, test, **how)

    @property
    def trainable_variables(self) -> list[tf.Variable]:
        """Those of encoder, head and classifier; those of the queue's copy follow them."""
        return self._networks.variables_of(self._trained) if self.trainable else []

    @property
    def trainable_weights(self) -> list[tf.Variable]:
        return self.trainable_variables

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, *others: Any, **keywords: Any) -> None:
        """As of any Keras model; a missing loss is that of the model, whatever an earlier `compile` was given.

        Args:
            optimizer: as of Keras.
            loss: `SupConLoss`, or what else has its method `values`.
            others, keywords: as `tf.keras.Model.compile` has them; metrics are given (labels, projections [B, V, D]).

        Raises:
            ValueError: another loss, or a metric that wants predictions, such as "accuracy".
        """
        require_loss(loss)
        require_metrics([others[:2], keywords.get("metrics"), keywords.get("weighted_metrics")], classes=self.classes)
        if "loss" in vars(self):  # which Keras 3 would keep where there is none now
            del self.loss
        super().compile(optimizer, loss, *others, **keywords)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """As of any Keras model, which leaves it to whoever has a `compile` of his own."""
        self.compile(**tf.keras.utils.deserialize_keras_object(config))
        if hasattr(self.optimizer, "build"):  # whose weights are loaded next
            self.optimizer.build(self.trainable_variables)

    def fit(self, x: Any = None, y: Any = None, *others: Any, **keywords: Any) -> tf.keras.callbacks.History:
        """As of any Keras model; x and y, or the first batch of a dataset, are looked at before there is a graph.

        Args:
            x: images or views with labels `y`; or a dataset of batches of both.
            y: labels.
            others, keywords: as `tf.keras.Model.fit` has them.
        """
        batches.no_weights(keywords.get("class_weight"), keywords.get("sample_weight"))
        batches.look(x, y, self.augment, batch_size=keywords.get("batch_size"), **self._reading())
        given = keywords.get("callbacks")
        if len(others) < CALLBACKS and not isinstance(given, tf.keras.callbacks.CallbackList):
            keywords["callbacks"] = [*tf.nest.flatten(given or []), SlowAverages(self.encoder)]
        with self._traced_anew_after_an_error():
            return super().fit(x, y, *others, **keywords)

    def evaluate(self, x: Any = None, y: Any = None, *others: Any, **keywords: Any) -> Any:
        """As of any Keras model: x and y, or a dataset of batches of both, as for `fit`."""
        batches.no_weights(keywords.get("sample_weight"))
        with self._traced_anew_after_an_error():
            return super().evaluate(x, y, *others, **keywords)

    @contextlib.contextmanager
    def _traced_anew_after_an_error(self) -> Iterator[None]:
        """A block whose error leaves no graph behind: half a graph would fail for other data, too."""
        try:
            yield
        except Exception:
            self.train_function = self.test_function = None
            raise

    @as_written
    def train_step(self, data: tuple[Any, ...]) -> dict[str, tf.Tensor]:
        """One update, by `training.update`."""
        batches.require_each_its_update(self.optimizer)
        build_optimizer(self.optimizer, self.trainable_variables)
        views, labels = self._read(data)
        images, of_all = _counted(views)
        batches.require_two(of_all, tensorflow_variable(self.optimizer.iterations))
        if self.queue_size:
            batches.require_room(of_all, self.queue_size)
        state = StageState(
            self._networks, self._trained, self.optimizer, tensorflow_variable(self.optimizer.iterations), self._queue
        )
        update = Update(state, self._objective(of_all), microbatches=self.microbatches)
        measured, compared = update(views, labels)
        take_mean(local_averages(self._networks))
        return self._logs(measured, compared, images, of_all)

    @as_written
    def test_step(self, data: tuple[Any, ...]) -> dict[str, tf.Tensor]:
        """The loss of a batch by itself, in inference mode."""
        views, labels = self._read(data)
        images, of_all = _counted(views)
        objective = self._objective(of_all)
        outputs = objective.forward(
            self._networks, objective.inputs(self._networks, views, training=False), training=False
        )
        outcome = objective.outcome(outputs, labels, views=views.shape[1])
        return self._logs(outcome.metrics, outcome.compared, images, of_all)

    def save(self, filepath: Any, *others: Any, **keywords: Any) -> None:
        """As of any Keras model, into a `.keras` file: from others it would come back without loss or not at all.

        Args:
            filepath: ends in ".keras".
            others, keywords: as `tf.keras.Model.save` has them.

        Raises:
            ValueError: another file, or a folder.
        """
        path, other = os.fspath(filepath), keywords.get("save_format") or "keras"
        if not path.endswith(".keras") or other not in ("keras", "keras_v3"):
            raise ValueError(
                f"SupConModel cannot be loaded from {path!r} again: save it as a `.keras` file, "
                '`model.save("model.keras")`. To serve features, `model.export(folder)` writes a SavedModel.'
            )
        super().save(filepath, *others, **keywords)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "encoder": saved(self.encoder),
            "batch_norms": forgotten(self.encoder),
            "projection": saved(self.projection),
            "augment": saved(self.augment),
            "loss": saved(self.contrastive_loss),
            "classes": self.classes,
            "queue_size": self.queue_size,
            "momentum": self.momentum,
            "microbatches": self.microbatches,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Optional[dict[str, Any]] = None) -> SupConModel:
        names = ("encoder", "projection", "augment", "loss")
        parts = {name: loaded(config[name], custom_objects) for name in names}
        remembered(parts["encoder"], config["batch_norms"])
        config = {name: value for name, value in config.items() if name != "batch_norms"}
        return cls(**{**config, **parts})

    @property
    def _trained(self) -> tuple[str, ...]:
        return ("encoder", "projection", *(("classifier",) if self.classes else ()))

    def _made_queue(self, width: int) -> MomentumQueue:
        self.following_encoder, self.following_projection = copied(self.encoder), copied(self.projection, width)
        self._networks.follower = Networks(
            self.following_encoder, self.following_projection, None, normalize_features=False
        )
        return MomentumQueue(
            self._networks,
            size=self.queue_size,
            momentum=self.momentum,
            microbatches=self.microbatches,
            memory=empty_memory(self, self.queue_size, feature_width(self.projection, width)),
        )

    def _of_each(self, images: ArrayLike, function: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        """`function` of images as rows, [..., S, S, ch] to [..., n]."""
        pixels = tf.convert_to_tensor(images)
        if self.augment is not None:  # it was trained on floats in [0, 1], and would not say that these are others
            pixels = require_unit_range(pixels)
        pixels = unit_range(pixels)
        if pixels.shape.rank != 5:
            return function(pixels)
        found = function(tf.reshape(pixels, [-1, *pixels.shape[2:]]))
        return tf.reshape(found, [-1, pixels.shape[1], found.shape[-1]])

    def _reading(self) -> dict[str, Any]:
        """How labels are read."""
        why = "a joint classifier learns" if self.classes else "a queue holds" if self.queue_size else ""
        return {"classes": self.classes, "one_class": why and f"{why} one class an image."}

    def _read(self, data: tuple[Any, ...]) -> tuple[tf.Tensor, tf.Tensor]:
        views, labels = batches.read(data, self.augment, **self._reading())
        if self.microbatches > 1 and (views.shape[0] is None or views.shape[0] % self.microbatches):
            raise refusal(
                f"a batch of {views.shape[0] or 'unknown size'} cannot be cut into {self.microbatches} micro-batches: "
                "give `fit` a dataset with .batch(size, drop_remainder=True), size of each replica a multiple of them."
            )
        if self.augment is not None and tf.convert_to_tensor(data[0]).shape.rank == 4 and self.jit_compile is True:
            raise refusal("XLA cannot compile a random crop: compile without jit_compile, or draw the views in "
                          "`dataset.map` and leave `augment` out.")  # fmt: skip
        return views, labels

    def _objective(self, of_all: tf.Tensor) -> Union[PenalisedContrastive, PenalisedJoint]:
        loss = compiled_loss(self) or self.contrastive_loss
        how: dict[str, Any] = {
            "batch_size": tf.cast(of_all, tf.float32),
            "loss": loss.values,
            "microbatches": self.microbatches,
        }
        how["layers"] = tuple(self._networks.parts().values())
        return PenalisedJoint(**how, classes=self.classes) if self.classes else PenalisedContrastive(**how)

    def _logs(
        self, measured: dict[str, tf.Tensor], compared: tuple[tf.Tensor, tf.Tensor], images: Count, of_all: Count
    ) -> dict[str, tf.Tensor]:
        """What is shown: means over all images so far, of all replicas, and the metrics of `compile`."""
        projections, labels = compared
        others = self.compute_metrics(None, labels, projections, sample_weight=None)
        shown = {"loss": self.shown_loss}
        if self.classes:
            shown.update({"classifier_loss": self.shown_classifier_loss, "train_accuracy": self.shown_accuracy})
        images, of_all = (tf.cast(count, tf.float32) for count in (images, of_all))
        for name, mean in shown.items():  # this replica's share of the mean over the batch, as the mean of its own
            mean.update_state(tf.math.divide_no_nan(measured[name] * of_all, images), sample_weight=images)
        return {**others, **{mean.name: mean.result() for mean in shown.values()}}


def _counted(views: tf.Tensor) -> tuple[Count, Count]:
    """(B of this replica, G of all), int or int scalar."""
    images = tf.shape(views)[0] if views.shape[0] is None else views.shape[0]
    return images, images_of_all(images)


def _check(classes: Optional[int], queue_size: int, momentum: float, microbatches: int) -> None:
    if classes is not None and classes < 2:
        raise ValueError(f"`classes` must be 2 or more, or None for no joint classifier; got {classes}.")
    if queue_size < 0 or microbatches < 1:
        raise ValueError(
            f"`queue_size` must be 0 or more and `microbatches` 1 or more; got {queue_size} and {microbatches}."
        )
    if not 0 <= momentum < 1:
        raise ValueError(f"`momentum` must be from 0 to below 1 (0.999 is usual); got {momentum}.")
