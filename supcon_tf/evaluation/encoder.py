"""What any Keras encoder is worth on any images: embedded once, then measured as arrays.

Images come as they are to be handed to the encoder, in arrays or in a dataset of batches. Protocols: `linear_probe.py`
for the linear classifier, `neighbours.py` for the vote of nearest neighbours.
"""

from __future__ import annotations

import warnings
from typing import Any, Callable, NamedTuple, Optional, Union

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from supcon_tf.evaluation.arrays import doubt_of, labelled_rows, require_numbers
from supcon_tf.evaluation.intervals import Interval, share_interval
from supcon_tf.evaluation.linear_probe import fitted_probe
from supcon_tf.evaluation.logistic import PENALTIES
from supcon_tf.evaluation.neighbours import neighbour_accuracy

BATCH = 256  # images of arrays that are embedded at once
Labelled = Union[tuple[ArrayLike, ArrayLike], tf.data.Dataset]  # (images, labels), or a dataset of batches of them
Embedded = tuple[NDArray[np.float32], NDArray[np.int64]]  # (features [n, F], labels [n])


class LinearProbe(NamedTuple):
    """A linear classifier on a frozen encoder, and how good it is (Sec. 4.1).

    Attributes:
        accuracy: share of the test images that it has right.
        interval: where that share lies for other such images, at 95 % (Wilson).
        classifier: `Dense` layer from features [B, F] to logits [B, C], with its weights:
            `tf.keras.Sequential([encoder, probe.classifier])` predicts.
        penalty: that was chosen.
        validation_accuracy: on the held-out training images, which chose it.

    Example:
        >>> LinearProbe(0.9, Interval(0.9, 0.8, 0.95, 100, 0.3), None, 1.0, 0.91).accuracy
        0.9
    """

    accuracy: float
    interval: Interval
    classifier: tf.keras.layers.Dense
    penalty: float
    validation_accuracy: float


def linear(
    encoder: Callable[..., tf.Tensor],
    train: Labelled,
    test: Labelled,
    *,
    validation: Optional[Labelled] = None,
    share: float = 0.2,
    penalties: NDArray[Any] = PENALTIES,
    seed: int = 0,
) -> LinearProbe:
    """The linear probe: logistic regression on frozen features, solved to its optimum (Sec. 4.1; Kornblith et al.).

    Args:
        encoder: from images [B, S, S, ch] to features [B, F]: a Keras model, or a function.
        train: (images, labels int [n] from 0), or a finite dataset of batches of them, without augmentation.
        test: likewise, looked at once; no choice is made on it.
        validation: likewise, chooses the penalty; None holds out a part of `train`.
        share: how much of `train` is held out.
        penalties: lambdas to choose from, as in `evaluation.logistic`.
        seed: of what is held out.

    Raises:
        ValueError: data without labels or end, features that are not [B, F], and as `linear_probe`.

    Example:
        >>> labels = np.arange(60) % 3
        >>> images = np.eye(3, dtype="float32")[labels].reshape(60, 1, 1, 3)
        >>> probe = linear(tf.keras.layers.Flatten(), (images[:45], labels[:45]), (images[45:], labels[45:]))
        >>> probe.accuracy, round(probe.interval.low, 2)
        (1.0, 0.8)
        >>> predict = tf.keras.Sequential([tf.keras.Input([1, 1, 3]), tf.keras.layers.Flatten(), probe.classifier])
        >>> predict(images[:2]).numpy().argmax(1).tolist()
        [0, 1]
    """
    embed_all = embedder(encoder)
    known, unseen = embed_all(train, "train"), embed_all(test, "test")
    held = None if validation is None else embed_all(validation, "validation")
    classes = 1 + max(int(labels.max()) for _, labels in (known, unseen, *([held] if held else ())))
    if classes < 2:
        raise ValueError("a classifier needs images of two classes or more; all labels are 0.")
    found, fit = fitted_probe(
        known, unseen, classes=classes, validation=held, share=share, penalties=penalties, seed=seed
    )
    classifier = tf.keras.layers.Dense(classes, dtype="float32", name="linear_probe")
    classifier(tf.zeros([1, known[0].shape[1]]))  # not `build`, which Keras 2 would not remember in a saved model
    classifier.set_weights([fit.weights[0].astype(np.float32), fit.biases[0].astype(np.float32)])
    interval = share_interval(found["accuracy"], len(unseen[1]))
    return LinearProbe(found["accuracy"], interval, classifier, found["penalty"], found["validation_accuracy"])


def nearest_neighbours(
    encoder: Callable[..., tf.Tensor],
    train: Labelled,
    test: Labelled,
    *,
    neighbours: int = 20,
    temperature: float = 0.07,
) -> dict[str, Optional[float]]:
    """Accuracy of the vote of nearest neighbours on any encoder (Wu et al., 2018; DINO, arXiv:2104.14294).

    It is `evaluation.neighbours.neighbour_accuracy` of what the encoder gives.

    Args:
        encoder, train, test: as in `linear`.
        neighbours: k, at most the training images; the defaults are those of DINO.
        temperature: T of the weights exp(s / T).

    Returns:
        "top1" and "top5" (None for fewer than 5 classes).

    Raises:
        ValueError: as `linear`, and as `neighbour_accuracy`: more neighbours than training images.

    Example:
        >>> labels = np.arange(60) % 3
        >>> images = np.eye(3, dtype="float32")[labels].reshape(60, 1, 1, 3)
        >>> split = (images, labels)
        >>> nearest_neighbours(tf.keras.layers.Flatten(), split, split)
        {'top1': 1.0, 'top5': None}
    """
    embed_all = embedder(encoder)
    known, unseen = embed_all(train, "train"), embed_all(test, "test")
    classes = 1 + max(int(labels.max()) for _, labels in (known, unseen))
    return neighbour_accuracy(known, unseen, classes=classes, neighbours=neighbours, temperature=temperature)


def embed(encoder: Callable[..., tf.Tensor], data: Labelled) -> Embedded:
    """Features float32 [n, F] of all images, in inference mode, and their labels int64 [n], in the order of the data.

    Args:
        encoder: as in `linear`.
        data: (images, labels), or a finite dataset of batches of them.

    Raises:
        ValueError: data without labels or end, or features that are not [B, F].

    Example:
        >>> features, labels = embed(tf.keras.layers.Flatten(), (np.random.rand(3, 2, 2, 1), [0, 1, 0]))
        >>> features.shape, labels.tolist()
        ((3, 4), [0, 1, 0])
    """
    return embedder(encoder)(data, "data")


def embedder(encoder: Callable[..., tf.Tensor]) -> Callable[[Labelled, str], Embedded]:
    """`embed` of this encoder, as a function of (data, what an error calls it), traced once for all its calls.

    Example:
        >>> embed_all = embedder(tf.keras.layers.Flatten())
        >>> embed_all((np.random.rand(3, 2, 2, 1), [0, 1, 0]), "train")[0].shape
        (3, 4)
    """
    takes_mode = isinstance(encoder, tf.keras.layers.Layer)

    def forward(images: tf.Tensor) -> tf.Tensor:
        return tf.cast(encoder(images, training=False) if takes_mode else encoder(images), tf.float32)

    traced = tf.function(forward, autograph=False)

    def features_of(images: Any) -> NDArray[np.float32]:
        """By a graph for any number of images of this size: the last batch, and other sets, are not traced again."""
        any_batch = tf.nest.map_structure(lambda part: tf.TensorSpec([None, *part.shape[1:]], part.dtype), images)
        return np.asarray(traced.get_concrete_function(any_batch)(images))

    def embed_all(data: Labelled, name: str) -> Embedded:
        rows, labels = [], []
        for images, classes in _batches(data, name):
            rows.append(features_of(images))
            labels.append(_one_class(np.asarray(classes), name))
        if not rows:
            raise ValueError(f"`{name}` has no images.")
        features, found = labelled_rows(np.concatenate(rows), np.concatenate(labels))
        doubt = doubt_of(features, f"`{name}`")
        if doubt:
            warnings.warn(doubt, stacklevel=3)
        return features, found

    return embed_all


def labels_in(data: Labelled, name: str, *, first: Optional[int] = None) -> NDArray[np.int64]:
    """Labels int64 [n] of data as `embed` takes it, without the encoder.

    Args:
        data: (images, labels), or a finite dataset of batches of them.
        name: what an error calls it.
        first: read batches until there are so many labels; None: all.

    Raises:
        ValueError: as `embed`.

    Example:
        >>> labels_in((np.zeros([3, 2, 2, 1]), [0, 1, 0]), "train").tolist()
        [0, 1, 0]
    """
    found: list[NDArray[np.int64]] = []
    for _, classes in _batches(data, name):
        found.append(_one_class(np.asarray(classes), name))
        if first is not None and sum(map(len, found)) >= first:
            break
    if not found:
        raise ValueError(f"`{name}` has no images.")
    return np.concatenate(found)[:first]


def _batches(data: Labelled, name: str) -> tf.data.Dataset:
    """Batches of (images, labels)."""
    if isinstance(data, tf.data.Dataset):
        if data.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise ValueError(f"`{name}` never ends: take a dataset without `repeat`.")
        if not isinstance(data.element_spec, tuple) or len(data.element_spec) != 2:
            raise ValueError(f"`{name}` must give batches of (images, labels); it gives {data.element_spec}.")
        return data
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(f"`{name}` must be (images, labels) or a dataset of them; got {type(data).__name__}.")
    images, labels = (np.asarray(part) for part in data)
    require_numbers(labels, f"labels of `{name}`")
    if not labels.shape or len(images) != len(labels):
        raise ValueError(f"`{name}` has {len(images)} images and labels of shape {list(labels.shape)}: one each.")
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(BATCH)


def _one_class(labels: NDArray[Any], name: str) -> NDArray[np.int64]:
    """int64 [B] of [B], [B, 1] or one-hot [B, C]."""
    require_numbers(labels, f"labels of `{name}`")
    if labels.ndim == 2 and labels.shape[1] > 1:
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all()):
            raise ValueError(f"labels of `{name}` must be one class an image: integers [n], or one-hot [n, C].")
        return np.asarray(labels.argmax(1), np.int64)
    if labels.ndim != 1:
        labels = labels.reshape(len(labels), -1)[:, 0] if labels.size == len(labels) else labels
    if not np.equal(labels, np.round(labels)).all():
        raise ValueError(f"labels of `{name}` must be whole numbers; got {labels.dtype} among them.")
    return labels.astype(np.int64)
