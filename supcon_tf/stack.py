"""Whether the installed TensorFlow is one that this package supports on this Python."""

from __future__ import annotations

import sys
import warnings
from importlib import metadata

# By the Python version, the TensorFlow versions of setup.py: from, and below.
OLD, NEW = ((2, 15), (2, 16)), ((2, 20), (2, 22))


def check_stack() -> None:
    """Warns in one line where another installation has moved TensorFlow away from what was installed with this."""
    try:
        installed = metadata.version("tensorflow")
    except metadata.PackageNotFoundError:  # a build under another name, as on TPU hosts
        return
    told = complaint(installed, sys.version_info[:2])
    if told:
        warnings.warn(told, stacklevel=3)


def complaint(tensorflow: str, python: tuple) -> str:
    """What is wrong with a version of TensorFlow on this version of Python; empty where nothing is."""
    least, below = OLD if python < (3, 12) else NEW
    version = tuple(int(part) for part in tensorflow.split(".")[:2])
    if least <= version < below:
        return ""
    wanted = f"{least[0]}.{least[1]}" if below[1] == least[1] + 1 else f"{least[0]}.{least[1]} to 2.{below[1] - 1}"
    return (
        f"supcon_tf on Python {python[0]}.{python[1]} is made for TensorFlow {wanted}, and {tensorflow} is installed: "
        "another package has moved it. Install supcon_tf again, with that package left out or older."
    )
