"""What is minimised: of which outputs of the networks, and which function of them and of the labels.

Every value is this replica's share: it is divided by the images of the global batch, and the optimizer sums gradients
over replicas. So the update, and the sum of the metrics over replicas, do not depend on how many share the batch.
"""

from __future__ import annotations

import dataclasses
from typing import Callable, NamedTuple, Optional

import tensorflow as tf

from supcon_tf.losses.cross_entropy import correct, cross_entropy
from supcon_tf.losses.large_margin import large_margin_logits
from supcon_tf.losses.queue import Queue
from supcon_tf.networks.networks import Networks


class Outcome(NamedTuple):
    """What an objective makes of the outputs of a batch."""

    value: tf.Tensor  # float32 [], what is minimised
    metrics: dict  # float32 [] by name
    compared: tuple = ()  # projections [B, V, D] and the labels that they were compared by, for whoever looks at them


def contrastive(
    projections: tf.Tensor, labels: tf.Tensor, *, loss: Callable, batch_size: int, queue: Optional[Queue] = None
) -> Outcome:
    """The supervised contrastive loss (Eq. 2): metric "loss".

    Args:
        projections: float32 [B, V, D], rows of unit length.
        labels: int [B], negative for unlabelled; or label sets float32 [B, C] from 0 to 1.
        loss: (labels, projections, queue=...) to one loss per image [B]: `supervised_contrastive_loss`.
        batch_size: images of the global batch.
        queue: past rows that anchors are compared with too.
    """
    value = tf.reduce_sum(loss(labels, projections, queue=queue)) / batch_size
    return Outcome(value, {"loss": value}, (projections, labels))


def classification(logits: tf.Tensor, labels: tf.Tensor, *, batch_size: int, label_smoothing: float = 0.0) -> Outcome:
    """The cross-entropy of the classifier (Sec. 4.1): metrics "loss" and "train_accuracy".

    Args:
        logits: float32 [B, C].
        labels: int [B]; or label sets float32 [B, C], as in `losses.cross_entropy`.
        batch_size: images of the global batch.
        label_smoothing: share of the target that is spread over all classes, or of a label set over yes and no.
    """
    value = tf.reduce_sum(cross_entropy(labels, logits, label_smoothing=label_smoothing)) / batch_size
    return Outcome(value, {"loss": value, "train_accuracy": tf.reduce_sum(correct(labels, logits)) / batch_size})


@dataclasses.dataclass(frozen=True)
class Contrastive:
    """Encoder and projection head on V views of each image.

    Attributes:
        batch_size: images of the global batch.
        loss: as in `contrastive`.
        use_labels: False makes every image a class of its own (SimCLR).
    """

    batch_size: int
    loss: Callable
    use_labels: bool = True
    metrics = ("loss",)

    def inputs(self, networks: Networks, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """All views [B, V, S, S, ch] as rows [M, S, S, ch], image-major."""
        del networks, training
        rows = -1 if images.shape[0] is None else images.shape[0] * images.shape[1]
        return tf.reshape(images, [rows, *images.shape[2:]])

    def forward(self, networks: Networks, inputs: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Rows [m, S, S, ch] to projections [m, D], for any m."""
        return networks.project(inputs, training=training)

    def outcome(self, outputs: tf.Tensor, labels: tf.Tensor, *, views: int, queue: Optional[Queue] = None) -> Outcome:
        """What the outputs [M, D] of a replica's whole batch come to."""
        projections = _by_image(outputs, views)  # [B, V, D]
        compared = self.compared(labels)
        return contrastive(projections, compared, loss=self.loss, batch_size=self.batch_size, queue=queue)

    def compared(self, labels: tf.Tensor) -> tf.Tensor:
        """Labels as the contrastive loss takes them: int [B], or float [B, C] from 0 to 1."""
        if not self.use_labels:
            return tf.fill(tf.shape(labels)[:1], tf.constant(-1, tf.int64))
        return labels if labels.shape.rank == 1 else tf.maximum(labels, 0)  # a label in difficult objects alone is -1


@dataclasses.dataclass(frozen=True)
class CrossEntropy:
    """Encoder and classifier together on the first view: the baseline.

    Attributes: as of `classification`.
    """

    batch_size: int
    label_smoothing: float = 0.0
    metrics = ("loss", "train_accuracy")

    def inputs(self, networks: Networks, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """First views [B, S, S, ch]."""
        del networks, training
        return images[:, 0]

    def forward(self, networks: Networks, inputs: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Images [m, S, S, ch] to logits [m, C]."""
        return networks.classify(inputs, training=training)

    def outcome(self, outputs: tf.Tensor, labels: tf.Tensor, *, views: int, queue: Optional[Queue] = None) -> Outcome:
        """What the logits [B, C] come to."""
        del views, queue
        return classification(outputs, labels, batch_size=self.batch_size, label_smoothing=self.label_smoothing)


@dataclasses.dataclass(frozen=True)
class LargeMargin(CrossEntropy):
    """The cross-entropy of a large-margin softmax (`losses.large_margin`): the paper's max-margin classifier (Table 2).

    "train_accuracy" is that of the logits as they are. Labels are one class an image.

    Attributes: as of `classification`, and
        margin: m.
        share: how much of the margin counts in the end.
        rise: steps in which that rises from 0, as a straight line: with all of it at once, a network that knows
            nothing yet does best to make all logits small, and learns nothing.
        step: updates done; None counts as past the rise.
    """

    margin: int = 2
    share: float = 1.0
    rise: int = 0
    step: Optional[tf.Variable] = None

    def forward(self, networks: Networks, inputs: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Images [m, S, S, ch] to logits, cosines and lengths, [m, 3 C]."""
        return networks.classify_with_angles(inputs, training=training)

    def outcome(self, outputs: tf.Tensor, labels: tf.Tensor, *, views: int, queue: Optional[Queue] = None) -> Outcome:
        """What the outputs [B, 3 C] come to."""
        del views, queue
        harder = large_margin_logits(labels, outputs, margin=self.margin, share=self.share_now())  # [B, C]
        own = classification(harder, labels, batch_size=self.batch_size, label_smoothing=self.label_smoothing)
        right = correct(labels, tf.split(outputs, 3, 1)[0])  # [B]
        return own._replace(metrics={**own.metrics, "train_accuracy": tf.reduce_sum(right) / self.batch_size})

    def share_now(self) -> tf.Tensor:
        """How much of the margin counts at this step, float32 scalar."""
        if self.step is None or not self.rise:
            return tf.constant(self.share)
        return self.share * tf.minimum(tf.cast(self.step, tf.float32) / self.rise, 1.0)


@dataclasses.dataclass(frozen=True)
class Linear(CrossEntropy):
    """The classifier alone, on the frozen encoder (Sec. 4.4).

    Where batch norm takes the moments of the batch, the classifier learns on features that were normalised by them, and
    the moving averages go on moving, as in the authors' TensorFlow code.
    """

    def inputs(self, networks: Networks, images: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Features [B, F] of first views: no gradient is taken through the encoder."""
        return networks.features(images[:, 0], training=training)

    def forward(self, networks: Networks, inputs: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Features [m, F] to logits [m, C]."""
        return networks.classifier(inputs)


@dataclasses.dataclass(frozen=True)
class Joint(Contrastive):
    """The contrastive loss, and with it the classifier on the features of first views, as they are (Sec. 4.5).

    The cross-entropy reaches the classifier only: no gradient of it goes to the encoder. "loss" is the contrastive one.

    Attributes: as of `Contrastive` and `classification`, and
        classes: C.
    """

    classes: int = 0
    label_smoothing: float = 0.0
    metrics = ("loss", "classifier_loss", "train_accuracy")

    def forward(self, networks: Networks, inputs: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Rows [m, S, S, ch] to projections and logits side by side, [m, D + C]."""
        return networks.project_and_classify(inputs, training=training)

    def outcome(self, outputs: tf.Tensor, labels: tf.Tensor, *, views: int, queue: Optional[Queue] = None) -> Outcome:
        """What the outputs [M, D + C] of a replica's whole batch come to."""
        own = super().outcome(outputs[:, : -self.classes], labels, views=views, queue=queue)
        logits = _by_image(outputs[:, -self.classes :], views)[:, 0]  # [B, C], of first views
        smoothing = {"batch_size": self.batch_size, "label_smoothing": self.label_smoothing}
        other = classification(logits, labels, **smoothing)
        metrics = {**other.metrics, "classifier_loss": other.value, "loss": own.value}
        return Outcome(own.value + other.value, metrics, own.compared)


def _by_image(outputs: tf.Tensor, views: int) -> tf.Tensor:
    """Outputs of all rows [M, ...] as [B, V, ...]."""
    return tf.reshape(outputs, [-1, views, *outputs.shape[1:]])
