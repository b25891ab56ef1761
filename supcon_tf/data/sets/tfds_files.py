"""The files of a prepared TFDS set: those that describe it, and those that hold its examples."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
from collections.abc import Iterator
from typing import Optional

import tensorflow as tf
import tensorflow_datasets as tfds

from supcon_tf import notebook
from supcon_tf.failures import first_line
from supcon_tf.paths import is_remote, shown, spellable, told

_DESCRIPTIONS = ("dataset_info.json", "features.json")
_FRAME = 16  # bytes of a TFRecord around what it holds: its length, and two sums
_OF_THE_SYSTEM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)


def opened(place: str) -> tfds.core.DatasetBuilder:
    """The builder of the set that lies in a directory.

    Raises:
        OSError: a file that describes the set is missing or damaged; the message names it.
    """
    readable = spellable(place)
    for name in _DESCRIPTIONS:
        try:
            with tf.io.gfile.GFile(os.path.join(readable, name), "rb") as file:
                found = json.loads(file.read())
        except (tf.errors.OpError, ValueError, RecursionError) as error:
            raise damage(place, {name: first_line(error).replace(readable, shown(place))}) from error
        if not isinstance(found, dict):
            raise damage(place, {name: "it holds no JSON object"})
    try:
        builder = tfds.builder_from_directory(readable)
        complete = builder.info.name and all([split.filepaths for split in builder.info.splits.values()] or [False])
    except MemoryError:
        raise
    except Exception as error:  # whatever TFDS stumbles over in what the files say
        raise damage(place, {" or ".join(_DESCRIPTIONS): first_line(error)}) from error
    if not complete:
        raise damage(place, {_DESCRIPTIONS[0]: "the name of the set, its splits or their lengths are missing"})
    return builder


@contextlib.contextmanager
def own_logging() -> Iterator[None]:
    """A block in which TFDS may log: absl, by which it does, sets up Python's root logger, and that is taken back.

    Otherwise what the caller's program logs would be shown from then on, or its own `logging.basicConfig` would do
    nothing.
    """
    before = list(logging.root.handlers)
    try:
        yield
    finally:
        for handler in [each for each in logging.root.handlers if each not in before]:
            logging.root.removeHandler(handler)


def stored_splits(builder: tfds.core.DatasetBuilder, splits: str) -> list[tfds.core.SplitInfo]:
    """The stored splits that a selection of TFDS, such as "train+validation[:10%]", reads from."""
    used = {os.path.basename(file.filename) for file in builder.info.splits[splits].file_instructions}
    return [info for info in builder.info.splits.values() if used.intersection(path.name for path in info.filepaths)]


def shared(builder: tfds.core.DatasetBuilder, one: str, other: str) -> int:
    """How many examples two selections of TFDS have in common."""
    return sum(
        max(0, min(a.skip + _taken(a), b.skip + _taken(b)) - max(a.skip, b.skip))
        for a in builder.info.splits[one].file_instructions
        for b in builder.info.splits[other].file_instructions
        if a.filename == b.filename
    )


def _taken(part) -> int:
    """Examples of a file that a selection takes; TFDS writes -1 for all that follow."""
    return part.examples_in_shard - part.skip if part.take < 0 else part.take


def require_whole(place: str, builder: tfds.core.DatasetBuilder, splits: str) -> None:
    """Raises OSError where a file of these splits is missing, or holds other than the stated number of records.

    A file that ends between two records would be read as if nothing were missing. Sizes are compared, which is quick;
    only where they do not add up are records counted. A store that is far away is not asked.
    """
    if is_remote(place):
        return
    faults = {}
    for info in stored_splits(builder, splits):
        files = [path for path, length in zip(info.filepaths, info.shard_lengths) if length]
        faults.update({path.name: "it is missing" for path in files if not os.path.isfile(path)})
        framed = builder.info.file_format == tfds.core.FileFormat.TFRECORD and not faults
        if framed and sum(map(os.path.getsize, files)) != info.num_bytes + _FRAME * info.num_examples:
            faults.update(_miscounted(info))
    if faults:
        raise damage(place, faults)


def faults(builder: tfds.core.DatasetBuilder, splits: str) -> dict[str, str]:
    """What is wrong with the files of these splits, by name: they are read from end to end."""
    found = {}
    files = [file for info in stored_splits(builder, splits) for file in zip(info.filepaths, info.shard_lengths)]
    for path, length in notebook.bar(files, desc="looking for damage", unit=" files"):
        try:
            count = sum(1 for _ in tf.data.TFRecordDataset(os.fspath(path))) if length else 0
        except tf.errors.OpError as error:
            found[path.name] = first_line(error)
            continue
        if count != length:
            found[path.name] = f"it holds {count:,} of {length:,} records"
    return found


def damage(place: str, faults: dict[str, str]) -> OSError:
    """The error that names what is wrong with the files of a set, and says what to do."""
    return OSError(errno.EIO, damage_told(place, faults))


def damage_told(place: str, faults: dict[str, str]) -> str:
    """As `damage`, the message alone."""
    listed = told(f"{name}: {fault}" for name, fault in faults.items())
    forbidden = any(os.strerror(errno.EACCES) in fault for fault in faults.values())
    if forbidden:
        return (
            f"the data set in {shown(place)} cannot be read:{listed}\nLet this user read it, or name another --data_dir"
        )
    return (
        f"the data set in {shown(place)} is damaged:{listed}\n"
        "Remove that directory and prepare the set again; the digits come back by themselves"
    )


def system_error(error: Optional[BaseException]) -> Optional[OSError]:
    """What the system refused (a full disk, a missing permission), where that is behind an error of TFDS."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _OF_THE_SYSTEM:
            return error
        if isinstance(error, tf.errors.OpError):
            for number in _OF_THE_SYSTEM:
                if os.strerror(number) in str(error):
                    return OSError(number, os.strerror(number))
        error = error.__cause__ or error.__context__
    return None


def _miscounted(info: tfds.core.SplitInfo) -> dict[str, str]:
    """The files of a split whose number of records is not what the description says."""
    found = {}
    for path, length in zip(info.filepaths, info.shard_lengths):
        count, ends_well = _records(os.fspath(path)) if length else (0, True)
        if not ends_well:
            found[path.name] = f"it ends within record {count + 1:,} of {length:,}"
        elif count != length:
            found[path.name] = f"it holds {count:,} records, where {_DESCRIPTIONS[0]} says {length:,}"
    return found


def _records(path: str) -> tuple[int, bool]:
    """How many whole records a TFRecord file has, by their stated lengths, and whether it ends with one."""
    count = place = 0
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        while place < size:
            file.seek(place)
            place += _FRAME + int.from_bytes(file.read(8), "little")
            count += place <= size
    return count, place == size
