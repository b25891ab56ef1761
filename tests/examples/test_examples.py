"""The examples run as they stand, and say what they reach."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


def said(name, *arguments):
    """What an example prints, in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *arguments], capture_output=True, text=True, timeout=400,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def share(text, what):
    return float(re.search(rf"{what}: (0\.\d+|1\.0+)", text)[1])


@pytest.mark.slow
def test_a_model_of_ones_own():
    text = said("supcon_model.py")
    assert share(text, "linear probe") > 0.95 and share(text, "linear probe") == share(text, "saved and loaded")
    assert "val_knn_accuracy" in text


@pytest.mark.slow
def test_plain_keras():
    text = said("plain_keras.py")
    assert share(text, "linear probe") > 0.95 and share(text, "joint classifier") > 0.8
    assert "projections_alignment" in text and "logits_accuracy" in text


def test_they_are_short():
    for path in (ROOT / "examples").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 110, path.name
