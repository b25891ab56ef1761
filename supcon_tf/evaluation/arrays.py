"""Arrays as they are handed to a measure: read once, and refused where a measure of them would mean nothing."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
from numpy.typing import ArrayLike, NDArray

from supcon_tf.names import NUMBERED

EQUAL = 1e-5  # of the largest feature: features that differ by less are taken to be equal


def rows_of(values: ArrayLike, *, name: str = "features", width: Optional[int] = None) -> NDArray[Any]:
    """Rows of finite numbers, as an array [n, F] of the type they came in (float32 for 16 bits and whole numbers).

    Args:
        values: [n, F], n and F at least 1.
        name: what an error calls them.
        width: F, where something else has already said it.

    Raises:
        ValueError: another shape, or NaN or infinity among them.

    Example:
        >>> rows_of([[1, 2], [3, 4]]).dtype.name
        'float32'
    """
    rows = np.asarray(values)
    if rows.ndim != 2 or 0 in rows.shape or width not in (None, rows.shape[1]):
        wanted = f"[n, {width or 'F'}]"
        raise ValueError(f"{name} must be {wanted}, one row an image; got {list(rows.shape)}. Flatten what is wider.")
    if rows.dtype not in (np.float32, np.float64):
        rows = rows.astype(np.float32)
    bad = len(rows) - int(np.isfinite(rows).all(1).sum())
    if bad:
        raise ValueError(
            f"{name} must be finite; {bad} of {len(rows)} rows have NaN or infinity. Look at the network they are from."
        )
    return rows


def labels_of(labels: ArrayLike, *, count: int, classes: Optional[int] = None) -> NDArray[np.int64]:
    """Labels, int64 [n].

    Args:
        labels: int [n]; one class an image.
        count: n, how many rows they belong to.
        classes: C; None allows any number from 0.

    Raises:
        ValueError: another shape, not whole numbers, or outside of 0 to C - 1.

    Example:
        >>> labels_of([2, 0], count=2, classes=3).tolist()
        [2, 0]
    """
    labels = np.asarray(labels)
    require_numbers(labels, "labels")
    if labels.shape != (count,):
        raise ValueError(
            f"labels must be [{count}], one class for each row; got {list(labels.shape)}. "
            "Label sets have measures of their own: `average_precision`."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be whole numbers; got {labels.dtype}. Cast them to int64.")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or (classes is not None and high >= classes):
        allowed = "0 or more" if classes is None else f"from 0 to {classes - 1}"
        raise ValueError(f"labels must be {allowed}; got {low} to {high}. Leave unlabelled images out.")
    return labels.astype(np.int64)


def require_numbers(labels: NDArray[Any], name: str) -> None:
    """Raises where labels are text or other things than numbers.

    Args:
        labels: of any shape.
        name: what an error calls them.

    Raises:
        ValueError: they are.

    Example:
        >>> require_numbers(np.array([0, 1]), "labels")
    """
    if labels.dtype.kind not in "iufb":
        text = labels.dtype.kind in "US" or (labels.size and isinstance(labels.ravel()[0], (str, bytes)))
        raise ValueError(
            f"{name} are {'text' if text else labels.dtype}, and must be numbers. Names become numbers by {NUMBERED}."
        )


def labelled_rows(
    features: ArrayLike, labels: ArrayLike, *, classes: Optional[int] = None, width: Optional[int] = None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """(features [n, F], labels int64 [n]) that belong together; see `rows_of` and `labels_of`.

    Example:
        >>> rows, labels = labelled_rows([[1.0, 2.0]], [0])
        >>> rows.shape, labels.shape
        ((1, 2), (1,))
    """
    rows = rows_of(features, width=width)
    return rows, labels_of(labels, count=len(rows), classes=classes)


def doubt_of(features: NDArray[Any], name: str) -> str:
    """One sentence where the features of all images are the same, so that measures of them are chance; else "".

    Args:
        features: [n, F]; of one image, or of no features, there is no doubt.
        name: what they are of: "train".

    Example:
        >>> doubt_of(np.ones([8, 3]), "train")[:46], doubt_of(np.eye(3), "train")
        ('the features of all 8 images of train are equa', '')
    """
    if len(features) < 2 or not features.size or np.ptp(features, 0).max() > EQUAL * np.abs(features).max():
        return ""
    return (
        f"the features of all {len(features):,} images of {name} are equal, so whatever is measured on them is chance. "
        "The network gives every image the same: it has collapsed, sees pixels in another range than it was trained "
        "on, or its batch norms' moving averages, which inference computes with, have hardly left their start. These "
        "follow sooner by sc.layers.set_batch_norm_momentum(encoder, 0.9) before training."
    )


def scored(logits: ArrayLike, labels: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """(logits [n, C], labels int64 [n] from 0 to C - 1) that belong together.

    Example:
        >>> scored([[0.5, 1.0]], [2])
        Traceback (most recent call last):
        ValueError: labels must be from 0 to 1; got 2 to 2. Leave unlabelled images out.
    """
    logits = rows_of(logits, name="logits")
    return logits, labels_of(labels, count=len(logits), classes=logits.shape[1])


def correctness(right: ArrayLike, *, name: str = "right") -> NDArray[Any]:
    """Which answers are right, bool [n].

    Args:
        right: [n] of True and False, or of 1 and 0.
        name: what an error calls them.

    Raises:
        ValueError: another shape, or other values.

    Example:
        >>> correctness([1, 0]).tolist()
        [True, False]
    """
    right = np.asarray(right)
    if right.ndim != 1 or not len(right) or not np.isin(right, (0, 1)).all():
        raise ValueError(
            f"{name} must be [n] of True (right) and False (wrong), one an image; got {right.dtype} "
            f"{list(right.shape)}. It is `answers == labels`."
        )
    return right.astype(bool)
