"""From a name to a data set that is ready to read. Nothing is ever downloaded."""

from __future__ import annotations

import dataclasses

from supcon_tf.data import digits
from supcon_tf.data.source import Source
from supcon_tf.data.tfds_set import TfdsSet


def load(name: str, data_dir: str, *, examples: int = 0) -> Source:
    """A prepared data set, ready to read. The digits are written on first use; nothing else is.

    Args:
        name: TFDS name, with config and version where wanted: "cifar10", "imagenet_resized/32x32", "cifar10:3.0.2".
        data_dir: TFDS data directory.
        examples: train on the first `examples` images only (the test split stays whole); 0 for all.

    Returns:
        Source.

    Raises:
        DataNotPrepared: the set does not lie in `data_dir`.
        ValueError: it is no image-classification set, or has fewer than `examples` training images.
    """
    if name == "digits":
        digits.prepare(data_dir)
    source = TfdsSet(name, data_dir)
    facts = source.facts
    if not 0 <= examples <= facts.train_examples:
        raise ValueError(
            f"{name!r} has {facts.train_examples} training images; got examples={examples}. Ask for 1 to "
            f"{facts.train_examples}, or 0 for all."
        )
    source.facts = dataclasses.replace(facts, train_examples=examples or facts.train_examples)
    return source
