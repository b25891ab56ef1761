"""PNG and JPEG files of any kind as RGB images, and the one pass that finds those that cannot be read."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from concurrent import futures
from typing import NamedTuple, Optional

import tensorflow as tf
from tqdm import tqdm

from supcon_tf.failures import first_line

SUFFIXES = (".jpg", ".jpeg", ".png")


class Checked(NamedTuple):
    """What is known of a file that was of this size and age when it was read."""

    size: int  # bytes
    modified: int  # ns
    height: int  # pixels; 0 for a broken file
    width: int
    fault: str  # why it cannot be read; "" for an image


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """The content of a file as an image; what it is called does not matter.

    Grey becomes three equal channels, a palette its colours, CMYK and YCCK are converted, opacity and all frames but
    the first are dropped.

    Args:
        encoded: bytes [] of a PNG or JPEG.

    Returns:
        uint8 [height, width, 3].
    """
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [None, None, 3])


def check(root: str, names: Sequence[str], *, known_in: str) -> dict[str, Checked]:
    """Reads and decodes every file once; files that did not change since the last check are not read again.

    Args:
        root: folder.
        names: of files below it.
        known_in: directory where what is known is kept between runs; made if absent.

    Returns:
        By name, in the given order.
    """
    path = os.path.join(known_in, f"checked-{zlib.crc32(os.fsencode(os.path.abspath(root))):08x}.json")
    known = _read(path)
    stamps = {name: _stamp(os.path.join(root, name)) for name in names}
    new = [name for name in names if name not in known or known[name][:2] != stamps[name]]
    if new:
        with futures.ThreadPoolExecutor(os.cpu_count()) as pool, tf.device("CPU:0"):
            found = pool.map(lambda name: Checked(*stamps[name], *_open(os.path.join(root, name))), new)
            known.update(zip(new, tqdm(found, total=len(new), desc=f"checking {root}", unit=" images", disable=None)))
    checked = {name: known[name] for name in names}
    if new:
        _write(path, checked)
    return checked


def changed(root: str, checked: dict[str, Checked]) -> list[str]:
    """Names of the files that are not as they were when they were checked."""
    return [name for name, then in checked.items() if _stamp(os.path.join(root, name)) != then[:2]]


def told(names: Iterable[str], most: int = 5) -> str:
    """The first names, a line each, and how many more there are."""
    names = list(names)
    more = [f"... and {len(names) - most} more"] if len(names) > most else []
    return "".join(f"\n  {name}" for name in names[:most] + more)


def _stamp(path: str) -> Optional[tuple[int, int]]:
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0)
    return (status.st_size, status.st_mtime_ns)


def _open(path: str) -> tuple[int, int, str]:
    """Height, width and no fault; or what is wrong with the file, in a line."""
    try:
        with open(path, "rb") as file:
            content = file.read()
        if not content:
            return 0, 0, "the file is empty"
        height, width, _ = decode(tf.constant(content)).shape
    except OSError as error:
        return 0, 0, error.strerror or str(error)
    except (tf.errors.OpError, ValueError) as error:
        return 0, 0, first_line(error)
    return height, width, ""


def _read(path: str) -> dict[str, Checked]:
    """What the last check kept; nothing where it left no readable file."""
    try:
        with open(path, encoding="utf-8") as file:
            return {name: Checked(*values) for name, values in json.load(file).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write(path: str, checked: dict[str, Checked]) -> None:
    """Whole or not at all. A directory that cannot be written costs the next run another check, no more."""
    new = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(new, "w", encoding="utf-8") as file:
            json.dump(checked, file)
        os.replace(new, path)
    except OSError as error:
        print(f"the check of the images is not kept: {error.strerror} ({error.filename})", flush=True)
