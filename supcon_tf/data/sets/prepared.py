"""What lies ready in a TFDS data directory, and what to do about what does not."""

from __future__ import annotations

import os
import re

import tensorflow as tf
import tensorflow_datasets as tfds

from supcon_tf.data.sets.transfer import TRANSFER_SETS
from supcon_tf.names import nearest

_VERSIONED_INFO = re.compile(r"(?P<name>.+)/(?P<version>\d+\.\d+\.\d+)/dataset_info\.json")


class DataNotPrepared(ValueError):
    """The data set does not lie in the data directory; the message says what does, and how to prepare it."""


def prepared(data_dir: str) -> dict[str, str]:
    """What lies in a TFDS data directory.

    Args:
        data_dir: TFDS data directory; may be missing.

    Returns:
        name -> directory: each set's newest version under its name, and every version under "name:version".
    """
    root = os.path.expanduser(data_dir)
    patterns = [os.path.join(root, *["*"] * depth, "dataset_info.json") for depth in (2, 3)]  # name[/config]/version
    found = {}
    for path in tf.io.gfile.glob(patterns):
        match = _VERSIONED_INFO.fullmatch(path[len(root) :].replace(os.sep, "/").lstrip("/"))
        if match:
            version = tuple(int(part) for part in match["version"].split("."))
            found[match["name"], version] = os.path.dirname(path)
    newest = {name: found[name, version] for name, version in sorted(found)}
    versions = {f"{name}:{'.'.join(map(str, version))}": where for (name, version), where in sorted(found.items())}
    return {**newest, **versions}


def directory(name: str, data_dir: str) -> str:
    """Where a prepared data set lies.

    Args:
        name: TFDS name, with config and version where wanted.
        data_dir: TFDS data directory.

    Returns:
        The directory of the set's newest version, or of the version asked for.

    Raises:
        DataNotPrepared: it is not there.
    """
    there = prepared(data_dir)
    if name in there:
        return there[name]
    names = sorted(known for known in there if ":" not in known)
    searched = f"{data_dir} (prepared there: {', '.join(names) or 'nothing'})"
    known = {"digits", *names, *tfds.list_builders(with_community_datasets=False)}
    if base_name(name) in known:
        related = [other for other in names if base_name(other) == base_name(name)]
        hint = f" Did you mean `{related[0]}`?" if related else ""
        raise DataNotPrepared(
            f"Data set {name!r} is not prepared in {searched}.{hint} Nothing is downloaded by itself; prepare it once, "
            f'where there is a network: python -c "import tensorflow_datasets as tfds; '
            f'tfds.builder({name!r}, data_dir={data_dir!r}).download_and_prepare()"'
        )
    if name in TRANSFER_SETS and not TRANSFER_SETS[name].tfds:
        raise DataNotPrepared(
            f"TFDS has no {name!r}: sort its images into class sub-folders and read them with data.name=folder:PATH."
        )
    hint = nearest(name, names) or nearest(name, sorted(known))
    raise DataNotPrepared(f"Data set {name!r} is neither prepared in {searched} nor known to TFDS.{hint}")


def base_name(name: str) -> str:
    """The name without config and version: "imagenet_resized/32x32:0.1.0" -> "imagenet_resized"."""
    return re.split("[/:]", name)[0]
