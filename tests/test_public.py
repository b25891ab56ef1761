"""What tab shows: every name is there, documented, with an example that runs; and nothing loads TensorFlow before."""

from __future__ import annotations

import importlib
import importlib.resources
import json
import subprocess
import sys

import pytest

import supcon_tf
from supcon_tf.public import offered
from tests.test_docstrings import WITH_EXAMPLES

ROOMS = [room for room in supcon_tf._ROOMS if getattr(importlib.import_module(f"supcon_tf.{room}"), "__all__", None)]
NAMES = [(room, name) for room in ROOMS for name in dir(importlib.import_module(f"supcon_tf.{room}"))]


def test_these_rooms_show_what_they_offer():
    assert {
        "augment",
        "callbacks",
        "data",
        "evaluation",
        "layers",
        "losses",
        "metrics",
        "models",
        "networks",
        "optim",
    } <= set(ROOMS)
    assert len(NAMES) > 40


@pytest.mark.parametrize("room, name", NAMES, ids=lambda text: text)
def test_a_name_is_documented_with_an_example_that_runs(room, name):
    thing = getattr(importlib.import_module(f"supcon_tf.{room}"), name)
    assert "Example:" in thing.__doc__ and ">>> " in thing.__doc__, f"{room}.{name} has no example"
    assert thing.__module__ in WITH_EXAMPLES  # which tests/test_docstrings.py runs


def test_a_wrong_name_is_met_with_what_there_is():
    with pytest.raises(AttributeError, match=r"module 'supcon_tf.models' has no attribute 'SupCon'; it offers SupConM"):
        _ = supcon_tf.models.SupCon
    get, names, everything = offered("supcon_tf", {"optim": ""})
    assert get("optim") is supcon_tf.optim and names() == everything == ["optim"]


def test_tensorflow_waits_for_the_first_use():
    """In a fresh process: after the import, and after a look at every room."""
    program = (
        "import json, sys, supcon_tf\n"
        "seen = {name: dir(getattr(supcon_tf, name)) for name in supcon_tf._ROOMS if name not in ('config', 'run')}\n"
        "print(json.dumps([dir(supcon_tf), seen, 'tensorflow' in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    top, seen, loaded = json.loads(done.stdout)
    assert not loaded and "SupConLoss" in top and "models" in top
    assert seen["callbacks"] == ["CollapseWarning", "EmbeddingMap", "KNNAccuracy", "ProjectorLog", "Report"]


def test_types_are_said_to_be_there():
    assert (importlib.resources.files("supcon_tf") / "py.typed").is_file()
