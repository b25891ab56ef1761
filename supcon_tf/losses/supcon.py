"""The supervised contrastive loss (Khosla et al., 2020, arXiv:2004.11362): pure function and Keras class."""

from __future__ import annotations

import functools
from typing import Any, Optional

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from supcon_tf.distribution import collectives
from supcon_tf.losses import arguments, dense, inputs, pairs
from supcon_tf.losses import labels as labelling
from supcon_tf.losses import queue as queues
from supcon_tf.losses.modes import Mode
from supcon_tf.losses.pairs import Rows
from supcon_tf.losses.soundness import poisoned, refusal
from supcon_tf.losses.tiled import kernel as tiles
from supcon_tf.tracing import as_written

# Up to so many rows of a single replica, their number known, the whole matrix is used: measured by `launch.benchmark
# loss`.
_DENSE_ROWS = 512
_MEANS = ("sum_over_batch_size", "mean", "auto")  # reductions that divide by the images of the replica


@as_written
def supervised_contrastive_loss(
    labels: ArrayLike,
    projections: ArrayLike,
    *,
    temperature: float = 0.1,
    base_temperature: Optional[float] = 1.0,
    contrast_mode: str = "all",
    summation_location: str = "out",
    denominator_mode: str = "all",
    positives_cap: Optional[int] = None,
    no_positives: str = "zero",
    normalize: bool = True,
    label_mode: str = "auto",
    cross_replica: bool = True,
    queue: Optional[queues.Queue] = None,
    tile_rows: Optional[int] = None,
    jit_compile: bool = False,
) -> tf.Tensor:
    """One loss per image; the mean over the global batch is the loss of Eq. 2 (or 3), per anchor.

    Args:
        labels: integer [B] or [B, 1], or [B, C] from 0 to 1: one-hot, several labels per image, or shares of labels.
            A negative integer or a row of zeros means unlabelled: that image is a class of its own. All labels
            negative is SimCLR. Where a row is not one-hot, a pair of images counts as positive by the overlap of its
            label sets, q = y.y' / (y.y + y'.y' - y.y'), and all means over positives are weighted by q
            (`pairs.compare`); negatives are the pairs that share no label.
        projections: float [B, V, D], or [B, D] for V = 1.
        temperature: tau.
        base_temperature: the loss is multiplied by temperature / base_temperature. 1.0 is the authors' TensorFlow
            code, 0.07 their PyTorch code; None leaves the loss unscaled.
        contrast_mode: "all" makes every view an anchor; "one" only view 0 of each image, against all views.
        summation_location: "out" is Eq. 2, the mean over positives outside the logarithm; "in" is Eq. 3.
        denominator_mode: what stands in the denominator of positive p: "all" negatives and positives, "one_positive":
            negatives and p, "only_negatives": negatives (an anchor without any then costs 0). `modes` has the table.
        positives_cap: most positives from other images, a multiple of V: the first positives_cap / V other images of
            the class, in global order. The rest of the class leaves the denominator too. None keeps all.
        no_positives: an anchor without positives costs 0 and is counted ("zero"), or is left out of the mean
            ("exclude"): values are scaled so that their mean over the global batch is the mean over other anchors.
        normalize: bring every row to unit length first (Sec. 3.1), those of a queue, too. False takes rows as they
            are, for networks that end in unit rows (`layers.normalization.UnitNorm`), or on purpose; then rows that
            are seen, eagerly, to have another length get a warning.
        label_mode: what `labels` are. "auto": [B] and [B, 1] are classes, any other [B, C] is a row of labels per
            image. This is a guess: labels per *view* of 0 and 1, [B, V], look like label sets of V = C classes.
            "class", "one_hot" or "sets" (several labels per image, or shares) say what is meant, and what is not that
            is refused. On several replicas, and in a graph, "one_hot" also spares what "auto" has to ask first.
        cross_replica: compare with the images of all replicas; the values are those of this replica's images.
        queue: `losses.queue.Queue`, past projections with their labels that anchors are compared with too, as keys
            without gradient, the same on every replica. Not with `positives_cap`, and with one label per image.
        tile_rows: rows of a tile of the similarity matrix, which is never stored as a whole: memory is linear in the
            batch. 0 stores the matrix as a whole, whatever its size. None chooses tiles by the batch and the device,
            but for up to 512 rows of one replica the matrix, which is then faster; this needs their number when a
            graph is built. Where the batch is unknown then, as it mostly is under `fit`, tiles are used: they take 1.8
            times the time of the matrix at 32 rows, 1.6 at 128 and as much at 512, 0.3 ms more at most
            (`launch.benchmark loss`).
        jit_compile: compile the passes over the tiles with XLA. For several replicas, whose gathers keep XLA from
            being put around the whole.

    Returns:
        [B], the mean over the anchor views of each image; float64 for float64 projections, else float32.

    Accuracy: for rows of unit length and temperatures from 1e-3 to 10, value and gradient are finite in every input
        type. Against float64 loops the relative error of the gradient is at most 1e-10 in float64, and at most 1e-4
        in float32 from temperature 0.01 up (`launch.benchmark accuracy` prints it). float16 and bfloat16 inputs are
        rounded before they come here; the arithmetic on them is float32. GPUs with TensorFloat-32 and TPUs multiply
        float32 in fewer bits unless told otherwise, and then so does this. There are no second derivatives by tiles.

    Raises:
        ValueError: an argument, shape or label is wrong, or labels and projections are not of as many images; the
            message says which, and what to do. What only the values show is, in a graph, a
            tf.errors.InvalidArgumentError of the step; and where XLA compiles the graph, which leaves out whatever
            could raise an error, a loss and a gradient of NaN (`soundness`).

    Example:
        Two images of class 0 and one of class 1, in two views each.

        >>> import tensorflow as tf
        >>> from supcon_tf.losses.supcon import supervised_contrastive_loss
        >>> views = [[[1, 0], [0.8, 0.6]], [[0.6, 0.8], [1, 0]], [[0, -1], [0, -1]]]
        >>> projections = tf.constant(views, tf.float32)  # [B, V, D]
        >>> values = supervised_contrastive_loss([0, 0, 1], projections, temperature=0.5, base_temperature=None)
        >>> [round(float(value), 3) for value in values]
        [1.209, 1.23, 0.292]
    """
    arguments.check({
        "temperature": temperature, "base_temperature": base_temperature, "contrast_mode": contrast_mode,
        "summation_location": summation_location, "denominator_mode": denominator_mode,
        "positives_cap": positives_cap, "no_positives": no_positives, "normalize": normalize,
        "label_mode": label_mode, "tile_rows": tile_rows,
    })  # fmt: skip
    replicas = collectives.replicas() if cross_replica else collectives.replicas().alone()
    z = inputs.with_views(projections, normalize=normalize)  # [B, V, D]
    views = z.shape[1]
    y, queue, sound = inputs.read(
        labels, z, queue, positives_cap=positives_cap, normalize=normalize, label_mode=label_mode,
        replicas=replicas,
    )  # [G] or [G, C]  # fmt: skip
    kept_images = None if positives_cap is None else int(positives_cap) // views
    mode = Mode.of(summation_location, denominator_mode, kept_images, label_sets=y.shape.rank == 2)
    rows = tf.reshape(poisoned(z, sound), [-1, z.shape[2]])  # [M, D]
    anchors, keys = _meet(rows, y, queue, replicas, views=views, kept_images=kept_images)
    if _whole(keys, tile_rows, replicas):
        losses = dense.anchor_losses(anchors, keys, mode=mode, temperature=temperature)  # [M]
    else:
        exchange = functools.partial(queues.zeros_after, replicas.gather, queue)
        tiling = tiles.Tiling(tile_rows, replicas.accelerated, jit_compile)
        losses = tiles.anchor_losses(
            anchors, keys, mode=mode, temperature=temperature, exchange=exchange, tiling=tiling
        )
    per_view = tf.reshape(losses, tf.shape(z)[:2])  # [B, V]
    per_image = per_view[:, 0] if contrast_mode == "one" else tf.reduce_mean(per_view, 1)  # [B]
    if no_positives == "exclude":
        of_batch = keys.ids.positives[: tf.shape(y)[0] * views]  # [N]
        per_image = tf.math.divide_no_nan(per_image, tf.reduce_mean(tf.cast(of_batch > 0, per_image.dtype)))
    if base_temperature is not None:
        per_image *= temperature / base_temperature
    return poisoned(per_image, sound)


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class SupConLoss(tf.keras.losses.Loss):
    """The supervised contrastive loss (Khosla et al., 2020, Eq. 2 or 3) as a Keras loss of labels and projections.

    `fit` needs no more than a model from images to projections [B, V, D] or [B, D]. `supervised_contrastive_loss` is
    the same as a function, for loops of your own.

    Args:
        temperature: tau, the similarity's divisor (Sec. 3.2): 0.1 is the paper's.
        base_temperature: the loss is multiplied by temperature / base_temperature. 1.0 is the authors' TensorFlow code,
            0.07 their PyTorch code, None no scaling.
        contrast_mode: "all" makes every view an anchor; "one" only view 0 of each image.
        summation_location: "out" is Eq. 2, the mean over positives outside the logarithm; "in" is Eq. 3.
        denominator_mode: "all" negatives and positives stand in the denominator, "one_positive": negatives and the
            positive itself, "only_negatives": negatives.
        positives_cap: most positives from other images, a multiple of V; None keeps all.
        no_positives: an anchor without positives costs 0 and is counted ("zero"), or leaves the mean ("exclude").
        cross_replica: compare with the images of all replicas of a `tf.distribute` strategy.
        tile_rows: rows of a tile of the similarity matrix; 0 stores the whole matrix; None chooses.
        reduction: of the values [B]: "sum_over_batch_size", "sum" or "none". Under `fit` on several replicas only the
            first gives the mean over the global batch.
        name: of the loss.
        normalize: bring outputs to unit length first (Sec. 3.1). False takes them as they are.
        label_mode: what y_true holds: "class", "one_hot", "sets" (several labels per image), or "auto" to go by its
            shape, which takes labels per view of 0 and 1 for label sets of V = C classes.

    Input:
        y_true: integer [B] or [B, 1], a negative one for unlabelled; or any numeric type [B, C] from 0 to 1, a row of
            zeros for unlabelled. Classes of any size keep all their digits here; as float32 they are refused from
            2^24 on, where that type merges them.
        y_pred: any float type [B, V, D], or [B, D] for one view. Two crops of an image are two views of one row of the
            batch, and not two rows.

    Output:
        A scalar of the reduction, or [B]: one value an image, the mean over its anchors.

    Raises:
        ValueError: an argument, a type or a shape is wrong, or weights or a mask are of views, [B, V]. What only the
            values of a batch show is raised when the graph runs; a graph that XLA compiles (`jit_compile=True`, or
            Keras 3 on a GPU by itself) raises nothing, and its loss and gradient are NaN instead.

    Several replicas: Keras takes the mean of the replicas' means. Where their shares of a batch differ, as of a last
    batch, each value is weighed by the replica's share, so that the update is that of the mean over the global batch.
    What Keras shows as the loss of such a batch weighs the replicas by their shares once more. An empty share adds
    nothing to the update, but batch norm of Keras 3 makes NaN of one unless it is synchronized: drop_remainder=True
    avoids it. In a loop of your own on `strategy.run`, call the function instead and divide by the global batch: Keras
    generations differ in what they divide by.

    A batch in which no image has a positive costs 0, and nothing is learned of it: `metrics.AnchorsWithoutPositives`
    shows how many anchors have none. Gradient accumulation of Keras 3 compares the images of each part only, not those
    of the whole batch (`training.gradient_cache` does).

    Example:
        >>> import tensorflow as tf
        >>> from supcon_tf.losses.supcon import SupConLoss
        >>> encoder = tf.keras.Sequential([tf.keras.Input([2, 8]), tf.keras.layers.Dense(4)])  # [B, V, 8] to [B, V, D]
        >>> encoder.compile("sgd", SupConLoss(temperature=0.1))
        >>> images, classes = tf.random.normal([6, 2, 8]), tf.constant([0, 1, 2, 0, 1, 2])
        >>> history = encoder.fit(images, classes, verbose=0)
        >>> history.history["loss"][0] > 0
        True
    """

    def __init__(
        self,
        temperature: float = 0.1,
        base_temperature: Optional[float] = 1.0,
        contrast_mode: str = "all",
        summation_location: str = "out",
        denominator_mode: str = "all",
        positives_cap: Optional[int] = None,
        no_positives: str = "zero",
        cross_replica: bool = True,
        tile_rows: Optional[int] = None,
        reduction: str = "sum_over_batch_size",
        name: str = "supervised_contrastive_loss",
        *,
        normalize: bool = True,
        label_mode: str = "auto",
    ) -> None:
        super().__init__(reduction=reduction, name=name)
        checked: dict[str, Any] = {
            "temperature": temperature,
            "base_temperature": base_temperature,
            "contrast_mode": contrast_mode,
            "summation_location": summation_location,
            "denominator_mode": denominator_mode,
            "positives_cap": positives_cap,
            "no_positives": no_positives,
            "normalize": normalize,
            "label_mode": label_mode,
            "tile_rows": tile_rows,
        }
        arguments.check(checked)
        self._arguments = {**checked, "cross_replica": cross_replica}

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> tf.Tensor:
        if y_true is None:  # of which Keras 3 would say that it cannot be converted
            raise refusal(labelling.MISSING)
        _one_an_image(sample_weight)
        _one_an_image(getattr(y_pred, "_keras_mask", None))
        return super().__call__(y_true, y_pred, sample_weight=sample_weight)

    @property
    def dtype(self) -> None:
        """None: Keras 3 casts labels to the type of a loss before `call`, and as float32 two classes can become one."""
        return None

    def values(self, labels: ArrayLike, projections: ArrayLike, queue: Optional[queues.Queue] = None) -> tf.Tensor:
        """One value an image, [B], as `supervised_contrastive_loss` with the arguments of this loss gives them."""
        return supervised_contrastive_loss(labels, projections, queue=queue, **self._arguments)

    @as_written
    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        values = self.values(y_true, y_pred)
        if self.reduction in _MEANS and collectives.replica_count() > 1:
            values *= tf.cast(collectives.share_of_batch(tf.shape(y_pred)[0]), values.dtype)
        return values

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._arguments}


def _one_an_image(weights: Any) -> None:
    """Raises where weights or a mask are not one number, [B] or [B, 1]: Keras would fail on them without words.

    Keras 2 hands a mask over as weights.
    """
    shape = tf.TensorShape(weights.shape if hasattr(weights, "shape") else np.shape(weights))
    if weights is None or shape.rank in (None, 0, 1) or (shape.rank == 2 and shape[1] in (None, 1)):
        return
    raise refusal(
        f"`sample_weight`, or the mask that a layer made, has shape {shape}, and this loss takes one weight an image, "
        "[B]: views cannot be weighed or masked. Give the mean over its views, or end what makes the mask in a layer "
        "that drops it, such as GlobalAveragePooling1D."
    )


def _meet(
    rows: tf.Tensor,
    labels: tf.Tensor,
    queue: Optional[queues.Queue],
    replicas: collectives.Replicas,
    *,
    views: int,
    kept_images: Optional[int],
) -> tuple[Rows, Rows]:
    """Anchors, the rows [M, D] of this replica, and keys, what they are compared with.

    One replica: its rows are both. Several: the keys are the rows of all. With a queue: and then those of the queue.
    """
    if queue is None:
        ids = pairs.row_ids(labels, views=views, kept_images=kept_images)  # of N rows
    else:
        ids = queues.row_ids(labels, queue, views=views)  # of N + Q rows
    if replicas.count == 1 and queue is None:
        anchors = keys = Rows(rows, ids)
        return anchors, keys
    own = replicas.first_row(tf.shape(rows)[0]) + tf.range(tf.shape(rows)[0])  # [M]
    return Rows(rows, pairs.select(ids, own)), Rows(queues.after(replicas.gather(rows), queue), ids)


def _whole(keys: Rows, tile_rows: Optional[int], replicas: collectives.Replicas) -> bool:
    """Whether the whole matrix is computed: where it is asked for, or is known to be small and so faster than tiles."""
    if tile_rows is not None or replicas.count > 1:
        return tile_rows == 0
    rows: Optional[int] = keys.values.shape[0]
    return rows is not None and rows <= _DENSE_ROWS
