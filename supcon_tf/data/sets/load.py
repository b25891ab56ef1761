"""From a name to a data set that is ready to read. Nothing is ever downloaded."""

from __future__ import annotations

import os

from supcon_tf.data.sets import digits
from supcon_tf.data.sets.folder import PREFIX, Folder
from supcon_tf.data.sets.source import Source
from supcon_tf.data.sets.tfds_set import TfdsSet
from supcon_tf.paths import resolved, shown


def load_source(
    name: str,
    data_dir: str,
    *,
    train_split: str = "",
    test_split: str = "",
    broken_images: str = "fail",
) -> Source:
    """A data set, ready to read. The digits are written on first use; nothing else is.

    Args:
        name: TFDS name, with config and version where wanted: "cifar10", "imagenet_resized/32x32", "cifar10:3.0.2".
            "folder:PATH" is a folder of images (`folder_layout` says how it may be sorted).
        data_dir: TFDS data directory; what is known of the files of a folder is kept there too.
        train_split, test_split: TFDS splits other than the usual ones; see `tfds_set.TfdsSet`.
        broken_images: "fail" or "skip": what to do when files of a folder cannot be read as images.

    Returns:
        Source, whole; `selection.selected` takes a part of it.

    Raises:
        DataNotPrepared: the set does not lie in `data_dir`.
        ValueError: it is no image-classification set; or as `Folder`.
        OSError: files of the set are damaged, missing or not readable, or the digits cannot be written.
        MemoryError: an image, or a set that is held in memory, needs more than there is.
    """
    data_dir = resolved(data_dir)
    if os.path.lexists(data_dir) and not os.path.isdir(data_dir):
        raise ValueError(f"{shown(data_dir)} is no directory; name one with --data_dir.")
    if name.startswith(PREFIX):
        if train_split or test_split:
            raise ValueError(f"'{shown(name)}' has its splits in sub-folders; leave train_split and test_split empty.")
        if name == PREFIX:
            raise ValueError("`folder:` names no folder: write data.name=folder:PATH.")
        return Folder(name[len(PREFIX) :], data_dir, broken_images=broken_images)
    if name == "digits":
        digits.prepare(data_dir)
    return TfdsSet(name, data_dir, train_split=train_split, test_split=test_split)
