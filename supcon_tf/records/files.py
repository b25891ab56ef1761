"""Small files, written whole or not at all, and never through a link that somebody else may have laid."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import pathlib
import re
import secrets
import time
import zipfile
import zlib
from collections.abc import Sequence
from typing import BinaryIO, Callable

import numpy as np

from supcon_tf.paths import ESCAPED

_NEW = re.compile(r"(\.[0-9a-f]{8})?\.new$")
_LEFT = 3600.0  # seconds after which a file that was not finished is of a process that was killed


def replace_text(path: pathlib.Path, text: str) -> None:
    """Writes a file whole or not at all: an interruption leaves the old one."""
    replace(path, lambda file: file.write(text.encode("utf-8", ESCAPED)))


def replace(path: pathlib.Path, write: Callable[[BinaryIO], object]) -> None:
    """As `replace_text`, by a function that is handed the open file.

    What is written first lies beside it, under a name that no other process writes to: of two that replace a file at
    once the later one wins, and both write it whole. A link in the place of the file itself is replaced, not followed.
    """
    for left in path.parent.glob(f"{glob.escape(path.name)}.*.new"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.lstat().st_mtime > _LEFT:
                left.unlink()
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with _named(path), os.fdopen(number, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())  # or the new name could be there after a power cut, and not the text
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def finished(name: str) -> str:
    """The name of the file that one is to be: what an interruption left says which file it was to replace.

    Example:
        >>> finished("config.json.0123abcd.new"), finished("config.json")
        ('config.json', 'config.json')
    """
    return _NEW.sub("", name)


@contextlib.contextmanager
def alone(path: pathlib.Path):
    """A block that one process at a time is in: who reads a file there and writes it changed loses nothing.

    Args:
        path: of the file; a `lock` beside it, `<name>.lock`, stays.
    """
    import fcntl  # Linux and macOS

    with open(path.with_name(path.name + ".lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def replace_arrays(path: pathlib.Path, arrays: dict[str, np.ndarray], *, compressed: bool = False) -> None:
    """As `replace`, of arrays that `np.load` reads.

    `np.savez` would leave an open archive behind where the disk is full, and Python complains of that at its end.

    Args:
        path: of the file, `.npz`.
        arrays: by name; of objects none.
        compressed: pictures and such take a fraction of the space, and more time.

    Raises:
        OSError: it cannot be written.

    Example:
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "x.npz"
        >>> replace_arrays(path, {"x": np.arange(3)})
        >>> np.load(path)["x"]
        array([0, 1, 2])
    """

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)

    replace(path, write)


def read_arrays(path: pathlib.Path, advice: str, *, names: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Arrays of a file, those called `names` or all; ValueError with `advice` where it is missing or damaged."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names or arrays.files}
    except FileNotFoundError as error:
        raise ValueError(f"{path} is missing. {advice}") from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        told = error.args[0] if isinstance(error, KeyError) else error
        raise ValueError(f"{path} is damaged ({told}). {advice}") from error


def append_line(path: pathlib.Path, line: str) -> None:
    """Adds a line to the end of a file, on the disk before this returns; OSError where the path is a link."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o666)
    with _named(path), os.fdopen(number, "wb") as file:
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def _named(path: pathlib.Path):
    """A block whose errors say which file it writes: that of a full disk does not."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def read_object(path: pathlib.Path, advice: str = "bring it back from a copy, or use another --workdir.") -> dict:
    """The JSON object in a file of a run; ValueError with `advice` where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, FileNotFoundError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error
        raise ValueError(f"{path} is missing or not readable as JSON ({reason}); {advice}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no JSON object; {advice}")
    return found
