"""Model files of anybody: what kind a path is, what tells it from another, where its measures go."""

from __future__ import annotations

import hashlib
import os
import pathlib
from typing import Optional

from supcon_tf.paths import shown
from supcon_tf.records.exported import FACTS
from supcon_tf.records.files import finished, read_object

KERAS = (".keras", ".h5", ".hdf5")
_PROGRAM = ("saved_model.pb", "saved_model.pbtxt")  # what makes a directory a SavedModel
_OWN = ("data", "lock", "measures.json", "pictures", "predictions", "report.html")  # what an evaluation leaves


def is_model(path: pathlib.Path) -> bool:
    """Whether a path names a model file, and not the directory of a run.

    Example:
        >>> is_model(pathlib.Path("photos.keras")), is_model(pathlib.Path("runs/digits"))
        (True, False)
    """
    named = path.suffix.lower() in KERAS and not path.is_dir()
    return named or path.is_file() or any((path / name).is_file() for name in _PROGRAM)


def kind_of(path: pathlib.Path) -> str:
    """ "keras" or "saved_model".

    Raises:
        ValueError: there is no such file, or it is no model.

    Example:
        >>> kind_of(pathlib.Path("nowhere.keras"))
        Traceback (most recent call last):
        ValueError: there is no model file nowhere.keras.
    """
    if any((path / name).is_file() for name in _PROGRAM):
        return "saved_model"
    if not path.exists():
        raise ValueError(f"there is no model file {shown(str(path))}.")
    if not path.is_file() or path.suffix.lower() not in KERAS:
        raise ValueError(
            f"{shown(str(path))} is no model: name a Keras file ({', '.join(KERAS)}) or the directory of a SavedModel."
        )
    return "keras"


def sum_of(path: pathlib.Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files of a directory.

    Raises:
        OSError: one cannot be read.

    Example:
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "x.keras"
        >>> _ = path.write_bytes(b"abc")
        >>> sum_of(path)[:8]
        'ba7816bf'
    """
    if path.is_file():
        return _of_file(path)
    files = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    lines = [f"{_of_file(path / file)}  {file}\n" for file in files]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def exported_facts(path: pathlib.Path) -> Optional[dict]:
    """What `launch.export` says of a model that it wrote; None of any other model.

    Raises:
        ValueError: its file is damaged.
    """
    facts = path.resolve().parent / FACTS
    if not facts.is_file():
        return None
    found = read_object(facts, "export the run again.")
    files = found.get("files", {})
    return found if path.resolve().name in {name.rstrip("/") for name in files} else None


def place_of(path: pathlib.Path) -> pathlib.Path:
    """Where measures of a model go if nothing is said: `MODEL.measures` beside it.

    Beside the whole export for a model of one, which `launch.export` replaces as a whole.

    Example:
        >>> place_of(pathlib.Path("models/photos.keras")).as_posix()
        'models/photos.keras.measures'
    """
    export = path.parent
    if (export / FACTS).is_file():
        export = pathlib.Path(os.path.abspath(export))
        return export.with_name(f"{export.name}.measures") / path.name
    return path.with_name(f"{path.name}.measures")


def check_place(place: pathlib.Path, model: pathlib.Path) -> None:
    """Refuses a directory that measures of a model may not be written to; writes nothing.

    Raises:
        ValueError: it is a file, lies within the model, or holds other things than measures.

    Example:
        >>> check_place(pathlib.Path("model/here"), pathlib.Path("model"))
        Traceback (most recent call last):
        ValueError: model/here lies within the model; name another directory with --to.
    """
    if model.resolve() in (place.resolve(), *place.resolve().parents):
        raise ValueError(f"{shown(str(place))} lies within the model; name another directory with --to.")
    if place.exists() and not place.is_dir():
        raise ValueError(f"{shown(str(place))} is a file; name a directory with --to.")
    found = sorted(entry.name for entry in place.iterdir()) if place.exists() else []
    foreign = [name for name in found if finished(name) not in _OWN]
    if foreign:
        listed = ", ".join(map(shown, foreign[:3])) + (" ..." if len(foreign) > 3 else "")
        raise ValueError(
            f"{shown(str(place))} holds other things than measures ({listed}). Name a new or empty directory with --to."
        )


def _of_file(path: pathlib.Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()
