"""Why a model file cannot be loaded, in a line: Keras says it in many ways, and some of them name no reason."""

from __future__ import annotations

import contextlib
import json
import pathlib
import zipfile
from importlib import metadata

import tensorflow as tf

from supcon_tf.failures import first_line
from supcon_tf.paths import shown

CODE = "Name the module that registers them: --model.code=MODULE."


@contextlib.contextmanager
def loading(path: pathlib.Path):
    """A block in which a model is loaded: what fails there, of any kind, becomes a ValueError of one line.

    Args:
        path: of the file or directory.

    Raises:
        ValueError: in the place of whatever was raised but MemoryError.

    Example:
        >>> with loading(pathlib.Path("x.h5")):
        ...     raise KeyError("layers")
        Traceback (most recent call last):
        ValueError: x.h5 cannot be loaded: 'layers'
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(f"{shown(str(path))} cannot be loaded: {_reason(path, error)}") from error


def _reason(path: pathlib.Path, error: Exception) -> str:
    """Why a model cannot be loaded, in a line."""
    if path.suffix.lower() == ".keras":
        if not zipfile.is_zipfile(path):
            return "it is no whole .keras file (a zip archive). Was it cut while it was copied?"
        written, ours = str(_part(path, "metadata.json").get("keras_version", "")), metadata.version("keras")
        if written and written.split(".")[0] != ours.split(".")[0]:
            return (
                f"Keras {written} wrote it, and this is Keras {ours}. Use an installation with its Keras, or have that "
                "write a SavedModel (`model.export(DIRECTORY)`)."
            )
        unknown = sorted(_own_classes(_part(path, "config.json")) - set(tf.keras.utils.get_custom_objects()))
        if unknown:
            return f"nobody has registered its own classes {', '.join(unknown)} with Keras. {CODE}"
    return f"{first_line(error)}{f' {CODE}' if 'Unknown layer' in str(error) else ''}"


def _part(path: pathlib.Path, name: str) -> dict:
    """The JSON object in a .keras file that is called so; an empty one where there is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = json.loads(archive.read(name))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return {}
    return found if isinstance(found, dict) else {}


def _own_classes(tree) -> set[str]:
    """Names under which classes that are not Keras's own are registered, wherever in a config."""
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    found = set().union(*map(_own_classes, inner))
    name, module = (tree.get(key) for key in ("registered_name", "module")) if isinstance(tree, dict) else (None, None)
    return found | {name} if isinstance(name, str) and not str(module).startswith(("keras", "builtins")) else found
