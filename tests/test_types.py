"""What an editor and mypy see: the names, their signatures, and no public module without types.

`make types` runs mypy over the package and over tests/typed/user.py, whose wrong lines must be errors.
"""

from __future__ import annotations

import importlib.util
import inspect
import pathlib
import re
import shutil
import subprocess
import sys

import jedi
import pytest

import supcon_tf

ROOT = pathlib.Path(__file__).parents[1]
ROOMS = [importlib.import_module(f"supcon_tf.{name}") for name in supcon_tf._ROOMS]


def homes() -> set[str]:
    """The modules in which public names are defined, with the classes that they derive from, and those that offer them.

    The config offers what it defines.
    """
    offered = {getattr(room, name) for room in [supcon_tf, *ROOMS] for name in getattr(room, "__all__", ())}
    offered |= {thing for thing in vars(supcon_tf.config).values() if inspect.isclass(thing)}
    lines = {base for thing in offered for base in (inspect.getmro(thing) if inspect.isclass(thing) else [thing])}
    return {
        name
        for name in (base.__name__ if inspect.ismodule(base) else base.__module__ for base in lines)
        if name.startswith("supcon_tf")
    }


def checked() -> set[str]:
    """The modules whose errors mypy shows, by pyproject.toml."""
    block = re.search(r"module = \[([^\]]*)\]\nignore_errors = false", (ROOT / "pyproject.toml").read_text("utf-8"))[1]
    return set(re.findall(r'"(.+)"', block))


def test_every_module_with_a_public_name_is_checked():
    assert len(homes()) > 40 and homes() - checked() == set()
    assert all(importlib.util.find_spec(name) for name in checked())


@pytest.mark.parametrize(
    "typed, offered",
    [
        ("sc.SupC", ["SupConLoss", "SupConModel"]),
        ("sc.evaluation.ne", ["nearest_neighbours", "neighbour_accuracy", "neural_collapse"]),
        ("sc.SupConLoss(temp", ["temperature="]),
        ("sc.models.SupConModel(encoder).proj", ["project", "projection"]),
    ],
)
def test_an_editor_completes(typed, offered):
    """By jedi, as IPython and many editors do, without running the package."""
    script = jedi.Script(f"import supcon_tf as sc\n{typed}", project=jedi.Project(ROOT))
    shown = [one.name for one in script.complete()]
    assert [name for name in shown if name in offered] == offered


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Source, settings and the user's program, to be spoilt; with mypy's cache."""
    folder = tmp_path_factory.mktemp("typed")
    for name in ("supcon_tf", "tests/typed"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def mypy(folder) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "mypy"], cwd=folder, capture_output=True, text=True, timeout=600)


@pytest.mark.guard
def test_mypy_finds_nothing_here_and_what_is_spoilt(copy):
    """Controls: an argument without a type, a wrong use, and a public class that its stub forgets."""
    clean = mypy(copy)
    assert clean.returncode == 0, clean.stdout
    spoils = (
        ("supcon_tf/layers/heads.py", "classes: int, zero_init", "classes, zero_init", "[no-untyped-def]"),
        ("supcon_tf/optim/schedules.py", "batch_size: int) -> float:", "batch_size: int) -> str:", "[return-value]"),
        ("tests/typed/user.py", "temperature=0.1, base", "temprature=0.1, base", 'did you mean "temperature"'),
        ("tests/typed/user.py", "sc.ProjectionHead(", "sc.ProjectionHeads(", 'no attribute "ProjectionHeads"'),
        ("supcon_tf/optim/__init__.pyi", "LARS as LARS", "LARS as _LARS", 'Name "sc.optim.LARS" is not defined'),
    )
    for file, old, new, _ in spoils:
        text = (copy / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, (file, old)
        (copy / file).write_text(text.replace(old, new), encoding="utf-8")
    said = mypy(copy)
    assert said.returncode == 1 and [words for *_, words in spoils if words not in said.stdout] == [], said.stdout
