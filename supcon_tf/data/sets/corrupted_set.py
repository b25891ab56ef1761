"""Sets of corrupted test images that lie stored: the published ones, which are read as they are.

    cifar10_corrupted                           in a TFDS data directory, a config a corruption and severity
    FOLDER/noise/gaussian_noise/1/CLASS/*       ImageNet-C; the folder of the group (noise, blur, ...) may be left out
    FOLDER/gaussian_noise.npy, FOLDER/labels.npy  CIFAR-10-C, CIFAR-100-C: severity after severity in one array

Which of them a folder is, is found by looking. A set is whole, or it is refused: a mean over what happens to be there
would pass for one over all corruptions.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterable
from typing import Callable, NamedTuple, Optional

from supcon_tf.data.sets import corrupted_arrays, folder_layout
from supcon_tf.data.sets.cifar import CIFAR10, CIFAR100
from supcon_tf.data.sets.folder import PREFIX, Folder
from supcon_tf.data.sets.prepared import DataNotPrepared, base_name, prepared
from supcon_tf.data.sets.source import Facts, Source
from supcon_tf.data.sets.tfds_set import TfdsSet
from supcon_tf.names import CORRUPTIONS, SEVERITIES
from supcon_tf.paths import is_remote, resolved, shown, told

# What TFDS's `cifar10_corrupted` calls two of them; all else have the names of the published files.
OTHER_NAMES = {"frosted_glass_blur": "glass_blur", "elastic": "elastic_transform"}
EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")  # published beside the 15, and no part of any mean
_SPLITS = {"imagenet2012_corrupted": "validation"}  # its "test" has no labels
_ACCEPTED = (
    "A set of corrupted images is TFDS's cifar10_corrupted or imagenet2012_corrupted in --data_dir, or folder:PATH of "
    "ImageNet-C (corruption/severity/class/images, in folders of groups or not) or of the arrays of CIFAR-10-C "
    "(corruption.npy and labels.npy)."
)


class CorruptedSet(NamedTuple):
    """Where corrupted images lie.

    Attributes:
        name: as asked for.
        layout: which of the three it is, in words.
        opened: from a corruption of `names.CORRUPTIONS` and a severity to the images, the split "test" of a source.
        left_out: corruptions that lie there and are none of the 15.
    """

    name: str
    layout: str
    opened: Callable[[str, int], Source]
    left_out: tuple[str, ...]


def corrupted_set(where: str, data_dir: str) -> CorruptedSet:
    """Finds a stored set; no image is read yet.

    Args:
        where: a TFDS name, with its version where wanted, or "folder:PATH".
        data_dir: TFDS data directory; what is known of the files of a folder is kept there too.

    Raises:
        DataNotPrepared: nothing of this TFDS set lies in `data_dir`.
        ValueError: the folder is no such set, or one of the 75 is missing: the message names what is.
        OSError: a folder cannot be listed, or a file not be read.

    Example:
        >>> corrupted_set("folder:runs/nowhere", "runs/data")
        Traceback (most recent call last):
        ValueError: There is no folder ...: folder:PATH names a folder of corrupted images.
    """
    data_dir = resolved(data_dir)
    if not where.startswith(PREFIX):
        return _tfds(where.removeprefix("tfds:"), data_dir)
    root = resolved(where[len(PREFIX) :])
    if not os.path.isdir(root):
        raise ValueError(f"There is no folder {shown(root)}: folder:PATH names a folder of corrupted images.")
    arrays, folders = _files(root), _folders(root)
    if arrays and folders:
        raise ValueError(
            f"{shown(root)} has arrays ({_few(arrays)}) and folders ({_few(folders)}) of corrupted images. Name a "
            "folder that holds one of the two."
        )
    name = shown(where)
    return _of_arrays(name, root, arrays) if arrays else _of_folders(name, folders, data_dir)


def known(name: str) -> Optional[str]:
    """The corruption that a config, folder or file of this name holds; None where it is none of the 15.

    Example:
        >>> known("frosted_glass_blur"), known("fog"), known("saturate")
        ('glass_blur', 'fog', None)
    """
    name = OTHER_NAMES.get(name, name)
    return name if name in CORRUPTIONS else None


def require_classes(stored: Facts, class_names: tuple[str, ...]) -> None:
    """ValueError unless the labels of stored images are numbers of a classifier's classes.

    Names must be the same. Where a set has numbers alone, as CIFAR-10-C does, the classifier's classes must be those
    of CIFAR in their order, or as many numbers.

    Args:
        stored: facts of the images.
        class_names: of the classifier.
    """
    if stored.class_names == class_names:
        return
    if stored.class_names != tuple(map(str, range(stored.classes))):
        absent, strange = _without(class_names, stored.class_names), _without(stored.class_names, class_names)
        how = f"missing: {_few(absent)}; not the classifier's: {_few(strange)}" if absent or strange else "other order"
        raise ValueError(
            f"{stored.name} has {stored.classes:,} classes that are not the classifier's {len(class_names):,} ({how})."
        )
    if class_names not in (CIFAR10, CIFAR100) or len(class_names) != stored.classes:
        raise ValueError(
            f"{stored.name} numbers its {stored.classes:,} classes, as CIFAR does, and the classifier's "
            f"{len(class_names):,} are called {_few(class_names)}: which number is which class is not known."
        )


def _tfds(name: str, data_dir: str) -> CorruptedSet:
    base, _, version = name.partition(":")
    places, extra = {}, set()
    for config in prepared(data_dir):
        own, slash, rest = config.partition("/")
        if own != base or not slash or (":" in rest) != bool(version) or rest.partition(":")[2] != version:
            continue
        corruption, _, severity = rest.partition(":")[0].rpartition("_")
        if known(corruption) and severity in map(str, SEVERITIES):
            _add(places, known(corruption), int(severity), config)
        else:
            extra.add(corruption)
    if not places:
        hint = f"Write folder:{name} for a folder. " if not is_remote(name) and os.path.isdir(name) else ""
        raise DataNotPrepared(f"No corrupted images of {shown(name)!r} lie in {shown(data_dir)}. {hint}{_ACCEPTED}")
    _require_all(name, places)

    def opened(corruption: str, severity: int) -> Source:
        config, split = places[corruption, severity], _SPLITS.get(base_name(name), "test")
        return TfdsSet(config, data_dir, train_split=split, test_split=split)

    return CorruptedSet(name, "TFDS set", opened, tuple(sorted(extra)))


def _of_folders(name: str, folders: dict[str, str], data_dir: str) -> CorruptedSet:
    places: dict[tuple[str, int], str] = {}
    for found, path in folders.items():
        for severity in SEVERITIES:
            if known(found) and os.path.isdir(os.path.join(path, str(severity))):
                _add(places, known(found), severity, os.path.join(path, str(severity)))
    if not places:
        raise ValueError(f"{name} holds no corrupted images. {_ACCEPTED}")
    _require_all(name, places)

    def opened(corruption: str, severity: int) -> Source:
        return Folder(places[corruption, severity], data_dir, layout_of=folder_layout.read_whole)

    return CorruptedSet(name, "folders of images", opened, tuple(n for n in sorted(folders) if not known(n)))


def _of_arrays(name: str, root: str, files: Collection[str]) -> CorruptedSet:
    places: dict[tuple[str, int], str] = {}
    for found in filter(known, files):
        for severity in SEVERITIES:
            _add(places, known(found), severity, os.path.join(root, f"{found}.npy"))
    _require_all(name, places)
    labels = corrupted_arrays.read_labels(os.path.join(root, "labels.npy"))
    opened = functools.partial(corrupted_arrays.read, name, {key[0]: path for key, path in places.items()}, labels)
    return CorruptedSet(name, "arrays", opened, tuple(n for n in sorted(files) if not known(n)))


def _files(root: str) -> list[str]:
    """Names of arrays of corrupted images, without their ending."""
    names = [name[: -len(".npy")] for name in os.listdir(root) if name.endswith(".npy")]
    return sorted(name for name in names if known(name) or name in EXTRA)


def _folders(root: str) -> dict[str, str]:
    """Folders with the name of a corruption, here or one level below: name -> path."""
    found: dict[str, str] = {}
    for place in [root, *_inside(root)]:
        for path in _inside(place):
            name = os.path.basename(path)
            if not known(name) and name not in EXTRA:
                continue
            if name in found:
                raise ValueError(f"{name} lies in {shown(found[name])} and in {shown(path)}: which is it?")
            found[name] = path
    return found


def _inside(folder: str) -> list[str]:
    """Folders in a folder, in order."""
    paths = (os.path.join(folder, name) for name in sorted(os.listdir(folder)))
    return [path for path in paths if os.path.isdir(path)]


def _add(places: dict, corruption: str, severity: int, place: str) -> None:
    """Notes where one of the 75 lies; ValueError where another name of it was there already."""
    other = places.setdefault((corruption, severity), place)
    if other != place:
        raise ValueError(f"{corruption} lies in {shown(other)} and in {shown(place)}: which is it?")


def _require_all(name: str, places: Collection[tuple[str, int]]) -> None:
    """ValueError that names what is missing of 15 corruptions and 5 severities."""
    lacking = {c: [s for s in SEVERITIES if (c, s) not in places] for c in CORRUPTIONS}
    lines = [
        f"{corruption}: all severities" if len(few) == len(SEVERITIES) else f"{corruption}: severity {_few(few)}"
        for corruption, few in lacking.items()
        if few
    ]
    if lines:
        raise ValueError(
            f"{shown(name)} lacks corrupted images, and a mean without them would be no mean over the "
            f"{len(CORRUPTIONS)} corruptions. Missing:{told(lines, most=len(CORRUPTIONS))}"
        )


def _without(names: Iterable[str], others: Collection[str]) -> list[str]:
    return sorted(set(names).difference(others))


def _few(names: Iterable, most: int = 5) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "") or "none"
