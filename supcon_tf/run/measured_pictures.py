"""Images that the report shows beside what was measured: corrupted ones, and those that test images find."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Union

import numpy as np

from supcon_tf.augment.evaluation_crops import Crop
from supcon_tf.data.pictures import pictures
from supcon_tf.data.sets.source import Source, reading
from supcon_tf.records import pictures as kept
from supcon_tf.records.directory import RunDirectory
from supcon_tf.report.thumbnails import THUMBNAIL, thumbnail
from supcon_tf.run.corrupted_images import InMemory, Stored
from supcon_tf.run.predictions import Predictor

SHOWN = (1, 3, 5)  # severities
MIDDLE = 2 * THUMBNAIL  # pixels of a corrupted image that are shown: shrunk any further, blocks and noise are gone


def keep_pictures(
    directory: RunDirectory, entry: dict, predictor: Predictor, corrupted: Union[InMemory, Stored]
) -> None:
    """Writes the pictures of an entry of `measures.json`, where there are any to show and they are not there yet.

    Args:
        directory: of the run, held.
        entry: as `evaluate_run` returns it.
        predictor: of the images that it was measured on.
        corrupted: the images that robustness was measured on.

    Raises:
        OSError: a file of the data could not be read, or the pictures not be written.
    """
    details = {number["name"]: number.get("details") or {} for number in entry.get("numbers", [])}
    found = next((about for about in details.values() if "images" in about), None)
    errors = [name.removeprefix("error_") for name, about in details.items() if "severity" in about]
    if not (found or errors) or kept.read(directory, entry) is not None:
        return
    source, crop = predictor.source, predictor.crop
    with reading(source):
        arrays = _found(source, crop, found) if found else _corrupted(corrupted, errors)
    kept.write(directory, entry, arrays)


def _found(source: Source, crop: Crop, details: dict) -> dict:
    """Queries with their nearest: uint8 [queries, 1 + nearest, s, s, ch], the names of their classes alike."""
    numbers = np.array(details["images"], np.int64)
    known, place = np.unique(numbers, return_inverse=True)
    images = _thumbnails(pictures(source, "test", known, crop=crop))
    names = np.array(source.facts.class_names)[np.array(details["classes"], np.int64)]
    return {"images": images[place.reshape(numbers.shape)], "class_names": names}


def _corrupted(images: Union[InMemory, Stored], names: Sequence[str]) -> dict:
    """The middle of the first image: corrupted, uint8 [corruptions, severities, s, s, ch]; and as it is, if at hand."""
    original = images.original()
    rows = [_thumbnails(_middle(images.first(name, severity)) for severity in SHOWN) for name in names]
    as_it_is = {} if original is None else {"original": thumbnail(_middle(original))}
    return {**as_it_is, "images": np.stack(rows), "names": np.array(names), "severities": np.array(SHOWN)}


def _middle(image: np.ndarray) -> np.ndarray:
    """The middle `MIDDLE` pixels of a larger image [S, S, ch]."""
    start = max(len(image) - MIDDLE, 0) // 2
    return image[start : start + MIDDLE, start : start + MIDDLE]


def _thumbnails(images: Iterable[np.ndarray]) -> np.ndarray:
    return np.stack([thumbnail(image) for image in images])
