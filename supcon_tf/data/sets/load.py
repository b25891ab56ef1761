"""From a name to a data set that is ready to read. Nothing is ever downloaded."""

from __future__ import annotations

import os

import numpy as np

from supcon_tf.data.sets import digits, selection
from supcon_tf.data.sets.folder import PREFIX, Folder
from supcon_tf.data.sets.paths import resolved, shown
from supcon_tf.data.sets.source import Source
from supcon_tf.data.sets.tfds_set import TfdsSet


def load_source(
    name: str,
    data_dir: str,
    *,
    train_split: str = "",
    test_split: str = "",
    examples: int = 0,
    fraction: float = 1.0,
    label_noise: float = 0.0,
    seed: int = 0,
    broken_images: str = "fail",
) -> Source:
    """A data set, ready to read. The digits are written on first use; nothing else is.

    Args:
        name: TFDS name, with config and version where wanted: "cifar10", "imagenet_resized/32x32", "cifar10:3.0.2".
            "folder:PATH" is a folder of images (`folder_layout` says how it may be sorted).
        data_dir: TFDS data directory; what is known of the files of a folder is kept there too.
        train_split, test_split: TFDS splits other than the usual ones; see `tfds_set.TfdsSet`.
        examples: train on the first `examples` images only (the test split stays whole); 0 for all.
        fraction: train on this share of each class, drawn by `seed`; `examples` then counts among these.
        label_noise: probability of a training label to be replaced by a class drawn uniformly, once and for all.
        seed: decides which images `fraction` and `label_noise` mean.
        broken_images: "fail" or "skip": what to do when files of a folder cannot be read as images.

    Returns:
        Source.

    Raises:
        DataNotPrepared: the set does not lie in `data_dir`.
        ValueError: it is no image-classification set, or has fewer than `examples` training images; a `fraction` or
            `label_noise` is asked for where an image has several labels, or none; or as `Folder`.
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
        source: Source = Folder(name[len(PREFIX) :], data_dir, broken_images=broken_images)
    else:
        if name == "digits":
            digits.prepare(data_dir)
        source = TfdsSet(name, data_dir, train_split=train_split, test_split=test_split)
    return _changed(source, examples, fraction, label_noise, seed)


def _changed(source: Source, examples: int, fraction: float, label_noise: float, seed: int) -> Source:
    """The source with fewer training images and noisy labels, where these are asked for."""
    count, classes = source.count("train"), source.facts.classes
    if source.facts.label_sets and (fraction < 1 or label_noise):
        raise ValueError(
            f"an image of '{source.facts.name}' has several labels, and data.fraction and data.label_noise go by its "
            "one class: leave them out. data.train_split=train[:10%] takes a part."
        )
    if label_noise and not source.facts.labelled:
        raise ValueError(f"the images of '{source.facts.name}' have no labels: leave data.label_noise out.")
    kept = np.arange(count) if fraction == 1 else selection.stratified(source.labels("train"), fraction, seed)
    if not 0 <= examples <= len(kept):
        raise ValueError(
            f"'{source.facts.name}' has {len(kept)} training images; got examples={examples}. Ask for 1 to "
            f"{len(kept)}, or 0 for all."
        )
    kept = kept[: examples or None]
    if label_noise:
        source = source.relabelled(selection.noise(count, classes, label_noise, seed))
    return source if len(kept) == count else source.restricted(kept)
