"""What this package itself writes, which may lie among a person's images and is none of them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection

PICTURE_NOTE = ("Software", "supcon_tf")  # in the text of every PNG that `launch.prepare_data` writes

_PICTURES = re.compile(r"(samples|views_\w+)\.png")
_CHECKS = re.compile(r"checked-[0-9a-f]{8}\.json(\.\d+)?")  # `image_check`
_RUN = {"config.json", "environment.json"}  # `records.directory`


def is_own_file(folder: str, name: str) -> bool:
    """Whether a file of this name in a folder is a picture or a note of this package."""
    if _CHECKS.fullmatch(name):
        return True
    if not _PICTURES.fullmatch(name):
        return False
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return b"\0".join(word.encode() for word in PICTURE_NOTE) in file.read(1024)
    except OSError:
        return False


def is_run(names: Collection[str]) -> bool:
    """Whether a folder with files of these names is the directory of a run."""
    return _RUN.issubset(names)
