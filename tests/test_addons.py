"""TensorFlow Addons is imported in one place, and asked for by name."""

from __future__ import annotations

import pathlib
import re
import sys

import pytest

from supcon_tf import addons

ROOT = pathlib.Path(__file__).parents[1]
IMPORT = r"^\s*(import|from) tensorflow_addons|import_module\(.tensorflow_addons"


def test_it_is_imported_nowhere_else():
    users = [
        path.name for path in (ROOT / "supcon_tf").rglob("*.py") if re.search(IMPORT, path.read_text("utf-8"), re.M)
    ]
    assert users == ["addons.py"]


def test_the_package_or_one_error(monkeypatch):
    pytest.importorskip("tensorflow_addons", reason="TensorFlow Addons exists up to Python 3.11 only")
    assert hasattr(addons.tensorflow_addons("a test").image, "sparse_image_warp")
    monkeypatch.setitem(sys.modules, "tensorflow_addons", None)
    with pytest.raises(ValueError, match=r"^The warp needs TensorFlow Addons"):
        addons.tensorflow_addons("The warp")
