"""The one pass over the files of a folder: which are images, how they are read, and what is kept of that."""

from __future__ import annotations

import contextlib
import json
import os
import time
import warnings
import zlib
from collections.abc import Sequence
from concurrent import futures
from typing import Any, NamedTuple

import PIL
import tensorflow as tf

from supcon_tf import notebook
from supcon_tf.data.sets import image_files
from supcon_tf.paths import shown

_AT_ONCE = 1024  # files given to the threads together; a stop waits for none that still has its turn to come
_KEPT_EVERY = 60  # seconds of work that a kill may cost
_ABSENT = (0, 0)  # stamp of a file that is not there
_UNSURE = -1  # age of a file that the system would not read, which no file has: it is tried again
_NO_IMAGE = (0, 0, 0, 0)


class Checked(NamedTuple):
    """What is known of a file that was of this size and age when it was read."""

    size: int  # bytes
    modified: int  # ns
    height: int  # pixels; 0 for a broken file
    width: int
    way: int  # as in `image_files.Image`, and so is `peak`
    peak: int
    fault: str  # why it cannot be read; "" for an image


def check(root: str, names: Sequence[str], *, known_in: str) -> dict[str, Checked]:
    """Reads and decodes every file once; files that did not change since the last check are not read again.

    What was found when this is interrupted is kept: the next check goes on from there.

    Args:
        root: folder.
        names: of files below it.
        known_in: directory where what is known is kept between runs; made if absent.

    Returns:
        By name, in the given order.

    Raises:
        MemoryError: an image needs more than there is.
    """
    note = os.path.join(known_in, f"checked-{zlib.crc32(os.fsencode(os.path.abspath(root))):08x}.json")
    known = _read(note)
    stamps = {name: _stamp(os.path.join(root, name)) for name in names}
    checked = {name: known[name] for name in names if name in known and known[name][:2] == stamps[name]}
    new = [name for name in stamps if name not in checked]
    if not new:
        return checked
    kept = time.monotonic()
    try:
        with _progress(root, len(new)) as bar:
            for start in range(0, len(new), _AT_ONCE):
                _look_at(root, {name: stamps[name] for name in new[start : start + _AT_ONCE]}, checked, bar)
                if time.monotonic() > kept + _KEPT_EVERY:
                    _write(note, checked)
                    kept = time.monotonic()
    finally:
        _write(note, checked)
    return {name: checked[name] for name in names}


def changed(root: str, checked: dict[str, Checked]) -> list[str]:
    """Names of the images that are not as they were when they were checked."""
    images = ((name, then) for name, then in checked.items() if not then.fault)
    return [name for name, then in images if _stamp(os.path.join(root, name)) != then[:2]]


def damaged(root: str, names: Sequence[str]) -> dict[str, str]:
    """What is wrong with files that were images when they were checked, by name: they are all read again."""
    found: dict[str, Checked] = {}
    with _progress(root, len(names)) as bar:
        for start in range(0, len(names), _AT_ONCE):
            _look_at(root, dict.fromkeys(names[start : start + _AT_ONCE], _ABSENT), found, bar)
    return {name: now.fault for name, now in found.items() if now.fault}


def _look_at(root: str, stamps: dict[str, tuple[int, int]], checked: dict[str, Checked], bar: Any) -> None:
    """Adds to `checked` what is known now of the files in `stamps`, as far as it gets."""
    pool = futures.ThreadPoolExecutor(os.cpu_count())
    try:
        found = pool.map(lambda item: _open(os.path.join(root, item[0]), item[1]), stamps.items())
        for name, now in zip(stamps, found):
            checked[name] = now
            bar.update()
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _progress(root: str, count: int):
    """A bar; Pillow's warnings of odd files stay away from it."""
    with (
        warnings.catch_warnings(),
        notebook.bar(total=count, desc=f"checking {shown(root)}", unit=" images") as bar,
    ):
        warnings.filterwarnings("ignore", module="PIL")
        yield bar


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return _ABSENT
    return (status.st_size, status.st_mtime_ns)


def _open(path: str, stamp: tuple[int, int]) -> Checked:
    """What is known of a file that has this stamp."""
    try:
        with open(path, "rb") as file:
            content = file.read()
        if not content:
            return Checked(*stamp, *_NO_IMAGE, "the file is empty")
        with tf.device("CPU:0"):
            return Checked(*stamp, *image_files.examine(content), "")
    except OSError as error:
        age = stamp[1] if stamp == _ABSENT else _UNSURE
        return Checked(stamp[0], age, *_NO_IMAGE, error.strerror or str(error))
    except ValueError as error:
        return Checked(*stamp, *_NO_IMAGE, str(error))
    except MemoryError as error:
        raise MemoryError(
            f"there is not enough memory to read {shown(path)} ({error}). Free some, or make that image smaller."
        ) from error


def _software() -> str:
    """What decides whether a file can be read."""
    return f"TensorFlow {tf.__version__}, Pillow {PIL.__version__}"


def _head(kept: bytes) -> dict:
    """The first line of a note. The sum is there because a wrong digit below would turn an image in silence."""
    return {"software": _software(), "fields": list(Checked._fields), "crc32": zlib.crc32(kept)}


def _read(note: str) -> dict[str, Checked]:
    """What the last check kept; nothing where its file is gone, damaged, or of other software."""
    try:
        with open(note, "rb") as file:
            head, kept = file.read().split(b"\n", 1)
        if json.loads(head) != _head(kept):
            return {}
        return {name: Checked(*values) for name, values in json.loads(kept).items()}
    except (OSError, ValueError):
        return {}


def _write(note: str, checked: dict[str, Checked]) -> None:
    """Whole or not at all. A directory that cannot be written costs the next run another check, no more."""
    new = f"{note}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(note), exist_ok=True)
        kept = json.dumps(checked).encode()
        with open(new, "wb") as file:
            file.write(json.dumps(_head(kept)).encode() + b"\n" + kept)
        os.replace(new, note)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.remove(new)
        where = shown(error.filename or note)
        print(f"the check of the images is not kept: {error.strerror} ({where})", flush=True)
