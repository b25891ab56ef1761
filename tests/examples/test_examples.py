"""The examples run as they stand, and say what they reach."""

from __future__ import annotations

import json
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


# The cells, one after the other, as a kernel runs them; what a notebook would show is kept instead.
NOTEBOOK = """
import json, sys
import pytest
from tests import kernels
shown = kernels.start(pytest.MonkeyPatch()).outputs
names = {"__name__": "__main__"}
for cell in json.load(open(sys.argv[1]))["cells"]:
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), "notebook", "exec"), names)
print("share:", names["probe"].accuracy, len(shown), all("&lt;svg" in page for page in shown))
"""


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom():
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK, str(ROOT / "examples" / "digits.ipynb")], capture_output=True, text=True,
        timeout=600, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert share(done.stdout, "share") > 0.9 and done.stdout.rstrip().endswith(" 2 True")


def test_the_notebook_holds_no_output():
    cells = json.loads((ROOT / "examples" / "digits.ipynb").read_text(encoding="utf-8"))["cells"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells if "outputs" in cell)
