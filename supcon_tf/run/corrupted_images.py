"""Where a run's corrupted test images come from: made in memory, or a stored set that is read as it is."""

from __future__ import annotations

import zlib
from typing import Callable, NamedTuple, Optional, Union

import numpy as np
import tensorflow as tf

from supcon_tf import notebook
from supcon_tf.augment.corruptions.corruption import is_published, label
from supcon_tf.data.pictures import pictures
from supcon_tf.data.sets.corrupted_set import corrupted_set, require_classes
from supcon_tf.data.sets.source import Source
from supcon_tf.names import CORRUPTIONS, SEVERITIES
from supcon_tf.run.predictions import Corruption, Predictions, Predictor

SMALL = 64  # sides below it are corrupted with the constants of CIFAR-10-C, others with those of ImageNet-C


class Robustness(NamedTuple):
    """How robustness is measured.

    Attributes:
        frost_dir: textures of frost (`augment.corruptions`); None generates them.
        stored: a set of corrupted images (`data.sets.corrupted_set`); "" makes them in memory.
        baseline: directory of another run, in relation to whose errors there is an mCE; "" for none.
    """

    frost_dir: Optional[str] = None
    stored: str = ""
    baseline: str = ""


class InMemory:
    """The test images, corrupted as they are read.

    Args:
        predictor: of the run.
        frost_dir: as in `Robustness`.

    Attributes:
        stored: "".
        made: what decides the corrupted images, beside the clean ones.
    """

    stored = ""

    def __init__(self, predictor: Predictor, frost_dir: Optional[str]):
        self._predictor, self._frost_dir = predictor, frost_dir
        self._scale = "small" if predictor.size < SMALL else "large"
        self.made = {"images": "made in memory", "scale": self._scale, "frost_dir": frost_dir}

    def of(self, name: str, severity: int) -> Predictions:
        """What the networks make of all images under a corruption."""
        return self._predictor.of("test", Corruption(name, severity, self._scale, self._frost_dir))

    def original(self) -> Optional[np.ndarray]:
        """The first image as it is, as the encoder sees it: float32 [S, S, ch] in [0, 1]."""
        return pictures(self._predictor.source, "test", [0], crop=self._predictor.crop)[0]

    def first(self, name: str, severity: int) -> np.ndarray:
        """The first image under a corruption, likewise."""
        change = Corruption(name, severity, self._scale, self._frost_dir).change()
        return change(tf.constant(self.original()), tf.constant(0, tf.int64)).numpy()  # 0: its number in the split

    def label(self, name: str) -> str:
        """What a table calls the corruption."""
        return label(name, self._frost_dir)

    def is_published(self, name: str) -> bool:
        """Whether it is the published one."""
        return is_published(name, self._frost_dir)


class Stored:
    """A stored set, whole and of the classifier's classes.

    Args:
        predictor: of the run.
        where: as in `Robustness.stored`.
        data_dir: where TFDS data sets are prepared.

    Attributes:
        stored: its name.
        made: as in `InMemory`.
        found: what was found, in a line.

    Raises:
        ValueError: something of it is missing, or it is of other classes, or not the same number of images everywhere.
        OSError: a file of it could not be read.
    """

    def __init__(self, predictor: Predictor, where: str, data_dir: str):
        self._predictor, self._set = predictor, corrupted_set(where, data_dir)
        self.stored, self._classes = self._set.name, None
        self.made = {"images": "stored", "name": self._set.name, "layout": self._set.layout}
        self.found = f"{self._set.layout} of corrupted images in {self._set.name}"
        if predictor.own_classes:
            self._survey()
        if self._set.left_out:
            self.found += f"; left out, since none of the {len(CORRUPTIONS)}: {', '.join(self._set.left_out)}"

    def of(self, name: str, severity: int) -> Predictions:
        """As in `InMemory`; ValueError where its images are of other classes than those of the corruption before."""
        predicted = self.on(name, severity).of("test")
        classes = np.bincount(predicted.labels)  # [C]
        if self._classes is not None and not np.array_equal(classes, self._classes):
            raise ValueError(f"{self.stored} has other labels under {name} at severity {severity} than before")
        self._classes = classes
        return predicted

    def original(self) -> Optional[np.ndarray]:
        """None: a stored set holds corrupted images alone."""
        return None

    def first(self, name: str, severity: int) -> np.ndarray:
        """As in `InMemory`."""
        there = self.on(name, severity)
        return pictures(there.source, "test", [0], crop=there.crop)[0]

    def label(self, name: str) -> str:
        """As in `InMemory`."""
        return name

    def is_published(self, name: str) -> bool:
        """As in `InMemory`."""
        return True

    def _survey(self) -> None:
        """Opens all of it once, before anything is predicted: what is wrong shows now, and is not kept in part."""
        prints, counts = [], {}
        each = [(name, severity) for name in CORRUPTIONS for severity in SEVERITIES]
        for name, severity in notebook.bar(each, desc="stored images", unit=" sets", leave=False):
            source = self._opened(name, severity)
            require_classes(source.facts, self._predictor.source.facts.class_names)
            prints.append(source.fingerprint())
            counts.setdefault(source.count("test"), f"{name} {severity}")
        if len(counts) > 1:
            (count, one), (other, where) = list(counts.items())[:2]
            raise ValueError(
                f"{self.stored} has {count:,} images in {one} and {other:,} in {where}: something is missing there."
            )
        (count,) = counts
        self.found += f", {count:,} images a severity"
        self.made.update(images_each=count, fingerprint=f"{zlib.crc32(repr(prints).encode()):08x}")

    def on(self, name: str, severity: int) -> Predictor:
        """The networks on its images."""
        how = {"name": name, "severity": severity, "stored": self.stored}
        return self._predictor.on(self._opened(name, severity), how)

    def _opened(self, name: str, severity: int) -> Source:
        """Its images, whitened as those of the run."""
        source, own = self._set.opened(name, severity), self._predictor.source.facts
        channels, wanted = source.facts.image_shape[-1], own.image_shape[-1]
        if channels != wanted:
            raise ValueError(f"images of {self.stored} have {channels} channels; the run's networks take {wanted}.")
        return source.whitened_by(own.mean, own.std)


def corrupted_images(
    predictor: Predictor, how: Robustness, data_dir: str, told: Callable[[str], None] = lambda line: None
) -> Union[InMemory, Stored]:
    """Where corrupted images come from; raises as `Stored`, and ValueError for stored images and a `frost_dir`.

    Args:
        predictor: of the run.
        how: what was asked for.
        data_dir: where TFDS data sets are prepared.
        told: is handed a line on the stored set that was found.
    """
    if not how.stored:
        return InMemory(predictor, how.frost_dir)
    if how.frost_dir:
        raise ValueError(f"{how.stored} has its own frost; leave frost_dir out, or the stored images.")
    found = Stored(predictor, how.stored, data_dir)
    told(f"robustness: {found.found}")
    return found
