"""The arrays of CIFAR-10-C and CIFAR-100-C: a file a corruption, its images severity after severity, and the labels."""

from __future__ import annotations

import errno
from collections.abc import Mapping

import numpy as np

from supcon_tf.data.sets.arrays import Arrays
from supcon_tf.names import SEVERITIES
from supcon_tf.paths import shown


def read_labels(path: str) -> np.ndarray:
    """The labels of the images of one severity, which are those of the others too.

    Args:
        path: of labels.npy, integers [5 n]: as many times the same as there are severities, every class among them.

    Returns:
        int64 [n].

    Raises:
        ValueError: it holds something else.
        OSError: it cannot be read.
    """
    labels = _opened(path)
    whole = labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer) and len(labels)
    if not whole or len(labels) % len(SEVERITIES):
        raise ValueError(
            f"{shown(path)} must hold integers [{len(SEVERITIES)} n], a label an image of every severity; got "
            f"{labels.dtype} of shape {labels.shape}."
        )
    by_severity = np.asarray(labels, np.int64).reshape(len(SEVERITIES), -1)
    if (by_severity != by_severity[0]).any():
        raise ValueError(f"{shown(path)} must repeat the same labels for every severity; it does not. Is it cut?")
    classes = np.unique(by_severity)
    if not np.array_equal(classes, np.arange(len(classes))):
        raise ValueError(f"{shown(path)} must have every class from 0 on; it has {classes[:20].tolist()}.")
    return by_severity[0]


def read(name: str, paths: Mapping[str, str], labels: np.ndarray, corruption: str, severity: int) -> Arrays:
    """The images of one corruption and severity.

    Args:
        name: of the set.
        paths: of the file of each corruption, uint8 [5 n, height, width, ch].
        labels: of `read_labels`, int64 [n].
        corruption, severity: which.

    Raises:
        ValueError: the file holds something else.
        OSError: it cannot be read.
    """
    path, n = paths[corruption], len(labels)
    images = _opened(path)
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) != n * len(SEVERITIES):
        raise ValueError(
            f"{shown(path)} must hold uint8 images [{n * len(SEVERITIES)}, height, width, ch], as many as labels.npy; "
            f"got {images.dtype} of shape {images.shape}."
        )
    first = SEVERITIES.index(severity) * n
    called = f"{name}, {corruption} {severity}"
    return Arrays(called, np.array(images[first : first + n]), labels, list(map(str, range(labels.max() + 1))))


def _opened(path: str) -> np.ndarray:
    """An array whose parts are read when they are wanted."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise OSError(errno.EIO, f"it is no array, or a damaged one ({error}); bring it back", shown(path)) from error
    except OSError as error:
        raise OSError(
            error.errno or errno.EIO, f"it cannot be read ({error.strerror or error})", shown(path)
        ) from error
