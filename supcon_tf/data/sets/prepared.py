"""What lies ready in a TFDS data directory, and what to do about what does not."""

from __future__ import annotations

import os
import re

import tensorflow as tf
import tensorflow_datasets as tfds

from supcon_tf.data.sets.tfds_files import damage
from supcon_tf.data.sets.transfer import TRANSFER_SETS
from supcon_tf.names import nearest
from supcon_tf.paths import expanded, is_remote, shown

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_VERSIONED = re.compile(rf"(?P<name>.+)/(?P<version>{_VERSION.pattern})")
_INFO = "dataset_info.json"


class DataNotPrepared(ValueError):
    """The data set does not lie in the data directory; the message says what does, and how to prepare it."""


def prepared(data_dir: str) -> dict[str, str]:
    """What lies in a TFDS data directory.

    Args:
        data_dir: TFDS data directory; may be missing.

    Returns:
        name -> directory: each set's newest version under its name, and every version under "name:version".

    Raises:
        OSError: the directory cannot be listed.
    """
    root = data_dir
    found = {}
    for place in _described(root):
        match = _VERSIONED.fullmatch(place[len(root) :].replace(os.sep, "/").strip("/"))
        if match:
            version = tuple(int(part) for part in match["version"].split("."))
            found[match["name"], version] = place
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
        OSError: the data directory cannot be listed, or what describes the set is gone.
    """
    there = prepared(data_dir)
    if name in there:
        return there[name]
    if _undescribed(name, data_dir):
        raise damage(_undescribed(name, data_dir), {_INFO: "it is missing"})
    names = sorted(shown(known) for known in there if ":" not in known)
    searched = f"{shown(data_dir)} (prepared there: {', '.join(names) or 'nothing'})"
    known = {"digits", *names, *_builders()}
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
    is_folder = not is_remote(name) and os.path.isdir(expanded(name))
    hint = (
        f" Did you mean `folder:{shown(name)}`?" if is_folder else nearest(name, names) or nearest(name, sorted(known))
    )
    raise DataNotPrepared(f"Data set '{shown(name)}' is neither prepared in {searched} nor known to TFDS.{hint}")


def is_known(name: str) -> bool:
    """Whether TFDS can prepare a set of this name."""
    return base_name(name) in _builders()


def _builders() -> list[str]:
    return tfds.list_builders(with_community_datasets=False)


def base_name(name: str) -> str:
    """The name without config and version: "imagenet_resized/32x32:0.1.0" -> "imagenet_resized"."""
    return re.split("[/:]", name)[0]


def _described(root: str) -> list[str]:
    """Directories, two or three levels below (name[/config]/version), that hold the description of a set."""
    if is_remote(root):
        patterns = [os.path.join(root, *["*"] * depth, _INFO) for depth in (2, 3)]
        return [os.path.dirname(path) for path in tf.io.gfile.glob(patterns)]
    if not os.path.isdir(root):
        return []
    # Listed, since a pattern would give a meaning to characters of the path.
    second = [below for first in _folders(root) for below in _folders(first, lenient=True)]
    third = [below for folder in second for below in _folders(folder, lenient=True)]
    return [folder for folder in second + third if os.path.isfile(os.path.join(folder, _INFO))]


def _undescribed(name: str, data_dir: str) -> str:
    """The directory of a version of this set that holds files and not its description; "" where there is none."""
    name, _, version = name.partition(":")
    for folder in sorted(_folders(os.path.join(data_dir, name), lenient=True)):
        found = os.path.basename(folder)
        if _VERSION.fullmatch(found) and version in ("", found) and os.listdir(folder):
            return folder
    return ""


def _folders(folder: str, *, lenient: bool = False) -> list[str]:
    """Those in a folder. One that cannot be listed has none, where that is lenient: it may be somebody else's."""
    try:
        return [entry.path for entry in os.scandir(folder) if entry.is_dir()]
    except OSError as error:
        if lenient:
            return []
        said = (
            f"the data directory cannot be listed ({error.strerror}); let this user read it, or name another --data_dir"
        )
        raise OSError(error.errno, said, shown(folder)) from error
