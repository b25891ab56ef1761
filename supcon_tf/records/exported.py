"""The directory of exported networks: its files by name, who may write it, and how it is written whole."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from supcon_tf.paths import shown

FACTS = "export.json"  # what was exported, for programs; a directory that has it was written by `launch.export`
CARD = "README.md"
MODELS = ("encoder", "classifier")  # `NAME.keras` for Keras, `NAME/` a SavedModel, `NAME.onnx` where asked for
_OWN = (FACTS, CARD, *(f"{name}{ending}" for name in MODELS for ending in ("", ".keras", ".onnx")))


def check_place(path: pathlib.Path) -> None:
    """Refuses a place that an export may not take; writes nothing.

    Args:
        path: of the directory that is to be written.

    Raises:
        ValueError: it is a file, or holds what no export has written.

    Example:
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> check_place(folder), check_place(folder / "new")
        (None, None)
        >>> _ = (folder / "thesis.tex").write_text("")
        >>> check_place(folder)
        Traceback (most recent call last):
        ValueError: ... holds other things than an export (thesis.tex). Name a new or empty directory with --to.
    """
    if path.exists() and not path.is_dir():
        raise ValueError(f"{shown(str(path))} is a file; name a directory with --to.")
    found = sorted(entry.name for entry in path.iterdir()) if path.exists() else []
    foreign = [name for name in found if name not in _OWN] or ([] if FACTS in found else found)
    if foreign:
        listed = ", ".join(map(shown, foreign[:3])) + (" ..." if len(foreign) > 3 else "")
        raise ValueError(
            f"{shown(str(path))} holds other things than an export ({listed}). Name a new or empty directory with --to."
        )


@contextlib.contextmanager
def written_whole(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A block that fills an empty directory, which takes the place of `path` at its end, or never.

    Directories above are made. What `path` was before is removed when the new one stands there.

    Args:
        path: of a directory that `check_place` does not refuse.

    Yields:
        The directory to fill, beside `path`.

    Raises:
        OSError: it cannot be made, or not brought to its place.
        ValueError: as `check_place`, at the end again.

    Example:
        >>> place = pathlib.Path(tempfile.mkdtemp()) / "export"
        >>> with written_whole(place) as new:
        ...     _ = (new / "export.json").write_text("{}")
        >>> [entry.name for entry in place.iterdir()]
        ['export.json']
    """
    path = pathlib.Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    new = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        filled = new / "new"  # made as all directories are; that of `tempfile` is for its owner alone
        filled.mkdir()
        yield filled
        _to_disk(filled)
        check_place(path)
        _take_place(filled, path, new / "old")
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _take_place(filled: pathlib.Path, path: pathlib.Path, old: pathlib.Path) -> None:
    """Two renames where a directory is replaced: if the second fails, the first is undone."""
    replaces = path.exists()
    if replaces:
        path.rename(old)
    try:
        filled.rename(path)
    except BaseException:
        if replaces:
            old.rename(path)
        raise


def _to_disk(folder: pathlib.Path) -> None:
    """Some file systems tell of a full disk only here."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb+") as opened:
                os.fsync(opened.fileno())
