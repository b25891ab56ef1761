"""The one place where TensorFlow Addons is imported: it exists up to TensorFlow 2.15 and Python 3.11 only."""

from __future__ import annotations

import importlib
import types
import warnings


def tensorflow_addons(purpose: str) -> types.ModuleType:
    """The package, for what only it offers.

    Args:
        purpose: what needs it, as a person would say it; begins the error.

    Raises:
        ValueError: it cannot be imported here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It announces its end of life at every import.
        try:
            return importlib.import_module("tensorflow_addons")
        except ImportError as error:
            raise ValueError(
                f"{purpose} needs TensorFlow Addons, which exists for Python 3.9 to 3.11 with TensorFlow 2.15 only "
                f"(BUILD.md, stack A): run it there, or do without. The import said: {error}"
            ) from error
