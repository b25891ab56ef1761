"""The arrows of the house: who may import whom, and what no file may be called or grow to."""

from __future__ import annotations

import ast
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]

# Rooms from left to right: a room may import what stands to its left, and itself. Rooms of one column are strangers.
COLUMNS = [
    {"__init__"},
    {"names", "addons", "failures", "keras_generations"},
    {"settings"},
    {"config"},
    {"augment"},
    {"layers", "distribution", "optim"},
    {"losses"},
    {"networks", "data", "records"},
    {"training", "evaluation", "report", "metrics"},
    {"run"},
]
FOLDERS = ("supcon_tf", "launch", "benchmarks", "experiments", "tests")
# In `model.fit` nobody but the loss itself can gather; what it is made of is arithmetic, and knows of no replicas.
MEETS = "supcon_tf/losses/supcon.py"
# A run's config is read where a run is put together; the rooms before that take plain arguments.
PLAIN = {"losses", "layers", "augment", "distribution", "optim", "networks", "data", "training", "evaluation", "report",
         "metrics"}  # fmt: skip


def sources(folder: str) -> list[pathlib.Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: pathlib.Path) -> set[str]:
    """Dotted names that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def room(path: pathlib.Path) -> str:
    return path.relative_to(ROOT / "supcon_tf").parts[0].removesuffix(".py")


def column(name: str) -> int:
    return next(number for number, rooms in enumerate(COLUMNS) if name in rooms)


def violations(path: pathlib.Path) -> list[str]:
    """The imports of one library file that break the arrows."""
    own, bad = room(path), []
    for name in imported(path):
        top, _, rest = name.partition(".")
        if top in ("experiments", "benchmarks", "launch", "tests"):
            bad.append(f"{name}: the library imports no {top}")
        other = rest.split(".")[0]
        if top != "supcon_tf" or not other or other == own:
            continue
        if other == "__version__":
            continue
        if own == "losses" and other == "distribution" and path.relative_to(ROOT).as_posix() != MEETS:
            bad.append(f"{name}: of the losses only {MEETS} meets other replicas")
        if column(other) >= column(own) or (other == "config" and own in PLAIN):
            bad.append(f"{own} imports {name}")
    return bad


@pytest.mark.parametrize("path", sources("supcon_tf"), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_library_imports_run_from_left_to_right(path):
    assert violations(path) == []


@pytest.mark.parametrize("path", sources("experiments"), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_experiments_import_the_config_only(path):
    allowed = ("experiments", "supcon_tf.config", "dataclasses", "__future__")
    assert [name for name in imported(path) if not name.startswith(allowed)] == []


@pytest.mark.parametrize("folder", ["supcon_tf", "experiments", "benchmarks"])
def test_nobody_imports_launch(folder):
    assert [path for path in sources(folder) if any(n.split(".")[0] == "launch" for n in imported(path))] == []


def test_the_check_sees_a_wrong_arrow(tmp_path, monkeypatch):
    """Control: a loss that imports the trainer must be found."""
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "supcon_tf" / "losses" / "wrong.py"
    path.parent.mkdir(parents=True)
    path.write_text("from supcon_tf.training import loop\nfrom supcon_tf.distribution import collectives\n")
    assert len(violations(path)) == 4  # Both modules, and both as packages.


TILED = "supcon_tf.losses.tiled"
WALKS_TOO = {"benchmarks/loss/ours.py"}  # The floor of the benchmark is measured on the kernel's own walk.


@pytest.mark.parametrize("folder", ["supcon_tf", "benchmarks"])
def test_the_kernel_has_one_door(folder):
    inside = ROOT / "supcon_tf" / "losses" / "tiled"
    past = {
        path.relative_to(ROOT).as_posix()
        for path in sources(folder)
        if path.parent != inside
        for name in imported(path)
        if name.startswith(TILED + ".") and not name.startswith(TILED + ".kernel")
    }
    assert past <= WALKS_TOO


@pytest.mark.parametrize("path", [p for folder in FOLDERS for p in sources(folder)],
                         ids=lambda path: path.relative_to(ROOT).as_posix())  # fmt: skip
def test_files_are_short_and_named_for_what_they_do(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert not re.search(r"(^|/)(utils?|common|misc|helpers?|core)(/|\.py$)", path.relative_to(ROOT).as_posix())


def test_every_source_room_has_tests():
    rooms = {room(path) for path in sources("supcon_tf")} - {"__init__"}
    tested = {path.name for path in (ROOT / "tests").rglob("*") if path.is_dir() or path.name.startswith("test_")}
    assert {name for name in rooms if name not in tested and f"test_{name}.py" not in tested} == set()
