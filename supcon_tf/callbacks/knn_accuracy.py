"""How often nearest neighbours are right, at the end of epochs."""

from __future__ import annotations

from typing import Any, Callable, Optional

import tensorflow as tf

from supcon_tf.callbacks.encoders import LooksAtFeatures
from supcon_tf.evaluation.encoder import Labelled, labels_in
from supcon_tf.evaluation.neighbours import neighbour_accuracy


class KNNAccuracy(LooksAtFeatures):
    """Adds "val_knn_accuracy" to the logs: accuracy of the vote of nearest neighbours (Wu et al., 2018).

    It needs no classifier, so it shows whether a contrastive `fit` learns; similarities are made in tiles. Stand it
    before callbacks that read it, such as `EarlyStopping(monitor="val_knn_accuracy", mode="max")`. Choose nothing by
    it on the images that are tested at the end.

    Args:
        train: (images, labels) whose neighbours vote, or a finite dataset of batches of them, without augmentation.
        test: likewise, images that are voted on.
        every: epochs between two measurements; the last epoch is always measured, others have no entry.
        neighbours: k, at most the images of `train`.
        temperature: T of the votes exp(s / T).
        encoder: from images to features; None: the model that is trained, as of a `SupConModel`. In a plain Keras
            model, which gives projections of views, the encoder inside.

    Raises:
        ValueError: as `fit` begins: data without labels, fewer training images than neighbours, or images that the
            model does not take: give the `encoder`.

    Example:
        >>> import tensorflow as tf
        >>> import supcon_tf as sc
        >>> images, labels = tf.random.uniform([12, 8, 8, 1]), tf.range(12) % 3
        >>> encoder = tf.keras.Sequential([tf.keras.Input([8, 8, 1]), tf.keras.layers.Flatten()])
        >>> model = sc.models.SupConModel(encoder, augment=sc.TwoViews("crop_flip", size=8))
        >>> model.compile("sgd")
        >>> split = (images.numpy(), labels.numpy())
        >>> knn = KNNAccuracy(split, split, neighbours=1)
        >>> model.fit(images, labels, callbacks=[knn], verbose=0).history["val_knn_accuracy"]
        [1.0]
    """

    def __init__(
        self,
        train: Labelled,
        test: Labelled,
        every: int = 1,
        neighbours: int = 200,
        temperature: float = 0.1,
        *,
        encoder: Optional[Callable[..., tf.Tensor]] = None,
    ):
        super().__init__(every=every, encoder=encoder)
        self.train, self.test, self.neighbours, self.temperature = train, test, neighbours, temperature

    def check(self) -> None:
        """Whether there are labels, and training images enough."""
        if self.neighbours < 1 or not self.temperature > 0:
            raise ValueError(
                f"`neighbours` must be 1 or more and `temperature` above 0; got {self.neighbours}, {self.temperature}."
            )
        known = len(labels_in(self.train, "train", first=self.neighbours))
        if known < self.neighbours:
            raise ValueError(
                f"`neighbours` must be from 1 to {known}, the number of images in `train`; got {self.neighbours}. "
                "Give KNNAccuracy(..., neighbours=k) with a smaller k: 200 is usual for tens of thousands of images."
            )
        labels_in(self.test, "test", first=1)
        self.require_images(self.train, "train")
        self.require_images(self.test, "test")

    def on_epoch_end(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Measures, where it is time."""
        if not self.due(epoch) or logs is None:
            return
        train, test = self.features(self.train, "train"), self.features(self.test, "test")
        classes = 1 + int(max(train[1].max(), test[1].max()))
        found = neighbour_accuracy(
            train, test, classes=classes, neighbours=self.neighbours, temperature=self.temperature
        )
        logs["val_knn_accuracy"] = found["top1"]
