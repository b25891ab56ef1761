"""Paths: as a person types them, as TensorFlow can spell them, and as a person can read them."""

from __future__ import annotations

import atexit
import codecs
import functools
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterable


def resolved(path: str) -> str:
    """The absolute path that is meant, so that nobody after this has to ask again what it starts with.

    An address such as gs://bucket/data stays as it is.
    """
    path = os.fspath(path)
    return path if is_remote(path) else os.path.abspath(expanded(path))


def expanded(path: str) -> str:
    """The path with the home directory in the place of a leading `~`, as a shell has it.

    But where something of that name lies in the current directory it is that.
    """
    first = path.split(os.sep, 1)[0]
    return os.path.expanduser(path) if first.startswith("~") and not os.path.lexists(first) else path


def is_remote(path: str) -> bool:
    """Whether a path is the address of a store that TensorFlow alone can read, such as gs://bucket."""
    return re.match(r"[a-z][a-z0-9+.-]*://", path) is not None


def spellable(path: str) -> str:
    """The path, or a link to it where it is no UTF-8: TFDS and TensorFlow's Python take no other names.

    The link lies in the system's temporary directory until the process ends.
    """
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return _link(path)
    return path


def shown(text: str) -> str:
    r"""The text in characters that can be printed: bytes that are no UTF-8, and what controls a terminal, escaped.

    A folder whose name has the byte e9 is shown as `caf\xe9`, one with a line break as `a\nb`.
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def told(names: Iterable[str], most: int = 5) -> str:
    """The first names, a line each, and how many more there are."""
    names = list(names)
    more = [f"... and {len(names) - most:,} more"] if len(names) > most else []
    return "".join(f"\n  {shown(name)}" for name in names[:most] + more)


def _escape(error: UnicodeError):
    """What an encoding has no place for, as `shown` has it or by its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    strange = error.object[error.start : error.end]
    return "".join(map(_escaped, strange)).encode("ascii", "backslashreplace").decode("ascii"), error.end


# For `open(..., errors=ESCAPED)` and streams: a name of any bytes is written as `shown` has it, and stops nothing.
ESCAPED = "supcon_tf.escaped"
codecs.register_error(ESCAPED, _escape)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # what Python makes of a byte that is no UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    hidden = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    return character.encode("unicode_escape").decode("ascii") if hidden else character


@functools.cache
def _link(path: str) -> str:
    place = tempfile.mkdtemp(prefix="supcon_tf_")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    link = os.path.join(place, "data")
    os.symlink(path, link)
    return link
