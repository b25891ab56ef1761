"""`pictures/` of a run, small images that the report shows of a measure: the one reader and writer of them.

A file belongs to an entry of `measures.json`: it is of the same data, and holds what made it. One of other weights or
software than its entry counts as absent.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import re
import zipfile
import zlib
from typing import Optional

import numpy as np

from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.files import replace_arrays


def path_of(directory: RunDirectory, entry: dict) -> pathlib.Path:
    """The file of an entry of `measures.json`.

    Example:
        >>> entry = {"measure": "retrieval", "made": {"data": {"name": "folder:a/b"}}}
        >>> path_of(RunDirectory("runs/one"), entry).as_posix()
        'runs/one/pictures/retrieval-folder_a_b-b74c9b35.npz'
    """
    data = entry["made"]["data"]
    which = hashlib.sha256(json.dumps([data, entry["made"].get("fingerprint")]).encode()).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", data["name"])[-60:]
    return directory.path / "pictures" / f"{entry['measure']}-{name}-{which}.npz"


def read(directory: RunDirectory, entry: dict) -> Optional[dict]:
    """The arrays of an entry; None where there are none, or only damaged ones or those of another entry.

    Example:
        >>> read(RunDirectory("runs/nowhere"), {"measure": "retrieval", "made": {"data": {"name": "digits"}}})
    """
    try:
        with path_of(directory, entry).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
            return arrays if arrays.pop("made").tobytes() == _made(entry) else None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


def write(directory: RunDirectory, entry: dict, arrays: dict) -> None:
    """Writes the arrays of an entry; the directory is held.

    Raises:
        OSError: it cannot be written.

    Example:
        >>> import tempfile
        >>> directory = RunDirectory(tempfile.mkdtemp())
        >>> entry = {"measure": "retrieval", "made": {"data": {"name": "digits"}}}
        >>> write(directory, entry, {"images": np.zeros([2, 8, 8, 1], np.uint8)})
        >>> read(directory, entry)["images"].shape
        (2, 8, 8, 1)
    """
    directory.verify()
    path = path_of(directory, entry)
    path.parent.mkdir(exist_ok=True)
    replace_arrays(path, {"made": np.frombuffer(_made(entry), np.uint8), **arrays}, compressed=True)


def _made(entry: dict) -> bytes:
    return json.dumps(entry["made"], sort_keys=True).encode()
