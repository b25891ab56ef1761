"""What tab shows: every name is there, to editors too; and nothing loads TensorFlow before."""

from __future__ import annotations

import ast
import importlib
import importlib.resources
import inspect
import json
import pathlib
import subprocess
import sys

import pytest

import supcon_tf
from supcon_tf.public import offered

ROOMS = [room for room in supcon_tf._ROOMS if getattr(importlib.import_module(f"supcon_tf.{room}"), "__all__", None)]
NAMES = [(room, name) for room in ROOMS for name in dir(importlib.import_module(f"supcon_tf.{room}"))]


def test_these_rooms_show_what_they_offer():
    assert {"augment", "callbacks", "data", "distribution", "evaluation", "layers", "losses", "metrics", "models",
            "networks", "optim", "run"} <= set(ROOMS)  # fmt: skip
    assert len(NAMES) > 40


def names_of_stub(path) -> dict[str, str]:
    """What a stub offers, and the module that each is from: `from MODULE import NAME as NAME`."""
    lines = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
    return {alias.asname: line.module for line in lines for alias in line.names if alias.asname == alias.name}


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_editors_are_told_the_names_that_there_are(room):
    """`__init__.pyi` has the names of `__init__.py`, from where they are."""
    package = importlib.import_module(f"supcon_tf.{room}" if room else "supcon_tf")
    things = {name: getattr(package, name) for name in package.__all__}
    homes = {name: "supcon_tf" if inspect.ismodule(it) else it.__module__ for name, it in things.items()}
    assert names_of_stub(pathlib.Path(package.__file__).with_suffix(".pyi")) == homes


def test_only_rooms_that_offer_names_have_a_stub():
    """A stub hides whatever it does not name; a room without names shows its modules."""
    stubs = {path.parent.name for path in pathlib.Path(supcon_tf.__file__).parent.rglob("*.pyi")}
    assert stubs == {"supcon_tf", *ROOMS}


def test_a_wrong_name_is_met_with_what_there_is():
    with pytest.raises(AttributeError, match=r"module 'supcon_tf.models' has no attribute 'SupCon'; it offers SupConM"):
        _ = supcon_tf.models.SupCon
    get, names, everything = offered("supcon_tf", {"optim": ""})
    assert get("optim") is supcon_tf.optim and names() == everything == ["optim"]


def test_a_name_that_needs_an_extra_says_which(monkeypatch):
    """A package of others that is absent; a module of this one that is absent is a fault of its own."""

    def absent(name):
        def import_module(_):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        return import_module

    get, *_ = offered("supcon_tf", {"run_experiment": "run.experiment"})
    monkeypatch.setattr(importlib, "import_module", absent("PIL"))
    with pytest.raises(ModuleNotFoundError, match=r"`supcon_tf.run_experiment` needs PIL.*'supcon-tf\[train\]'"):
        get("run_experiment")
    monkeypatch.setattr(importlib, "import_module", absent("supcon_tf.run.experiment"))
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'supcon_tf.run.experiment'"):
        get("run_experiment")


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
