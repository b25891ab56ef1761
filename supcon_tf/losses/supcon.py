"""The supervised contrastive loss (Khosla et al., 2020, arXiv:2004.11362): pure function and Keras class."""

from __future__ import annotations

import functools
import numbers
from typing import Optional

import tensorflow as tf

from supcon_tf import names
from supcon_tf.distribution import collectives
from supcon_tf.losses import dense, pairs
from supcon_tf.losses import queue as queues
from supcon_tf.losses.labels import classes_if_known, one_class_each, read_labels
from supcon_tf.losses.tiled import blocks
from supcon_tf.losses.tiled import kernel as tiles

# Far beyond any use, and far within what float32 can hold; the accuracy is tested for 1e-3 to 10.
_SMALLEST, _LARGEST = 1e-6, 1e6
# Up to so many rows of a single replica the whole matrix is used: measured by `launch.benchmark loss`.
_DENSE_ROWS = 512
CHOICES = {
    "contrast_mode": names.CONTRAST_MODES,
    "summation_location": names.SUMMATION_LOCATIONS,
    "denominator_mode": names.DENOMINATOR_MODES,
    "no_positives": names.NO_POSITIVES,
}


def supervised_contrastive_loss(
    labels,
    projections,
    *,
    temperature: float = 0.1,
    base_temperature: Optional[float] = 1.0,
    contrast_mode: str = "all",
    summation_location: str = "out",
    denominator_mode: str = "all",
    positives_cap: Optional[int] = None,
    no_positives: str = "zero",
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
        projections: float [B, V, D], or [B, D] for V = 1. Rows should have unit length (`layers.UnitNorm`); they are
            not normalised here.
        temperature: tau.
        base_temperature: the loss is multiplied by temperature / base_temperature. 1.0 is the authors' TensorFlow
            code, 0.07 their PyTorch code; None leaves the loss unscaled.
        contrast_mode: "all" makes every view an anchor; "one" only view 0 of each image, against all views.
        summation_location: "out" is Eq. 2, the mean over positives outside the logarithm; "in" is Eq. 3.
        denominator_mode: what stands in the denominator of positive p: "all" negatives and positives, "one_positive":
            negatives and p, "only_negatives": negatives (an anchor without any then costs 0).
        positives_cap: most positives from other images, a multiple of V: the first positives_cap / V other images of
            the class, in global order. The rest of the class leaves the denominator too. None keeps all.
        no_positives: an anchor without positives costs 0 and is counted ("zero"), or is left out of the mean
            ("exclude"): values are scaled so that their mean over the global batch is the mean over other anchors.
        cross_replica: compare with the images of all replicas; the values are those of this replica's images.
        queue: `losses.queue.Queue`, past projections with their labels that anchors are compared with too, as keys
            without gradient, the same on every replica. Not with `positives_cap`, and with one label per image.
        tile_rows: rows of a tile of the similarity matrix, which is never stored as a whole: memory is linear in the
            batch. None chooses by the batch and the device, and takes up to 512 rows of one replica as one matrix.
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
        ValueError: an argument, shape or label is wrong; the message says which, and what to do.
    """
    check_arguments(
        temperature=temperature, base_temperature=base_temperature, positives_cap=positives_cap,
        contrast_mode=contrast_mode, summation_location=summation_location, denominator_mode=denominator_mode,
        no_positives=no_positives, tile_rows=tile_rows,
    )  # fmt: skip
    projections = _with_views(projections)  # [B, V, D]
    labels = read_labels(labels)  # [B] or [B, C]
    if positives_cap is not None:
        labels = one_class_each(labels, "`positives_cap` counts images of a class. Give one integer per image.")
    if queue is not None:
        if positives_cap is not None:
            raise ValueError("`positives_cap` counts images of the batch, so it has no meaning with a `queue`.")
        labels = one_class_each(labels, "a `queue` has one label per row. Give one integer per image.")
        queue = queues.checked(queue, projections)
    _check_shapes(labels, projections, positives_cap)
    kernel = {
        "temperature": temperature,
        "summation_location": summation_location,
        "denominator_mode": denominator_mode,
        "kept_images": None if positives_cap is None else int(positives_cap) // projections.shape[1],
    }
    tiling = {"tile_rows": tile_rows, "jit_compile": jit_compile}
    losses, counted = _anchor_losses(labels, projections, queue, kernel, tiling, cross_replica=cross_replica)
    per_view = tf.reshape(losses, tf.shape(projections)[:2])  # [B, V]
    per_image = per_view[:, 0] if contrast_mode == "one" else tf.reduce_mean(per_view, 1)  # [B]
    if no_positives == "exclude":
        per_image = tf.math.divide_no_nan(per_image, counted)
    return per_image if base_temperature is None else per_image * (temperature / base_temperature)


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class SupConLoss(tf.keras.losses.Loss):
    """`supervised_contrastive_loss` as a Keras loss: y_true are labels, y_pred projections.

    Keras 3 hands labels over as float32, so class numbers must stay below 2^24 there. In a loop of your own on
    `strategy.run`, call the function instead and divide by the global batch: Keras generations differ in what they
    divide by.

    Args: those of `supervised_contrastive_loss`, and
        reduction: of the values [B]: "sum_over_batch_size", "sum" or "none". Under `fit` on several replicas only the
            first gives the mean over the global batch.
        name: of the loss.
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
    ):
        super().__init__(reduction=reduction, name=name)
        checked = {
            "temperature": temperature,
            "base_temperature": base_temperature,
            "contrast_mode": contrast_mode,
            "summation_location": summation_location,
            "denominator_mode": denominator_mode,
            "positives_cap": positives_cap,
            "no_positives": no_positives,
        }
        check_arguments(**checked, tile_rows=tile_rows)
        self._arguments = {**checked, "cross_replica": cross_replica, "tile_rows": tile_rows}

    def call(self, y_true, y_pred):
        return supervised_contrastive_loss(y_true, y_pred, **self._arguments)

    def get_config(self):
        return {**super().get_config(), **self._arguments}


def check_arguments(*, temperature, base_temperature, positives_cap, tile_rows=None, **modes) -> None:
    """Raises ValueError for an argument that is wrong whatever the batch; `modes` are the names in `CHOICES`."""
    for name, value in (("temperature", temperature), ("base_temperature", base_temperature)):
        if value is None and name == "base_temperature":
            continue
        if not isinstance(value, numbers.Real) or isinstance(value, bool) or not _SMALLEST <= value <= _LARGEST:
            raise ValueError(
                f"`{name}` must be a Python number from {_SMALLEST:g} to {_LARGEST:g} (the paper's temperature is "
                f"0.1); got {value!r}."
            )
    if positives_cap is not None and not _is_count(positives_cap, least=0):
        raise ValueError(f"`positives_cap` must be an integer of at least 0, or None for no cap; got {positives_cap}.")
    if tile_rows is not None and not _is_count(tile_rows, least=1):
        raise ValueError(f"`tile_rows` must be an integer of at least 1, or None to have it chosen; got {tile_rows}.")
    for name, value in modes.items():
        names.one_of(name, value, CHOICES[name])


def _is_count(value, *, least):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= least


def _with_views(projections):
    """[B, V, D] in the type of the arithmetic."""
    projections = tf.convert_to_tensor(projections)
    if not projections.dtype.is_floating:
        raise ValueError(f"`projections` must be of a float type; got {projections.dtype.name}.")
    if projections.shape.rank == 2:
        projections = projections[:, None]  # [B, 1, D]
    if projections.shape.rank != 3 or None in projections.shape[1:] or projections.shape[1] == 0:
        raise ValueError(
            "`projections` must have shape [B, V, D], or [B, D] for one view, with V >= 1 and D known when a graph is "
            f"built; got {projections.shape}. Flatten feature maps, and state unknown sizes with tf.ensure_shape."
        )
    return projections if projections.dtype == tf.float64 else tf.cast(projections, tf.float32)


def _anchor_losses(labels, projections, queue, kernel, tiling, *, cross_replica):
    """Losses [M] of all rows of this replica as anchors, and the share of all rows that have positives, a scalar."""
    batch, views, width = blocks.size_of(projections)
    rows = tf.reshape(projections, [batch * views, width])  # [M, D]
    several = cross_replica and collectives.replica_count() > 1
    gather = collectives.gather_rows if several else tf.identity
    labels = classes_if_known(gather(labels))  # [G]
    if queue is None:
        key_ids = pairs.row_ids(labels, views=views, kept_images=kernel["kept_images"])  # N rows
    else:
        key_ids = queues.row_ids(labels, queue, views=views)  # N + Q rows
    alone, ids = not several and queue is None, key_ids
    if not alone:
        first = collectives.first_row(batch * views) if several else 0
        ids = pairs.select(key_ids, first + tf.range(batch * views))  # M rows
    if not several and tiling["tile_rows"] is None and _is_small(rows, queue):
        losses = dense.anchor_losses(rows, queues.after(rows, queue), ids, key_ids, **kernel)
    else:
        keys = None if alone else queues.after(gather(tf.stop_gradient(rows)), queue)  # [N + Q, D]
        exchange = functools.partial(queues.zeros_after, gather, queue)
        losses = tiles.anchor_losses(rows, keys, ids, key_ids, exchange=exchange, **tiling, **kernel)
    of_batch = key_ids.positives[: tf.shape(labels)[0] * views]  # [N]
    return losses, tf.reduce_mean(tf.cast(of_batch > 0, losses.dtype))


def _is_small(rows, queue):
    """Whether the whole matrix is faster than tiles; where a graph knows how large it is."""
    sizes = [blocks.size_of(keys)[0] for keys in (rows, *([] if queue is None else [queue.rows]))]
    return all(isinstance(size, int) for size in sizes) and sum(sizes) <= _DENSE_ROWS


def _check_shapes(labels, projections, positives_cap):
    """Raises ValueError where labels, projections and cap do not fit one another."""
    views = projections.shape[1]
    if not labels.shape[:1].is_compatible_with(projections.shape[:1]):
        raise ValueError(
            f"`labels` are for {labels.shape[0]} images and `projections` for {projections.shape[0]}: give one label "
            f"per image, and the {views} views of an image along the second axis of [B, V, D]."
        )
    if positives_cap is not None and positives_cap % views:
        raise ValueError(f"`positives_cap` must be a multiple of the {views} views; got {positives_cap}.")
