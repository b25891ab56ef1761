"""The plan of the house: who may import whom, what no file may be called or grow to, what no function may take."""

from __future__ import annotations

import ast
import pathlib
import re
import sys

import pytest

from supcon_tf.names import STAGE_KINDS

ROOT = pathlib.Path(__file__).parents[1]
FOLDERS = ("supcon_tf", "launch", "benchmarks", "experiments", "examples", "tests")

# Rooms from left to right: a room may import what stands to its left, and itself. Rooms of one column are strangers.
COLUMNS = [
    {"registration", "stack", "public"},
    {"__init__"},
    {"names", "addons", "failures", "keras_generations", "paths", "tracing", "notebook"},
    {"settings", "command"},
    {"encoders"},
    {"config"},
    {"tables", "transfer_budget"},
    {"augment"},
    {"layers", "distribution", "optim"},
    {"losses"},
    {"networks", "data", "records"},
    {"training", "evaluation", "report"},
    {"callbacks", "metrics", "models"},
    {"run"},
]
MEETS = "supcon_tf/losses/supcon.py"  # In `model.fit` nobody else can gather; the other losses know of no replicas.
# A run's config is read where a run is put together; the rooms before that take plain arguments.
PLAIN = {"losses", "layers", "augment", "distribution", "optim", "networks", "data", "training", "evaluation", "report",
         "callbacks", "metrics", "models"}  # fmt: skip

MOST_PARAMETERS = 8
# Functions that take more, each with its reason.
MANY_PARAMETERS = {
    "supcon_tf/losses/supcon.py:supervised_contrastive_loss": "the authors' names, which users know",
    "supcon_tf/losses/supcon.py:SupConLoss.__init__": "the same as a Keras loss",
    "supcon_tf/augment/policies.py:policy": "all that the paper's augmentations can be told",
}


def sources(folder: str) -> list[pathlib.Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def named(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: pathlib.Path) -> set[str]:
    """Dotted names that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(tree(path)):
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
        if own == "losses" and other == "distribution" and named(path) != MEETS:
            bad.append(f"{name}: of the losses only {MEETS} meets other replicas")
        if column(other) >= column(own) or (other == "config" and own in PLAIN):
            bad.append(f"{own} imports {name}")
    return bad


@pytest.mark.parametrize("path", sources("supcon_tf"), ids=named)
def test_library_imports_run_from_left_to_right(path):
    assert violations(path) == []


def test_the_check_sees_a_wrong_arrow(tmp_path, monkeypatch):
    """Control: a loss that imports the trainer must be found."""
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "supcon_tf" / "losses" / "wrong.py"
    path.parent.mkdir(parents=True)
    path.write_text("from supcon_tf.training import loop\nfrom supcon_tf.distribution import collectives\n")
    assert len(violations(path)) == 4  # Both modules, and both as packages.


TILED = "supcon_tf.losses.tiled"
# The floor of the benchmark is measured on the kernel's own walk, and a picture shows which tiles it visits.
WALKS_TOO = {"benchmarks/loss/ours.py", "benchmarks/pictures.py"}


@pytest.mark.parametrize("folder", ["supcon_tf", "benchmarks"])
def test_the_kernel_has_one_door(folder):
    inside = ROOT / "supcon_tf" / "losses" / "tiled"
    past = {
        named(path)
        for path in sources(folder)
        if path.parent != inside
        for name in imported(path)
        if name.startswith(TILED + ".") and not name.startswith(TILED + ".kernel")
    }
    assert past <= WALKS_TOO


@pytest.mark.parametrize("path", sources("experiments"), ids=named)
def test_experiments_import_the_config_only(path):
    allowed = ("experiments", "supcon_tf.config", "supcon_tf.tables", "dataclasses", "__future__")
    assert [name for name in imported(path) if not name.startswith(allowed)] == []


@pytest.mark.parametrize("folder", ["supcon_tf", "experiments", "benchmarks"])
def test_nobody_imports_launch(folder):
    assert [path for path in sources(folder) if any(n.split(".")[0] == "launch" for n in imported(path))] == []


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """Files that import each other in a loop; none where there is no such loop."""
    done: set[str] = set()

    def walk(at: str, way: list[str]) -> list[str]:
        if at in way:
            return way[way.index(at) :]
        if at in done:
            return []
        found = next((loop for other in sorted(arrows.get(at, ())) if (loop := walk(other, [*way, at]))), [])
        done.add(at)
        return found

    return next((loop for at in sorted(arrows) if (loop := walk(at, []))), [])


def test_no_files_import_each_other_in_a_circle():
    modules = {}
    for folder in ("supcon_tf", "launch", "benchmarks"):
        for path in sources(folder):
            modules[named(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")] = path
    assert circle({name: {n for n in imported(path) if n in modules} - {name} for name, path in modules.items()}) == []


def test_the_check_sees_a_circle():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == ["b", "c"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def functions(path: pathlib.Path):
    """(name with its classes, node) of every function of a file."""

    def walk(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{prefix}{child.name}", child
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                yield from walk(child, f"{prefix}{child.name}.")

    return walk(tree(path), "")


def parameters(function: ast.FunctionDef) -> int:
    every = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return len(every) - (bool(every) and every[0].arg in ("self", "cls"))


def test_no_function_takes_too_many_parameters():
    many = {
        f"{named(path)}:{name}"
        for path in sources("supcon_tf")
        for name, node in functions(path)
        if parameters(node) > MOST_PARAMETERS
    }
    assert many == set(MANY_PARAMETERS)


def compares_a_stage(node: ast.AST) -> bool:
    """Whether something is compared with the name of a stage, or looked up among such names."""
    if not isinstance(node, ast.Compare):
        return False
    constants = [leaf.value for part in (node.left, *node.comparators) for leaf in ast.walk(part)
                 if isinstance(leaf, ast.Constant)]  # fmt: skip
    return any(isinstance(value, str) and value in STAGE_KINDS for value in constants)


@pytest.mark.parametrize("path", [p for p in sources("supcon_tf") if room(p) not in ("names", "run")], ids=named)
def test_nobody_asks_for_a_stage_by_its_name(path):
    """What a stage is stands in the table of its kinds."""
    assert [node.lineno for node in ast.walk(tree(path)) if compares_a_stage(node)] == []


def test_the_check_sees_a_branch_on_a_name():
    assert any(map(compares_a_stage, ast.walk(ast.parse('x = 1 if name == "linear" else 2'))))
    assert any(map(compares_a_stage, ast.walk(ast.parse('if name in ("joint", "contrastive"): pass'))))
    assert not any(map(compares_a_stage, ast.walk(ast.parse('x = STAGE_KINDS["linear"]'))))


@pytest.mark.parametrize("path", [path for folder in FOLDERS for path in sources(folder)], ids=named)
def test_files_are_short_and_named_for_what_they_do(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert not re.search(r"(^|/)(utils?|common|misc|helpers?|core)(/|\.py$)", named(path))


@pytest.mark.parametrize("path", [p for p in sources("supcon_tf") if p.name != "__init__.py" and any(functions(p))],
                         ids=named)  # fmt: skip
def test_a_source_file_has_a_test_of_its_name(path):
    """Every one that does something; a file may be without that declares only."""
    assert list((ROOT / "tests").rglob(f"test_{path.name}"))


def files_of(map_: str, *, indent: str) -> set[str]:
    """Paths in a drawing of folders, one a line, each level two blanks further in."""
    way, found = [], set()
    for line in map_.splitlines():
        names = re.match(rf"{indent}((?:  )*)([\w.]+(?:/|\.py))", line)
        if names:
            way[len(names[1]) // 2 :] = [names[2]]
            found.add("".join(way))
    return found


def drawing(document: str) -> str:
    """The block of a document that begins with `supcon_tf/`."""
    text = (ROOT / document).read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:\w*)\n(.*?)^```", text, re.M | re.S)
    return next(block for block in blocks if block.startswith("supcon_tf/"))


def test_the_plan_of_the_house_has_every_file():
    inside = {named(path).removeprefix("supcon_tf/") for path in sources("supcon_tf") if path.name != "__init__.py"}
    folders = {f"{parent.as_posix()}/" for path in inside for parent in pathlib.Path(path).parents} - {"./"}
    assert files_of(drawing("docs/explained/house.md"), indent="  ") == inside | folders


def test_the_plan_of_the_house_has_the_arrows():
    text = (ROOT / "docs/explained/house.md").read_text(encoding="utf-8").split("## Arrows")[1]
    columns = re.search(r"```\n(.*?)```", text, re.S)[1].split("->")
    assert [set(re.findall(r"\w+", column)) for column in columns] == [c for c in COLUMNS if c != {"__init__"}]


def test_the_readme_has_every_room():
    """Folders and files of `supcon_tf/` itself, and nothing that is not there; some stand together in a line."""
    rooms = {path.name for path in (ROOT / "supcon_tf").iterdir() if path.suffix == ".py"} - {"__init__.py"}
    rooms |= {f"{path.parent.name}/" for path in (ROOT / "supcon_tf").glob("*/__init__.py")}
    lines = drawing("README.md").split("\nexperiments/")[0].splitlines()[1:]
    assert {name for line in lines for name in re.findall(r"(?<=  )[a-z_]+(?:/|\.py)(?= )", f"{line} ")} == rooms


def test_the_check_sees_a_file_that_nobody_drew():
    assert files_of("  a/   x\n    b.py\n    c/\n      d.py\n  e.py  y", indent="  ") == {
        "a/", "a/b.py", "a/c/", "a/c/d.py", "e.py",
    }  # fmt: skip
