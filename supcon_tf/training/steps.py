"""What one replica does in one update: forward, gradient, update, and its share of the global metrics.

Every step divides by the global batch, and the optimizer sums gradients over replicas; so the update, and the sum of
the returned metrics over replicas, do not depend on how many replicas share the batch.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

import tensorflow as tf

from supcon_tf.losses.cross_entropy import classification
from supcon_tf.losses.supcon import supervised_contrastive_loss
from supcon_tf.names import PARTS, STAGE_KINDS
from supcon_tf.networks.networks import Networks
from supcon_tf.optim.gradient_norm import GradientNorm
from supcon_tf.optim.optimizers import loss_scaling
from supcon_tf.optim.weight_decay import decayed_variables, l2_penalty
from supcon_tf.training.gradient_cache import forward_state, value_and_gradients
from supcon_tf.training.state import StageState

SQUARES = "squares"  # half the squared norm of each gradient of a replica, float32 [number of trained variables]


class Step(NamedTuple):
    """What one replica does in one update."""

    # (images, labels) to (metrics, whose sums over replicas are global; projections [B, V, D] and labels [B], or ()).
    run: Callable[[tf.Tensor, tf.Tensor], tuple]
    metrics: tuple  # their names, but for `SQUARES`, which comes beside them and is there to be checked
    gradients: tuple  # of which variables, by name, in the order of `SQUARES`


def trained_parts(stage: str) -> tuple:
    """Which networks a stage trains; the linear stage leaves the encoder as it is (Sec. 4.4)."""
    return STAGE_KINDS[stage].trains


def trained_variables(networks: Networks, stage: str) -> list:
    """The variables that a stage's optimizer updates, in a fixed order."""
    return [variable for name in trained_parts(stage) for variable in networks.parts()[name].trainable_variables]


def variable_name(variable) -> str:
    """The whole name of a variable of either Keras: `stem/kernel`."""
    return getattr(variable, "path", variable.name).removesuffix(":0")


def variable_names(networks: Networks, stage: str) -> tuple:
    """What a message calls the trained variables: `encoder stem/kernel`."""
    parts = networks.parts()
    return tuple(f"{p} {variable_name(v)}" for p in trained_parts(stage) for v in parts[p].trainable_variables)


def penalized_variables(
    networks: Networks, stage: str, *, kinds: Sequence[str] = ("kernels",), parts: Sequence[str] = PARTS
) -> list:
    """Those of the trained variables that weight decay shrinks: by kind (`optim.weight_decay`), in some parts."""
    return [
        variable
        for name in trained_parts(stage)
        if name in parts
        for variable in decayed_variables(networks.parts()[name], kinds=kinds)
    ]


def contrastive_step(
    state: StageState,
    *,
    batch_size: int,
    weight_decay: float,
    loss: dict,
    use_labels: bool,
    decayed: Optional[Sequence] = None,
    microbatches: int = 1,
    batch_statistics: bool = True,
) -> Step:
    """Encoder and projection head on V views of each image, by the supervised contrastive loss (Eq. 2).

    Args:
        state: of the stage.
        batch_size: images of the global batch.
        weight_decay: coefficient of the L2 penalty.
        loss: keyword arguments of `supervised_contrastive_loss`.
        use_labels: False makes every image a class of its own (SimCLR).
        decayed: variables of the penalty; None: those of `penalized_variables`.
        microbatches: parts of a replica's batch that go through the networks one after the other; the gradient is
            still that of the whole global batch (`training.gradient_cache`).
        batch_statistics: batch norm takes the moments of the batch and moves its averages; False: it takes the moving
            averages and leaves them.

    Returns:
        A step on images float32 [B, V, S, S, ch] and labels int [B], or label sets float32 [B, C].
    """
    update = _Update(state, "contrastive", weight_decay, decayed, microbatches)
    contrast = _contrast(state, loss, batch_size)

    def step(images, labels):
        labels = _compared(labels, use_labels)

        def of_batch(projections):
            by_image = _by_image(projections, images)  # [B, V, D]
            value = contrast(labels, by_image)
            return value, ({"loss": value}, (by_image, labels))

        forward = functools.partial(state.networks.project, training=batch_statistics)
        return update(forward, _rows(images), of_batch, remember=(images[:, -1], labels))

    return update.step(step, "loss")


def joint_step(
    state: StageState,
    *,
    batch_size: int,
    weight_decay: float,
    loss: dict,
    use_labels: bool,
    label_smoothing: float,
    decayed: Optional[Sequence] = None,
    microbatches: int = 1,
    batch_statistics: bool = True,
) -> Step:
    """The contrastive step, and with it the classifier on the features of first views, as they are (Sec. 4.5).

    The cross-entropy reaches the classifier only: no gradient of it goes to the encoder. Beside "loss", which is the
    contrastive one as in `contrastive_step`, the metrics have "classifier_loss" and "train_accuracy".

    Args: as `contrastive_step` and `cross_entropy_step`.
    """
    update = _Update(state, "joint", weight_decay, decayed, microbatches)
    contrast = _contrast(state, loss, batch_size)
    classes = state.networks.classifier.classes

    def step(images, labels):
        compared = _compared(labels, use_labels)
        classify = classification(labels, label_smoothing=label_smoothing, batch_size=batch_size)

        def of_batch(outputs):
            by_image = _by_image(outputs, images)  # [B, V, D + C]
            projections, logits = by_image[..., :-classes], by_image[:, 0, -classes:]  # [B, V, D], [B, C]
            value = contrast(compared, projections)
            own_value, (metrics, _) = classify(logits)
            metrics = {**metrics, "loss": value, "classifier_loss": own_value}
            return value + own_value, (metrics, (projections, compared))

        forward = functools.partial(state.networks.project_and_classify, training=batch_statistics)
        return update(forward, _rows(images), of_batch, remember=(images[:, -1], compared))

    return update.step(step, "loss", "classifier_loss", "train_accuracy")


def cross_entropy_step(
    state: StageState,
    *,
    batch_size: int,
    weight_decay: float,
    label_smoothing: float,
    decayed: Optional[Sequence] = None,
    microbatches: int = 1,
    batch_statistics: bool = True,
) -> Step:
    """Encoder and classifier together on the first view, by cross-entropy: the baseline.

    Args: as `contrastive_step`; label_smoothing is the share of the target that is spread over all classes.
    """
    update = _Update(state, "cross_entropy", weight_decay, decayed, microbatches)

    def step(images, labels):
        of_batch = classification(labels, label_smoothing=label_smoothing, batch_size=batch_size)
        forward = functools.partial(state.networks.classify, training=batch_statistics)
        return update(forward, images[:, 0], of_batch)

    return update.step(step, "loss", "train_accuracy")


def linear_step(
    state: StageState,
    *,
    batch_size: int,
    weight_decay: float,
    label_smoothing: float,
    decayed: Optional[Sequence] = None,
    batch_statistics: bool = False,
) -> Step:
    """The classifier alone, on the frozen encoder: batch norm uses its moving averages and keeps them (Sec. 4.4).

    Args: as `cross_entropy_step`. With batch_statistics=True the classifier learns on features that were normalised by
        the moments of the batch, and the moving averages go on moving, as in the authors' TensorFlow code.
    """
    networks = state.networks
    update = _Update(state, "linear", weight_decay, decayed)

    def step(images, labels):
        features = networks.features(images[:, 0], training=batch_statistics)  # [B, F], outside the tape
        of_batch = classification(labels, label_smoothing=label_smoothing, batch_size=batch_size)
        return update(networks.classifier, features, of_batch)

    return update.step(step, "loss", "train_accuracy")


def _compared(labels, use_labels):
    """Labels as the contrastive loss takes them: int [B], or float [B, C] from 0 to 1."""
    if not use_labels:
        return tf.fill(tf.shape(labels)[:1], tf.constant(-1, tf.int64))
    return labels if labels.shape.rank == 1 else tf.maximum(labels, 0)


def _contrast(state, loss, batch_size):
    """(labels [B], projections [B, V, D]) to the contrastive loss of this replica's images, with the state's queue."""

    def of_batch(labels, projections):
        queue = state.queue.read() if state.queue else None
        values = supervised_contrastive_loss(labels, projections, queue=queue, normalize=False, **loss)  # unit rows
        return tf.reduce_sum(values) / batch_size

    return of_batch


def _rows(images):
    """Views [B, V, S, S, ch] as rows [M, S, S, ch]."""
    return tf.reshape(images, [images.shape[0] * images.shape[1], *images.shape[2:]])


def _by_image(outputs, images):
    """Outputs of all rows [M, ...] as [B, V, ...]."""
    return tf.reshape(outputs, [*images.shape[:2], *outputs.shape[1:]])


class _Update:
    """Gradient of loss and penalty, and an optimizer step, over the variables that one stage trains."""

    def __init__(
        self, state: StageState, stage: str, weight_decay: float, decayed: Optional[Sequence], microbatches: int = 1
    ):
        self._optimizer, self._queue = state.optimizer, state.queue
        self._norm = GradientNorm(state.optimizer, state.replicas)
        self._metrics = ("gradient_norm",) if self._norm.known else ()
        self._names = variable_names(state.networks, stage)
        self._variables = trained_variables(state.networks, stage)
        self._decayed = penalized_variables(state.networks, stage) if decayed is None else list(decayed)
        self._weight_decay = weight_decay
        self._microbatches = microbatches
        self._changed = (
            forward_state(*(state.networks.parts()[name] for name in trained_parts(stage))) if microbatches > 1 else []
        )

    def step(self, run: Callable, *metrics: str) -> Step:
        """A step whose `run` calls this, with a loss that gives these metrics."""
        return Step(run, (*metrics, *self._metrics), self._names)

    def __call__(self, forward, inputs, loss, *, remember: tuple = ()) -> tuple:
        """Updates by the loss of the outputs of `forward`; returns what `loss` gives beside its value, and more.

        A queue then takes in the images and labels of `remember`.
        """
        scale, unscale = loss_scaling(self._optimizer)

        def scaled(outputs):
            value, rest = loss(outputs)
            return scale(value), rest

        gradients, (metrics, seen) = value_and_gradients(
            forward, inputs, scaled, variables=self._variables, state=self._changed, microbatches=self._microbatches
        )
        gradients = unscale(self._with_penalty(gradients, scale))
        squares = tf.stack([tf.nn.l2_loss(gradient) for gradient in self._norm.unscaled(gradients)])
        metrics = {**metrics, **self._norm.apply(gradients, self._variables), SQUARES: squares}
        if self._queue is not None and remember:
            self._queue.add(*remember)
        return metrics, seen

    def _with_penalty(self, gradients, scale):
        """Adds the gradient of this replica's share of the L2 penalty: the optimizer sums the shares."""
        if not self._weight_decay or not self._decayed:
            return gradients
        with tf.GradientTape() as tape:
            share = self._weight_decay / tf.distribute.get_strategy().num_replicas_in_sync
            penalty = scale(l2_penalty(self._decayed, coefficient=share))
        found = {id(v): gradient for v, gradient in zip(self._decayed, tape.gradient(penalty, self._decayed))}
        return [
            gradient + found[id(variable)] if id(variable) in found else gradient
            for variable, gradient in zip(self._variables, gradients)
        ]
