"""A word when a contrastive `fit` has collapsed, or never began."""

from __future__ import annotations

import math
import warnings
from typing import Any, Callable, Optional

import tensorflow as tf
from numpy.typing import ArrayLike

from supcon_tf.callbacks.encoders import shape_of, wanted_instead
from supcon_tf.keras_generations import compiled_loss
from supcon_tf.layers.normalization import unit_rows
from supcon_tf.losses.supcon import SupConLoss
from supcon_tf.training.diagnostics import describe
from supcon_tf.training.duration import Duration
from supcon_tf.training.plateau import EQUAL, Advice, Plateau, PlateauWatch

PATIENT = 10_000  # steps of an epoch that does not say how many it has: patience is then what it is at most
UNLIKE_BY = 0.1  # of the plateau: by so much the loss of inference differs from that of training, and tells nothing
SETTLED = 50  # steps: of averages that keep 0.9 of themselves half a per cent is their start then
UNLIKE = (
    "in inference mode embeddings are nearly equal ({}), and the loss of training says that they are not there. The "
    "moving averages of batch norm, which inference computes with, have hardly left their start, or dropout or another "
    "layer differs between the two. Give the encoder more steps, or before `fit` "
    "sc.layers.set_batch_norm_momentum(encoder, 0.9)."
)
IN_KERAS = Advice(
    rate="learning rate of the optimizer",
    warmup="a warm-up of it (`sc.optim.learning_rate_schedule`)",
    spread="batch norm at the end of the head, which spreads embeddings (`ProjectionHead(..., last_batch_norm=True)`)",
    temperature="a temperature of `SupConLoss`",
    views="`TwoViews`, its policy and strength",
    again="from new weights",
)


class CollapseWarning(tf.keras.callbacks.Callback):
    """Warns, once, when the loss stays where equal embeddings have it, says why, and what to try.

    Equal embeddings cost scale ln(N - 1), whatever the labels; a `fit` that stays there for a quarter of its steps, at
    most 100, learns nothing (`training.plateau`). The word is a Python warning, and stands in the logs of no epoch.

    Args:
        batch: one batch as `fit` takes it, (images or views, labels): says how many rows N are compared, and shows at
            the end of epochs how alike projections are, in inference mode. Where they are equal there and cannot
            be so in training, since the loss is another, that is said instead, once the averages of batch norm
            had time.
        project: from images or views of the batch to projections [B, V, D] or [B, D]. None: the model's method
            `project` (`SupConModel`), else what the model gives; of several outputs name one here.
        monitor: the loss in the logs; of several outputs "projections_loss" or so.
        loss: the `SupConLoss`; None: that of the model.

    Raises:
        ValueError: as `fit` begins: the model has no one `SupConLoss`, or one whose value at collapse depends on the
            batch (`denominator_mode`, `positives_cap`, one view).

    Example:
        A head that cannot learn, for its rate is 0, gives nearly equal projections from the first.

        >>> model = tf.keras.Sequential([tf.keras.Input([2, 8]), tf.keras.layers.Dense(4, kernel_initializer="ones")])
        >>> model.compile(tf.keras.optimizers.SGD(0.0), SupConLoss(0.1))
        >>> batch = (tf.random.uniform([4, 2, 8]), tf.range(4) % 2)
        >>> with warnings.catch_warnings(record=True) as heard:
        ...     warnings.simplefilter("always")
        ...     history = model.fit(*batch, epochs=30, callbacks=[CollapseWarning(batch)], verbose=0)
        >>> [str(one.message)[:36] for one in heard if "collapsed" in str(one.message)]
        ['epoch 20: the loss has stayed at 0.1']
    """

    def __init__(
        self,
        batch: tuple[ArrayLike, ArrayLike],
        *,
        project: Optional[Callable[[tf.Tensor], tf.Tensor]] = None,
        monitor: str = "loss",
        loss: Optional[SupConLoss] = None,
    ) -> None:
        super().__init__()
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise ValueError("`batch` must be one batch as `fit` takes it: (images or views, labels).")
        self.batch = tuple(map(tf.convert_to_tensor, batch))
        self.project, self.monitor, self.loss = project, monitor, loss
        self._watch: Optional[PlateauWatch] = None
        self._views, self._told_unlike = None, False
        self._before, self._in_epoch = 0, 0  # steps of earlier epochs, and of this one
        self._describe = tf.function(describe)  # of this callback: its batch has one shape, so it is traced once

    def on_train_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Takes the loss of the model, and counts steps from here."""
        self._require_batch()
        self._views = self._drawn()
        projections = self._projections()
        if projections.shape[1] == 1:
            raise ValueError(
                "CollapseWarning needs two views or more of an image, since with one an anchor may be alone; `batch` "
                f"has one, images of shape {list(self.batch[0].shape)}. Give a batch of views [B, V, ...] as `fit` "
                "takes it, next(iter(dataset)), or a SupConModel its `augment`."
            )
        rows, steps = projections.shape[0] * projections.shape[1], self.params.get("steps")
        rows += getattr(self.model, "queue_size", 0)
        epochs = max(self.params.get("epochs", 1), 1)
        self._watch = PlateauWatch(
            _plateau(self._loss(), rows),
            duration=Duration(epochs, steps or PATIENT, 1),
            width=projections.shape[2],
            advice=IN_KERAS,
        )
        self._before, self._in_epoch = 0, 0

    def on_epoch_begin(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Counts this epoch from 0."""
        self._before, self._in_epoch = self._steps, 0

    def on_train_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Counts.

        Args:
            batch: number of the step in its epoch; with `steps_per_execution` of the last step of several. Keras 3
                counts on past the end of an epoch that they do not divide.
            logs: not looked at.
        """
        self._in_epoch = min(batch + 1, self.params.get("steps") or batch + 1)

    @property
    def _steps(self) -> int:
        """Done in this `fit`."""
        return self._before + self._in_epoch

    def on_epoch_end(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Looks, and speaks where there is something to say."""
        loss = (logs or {}).get(self.monitor)
        if loss is None:
            raise ValueError(f"the logs have no {self.monitor!r}, but {', '.join(logs or {})}: set `monitor`.")
        if not math.isfinite(loss):
            return  # `TerminateOnNaN` has a word for it
        projections, labels = self._projections(), self._labels()
        measured = {name: float(value) for name, value in self._describe(projections, labels).items()}
        seen = {name: value for name, value in measured.items() if math.isfinite(value)}
        unlike = seen.get("negative_similarity_p50", 0) >= EQUAL and self._unlike_training(projections, labels, loss)
        said = self._watching().read({**({} if unlike else seen), "step": self._steps, "loss": float(loss)})
        if said:
            warnings.warn(f"epoch {epoch + 1}: {said}", stacklevel=2)
        elif unlike and self._steps >= SETTLED and not self._told_unlike:
            self._told_unlike = True
            similarity = f"median similarity of different classes {seen['negative_similarity_p50']:.3f}"
            warnings.warn(f"epoch {epoch + 1}: {UNLIKE.format(similarity)}", stacklevel=2)

    def _unlike_training(self, projections: tf.Tensor, labels: tf.Tensor, shown: float) -> bool:
        """Whether the loss in inference mode is not that of training, each as a share of what collapse costs it."""
        loss, watched = self._loss(), self._watching().plateau
        alone = type(loss).from_config({**loss.get_config(), "cross_replica": False})
        found = float(tf.reduce_mean(alone.values(labels, projections)))
        own = Plateau(projections.shape[0] * projections.shape[1], watched.temperature, watched.scale)
        return abs(own.distance(found) - watched.distance(shown)) > UNLIKE_BY

    def _watching(self) -> PlateauWatch:
        if self._watch is None:
            raise ValueError("CollapseWarning begins with `fit`: `on_train_begin` has not been called.")
        return self._watch

    def _require_batch(self) -> None:
        """Raises where a model that is called as it stands does not take the images of the batch."""
        own = self.project is not None or hasattr(self.model, "project")
        wanted = [] if own else wanted_instead(self.model, self.batch[0])
        if wanted:
            raise ValueError(
                f"CollapseWarning looks at what the model gives, and `batch` has images of shape "
                f"{shape_of(self.batch[0])}, but the model takes {wanted}: give a batch as `fit` takes it, "
                "next(iter(dataset)), or views of it, sc.TwoViews(...)(images)."
            )

    def _drawn(self) -> tf.Tensor:
        """The images, or views of them by the model's `augment`: the same for every epoch."""
        images, draw = self.batch[0], getattr(self.model, "augment", None)
        if self.project is not None or images.shape.rank != 4 or draw is None:
            return images
        return tf.function(draw, autograph=False)(images)  # eagerly each image would wait for the one before

    def _projections(self) -> tf.Tensor:
        """Of the batch, float32 [B, V, D] of unit length."""
        images, own = self._views, getattr(self.model, "project", None)
        found = self.project(images) if self.project else own(images) if own else self.model(images, training=False)
        if not isinstance(found, tf.Tensor) or found.shape.rank not in (2, 3):
            raise ValueError("projections of the batch must be one tensor [B, V, D] or [B, D]: set `project`.")
        found = unit_rows(tf.cast(found, tf.float32))
        return found if found.shape.rank == 3 else found[:, None]

    def _labels(self) -> tf.Tensor:
        labels = self.batch[1]
        if labels.shape.rank == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        return tf.cast(labels, tf.int64 if labels.shape.rank == 1 else tf.float32)

    def _loss(self) -> SupConLoss:
        loss: Any = self.loss or compiled_loss(self.model) or getattr(self.model, "contrastive_loss", None)
        parts = list(loss.values()) if isinstance(loss, dict) else loss if isinstance(loss, (list, tuple)) else [loss]
        found = [part for part in parts if isinstance(part, SupConLoss)]
        if len(found) != 1:
            raise ValueError(
                f"the model has {len(found)} losses that are a `SupConLoss`; name the one to watch: `loss`."
            )
        return found[0]


def _plateau(loss: SupConLoss, rows: int) -> Plateau:
    """What equal embeddings cost this loss."""
    how = loss.get_config()
    if how["denominator_mode"] != "all" or how["positives_cap"] is not None:
        raise ValueError(
            "with this `denominator_mode` or `positives_cap` what collapse costs depends on the batch: watch "
            "`sc.metrics.EffectiveRank` instead."
        )
    base = how["base_temperature"]
    return Plateau(rows, how["temperature"], 1.0 if base is None else how["temperature"] / base)
