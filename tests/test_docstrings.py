"""Examples in docstrings run; every public name has one, and says its arguments, shapes, errors and source."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pathlib
import re

import pytest

import supcon_tf
from tests.losses.test_docstrings import PUBLIC

ROOT = pathlib.Path(__file__).parents[1]
WITH_EXAMPLES = [
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for path in sorted((ROOT / "supcon_tf").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
# Examples that train, trace a policy, or wait for t-SNE: seconds each.
SLOW = ("augment.layers", "callbacks.collapse_warning", "callbacks.embedding_map", "callbacks.knn_accuracy",
        "data.batches", "models.supcon_model", "run.experiment", "run.serving")  # fmt: skip
EXAMPLES = [
    pytest.param(module, marks=pytest.mark.slow) if module.removeprefix("supcon_tf.") in SLOW else module
    for module in WITH_EXAMPLES
    if module not in PUBLIC  # run in tests/losses/test_docstrings.py, which asks more of them
]
ROOMS = [supcon_tf, *(importlib.import_module(f"supcon_tf.{room}") for room in supcon_tf._ROOMS)]
# What `sc` and its rooms offer, once each.
NAMES = {
    thing.__name__: thing
    for room in ROOMS
    for thing in (getattr(room, name) for name in getattr(room, "__all__", ()))
    if not inspect.ismodule(thing)
}
SAID = {
    "shapes": r"\[[\w.]+(?:, ?[\w.]+)*\]",
    "errors": r"^Raises:\n    \w+",
    "source": r"arXiv|Eq\. \d|Sec\. \d|App\. [A-Z]|\b(?:19|20)\d\d\b",
}
# What a name has no reason to say.
SILENT = {
    "shapes": {"run_experiment", "make_strategy", "build_optimizer", "share_interval", "pixel_scaling"},  # no arrays
    # They take whatever there is: what is wrong is found where it is used, or by TensorFlow.
    "errors": {"Queue", "LinearProbe", "UnitNorm", "batch_norm", "view_seed", "gather_rows"},
    # From no paper: files, seeds, devices, and what is measured here.
    "source": {"view_seed", "embed", "make_strategy", "gather_rows", "pixel_scaling", "CollapseWarning", "ProjectorLog",
               "Report", "ExponentialSchedule", "PiecewiseSchedule", "load", "shuffled_batches"},
}  # fmt: skip


@pytest.mark.parametrize("module", EXAMPLES)
def test_examples_run(module):
    failed, tried = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert failed == 0 and tried > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_an_example_that_runs(name):
    assert "Example:" in NAMES[name].__doc__ and ">>> " in NAMES[name].__doc__
    assert NAMES[name].__module__ in WITH_EXAMPLES


def undescribed(thing) -> list[str]:
    """Arguments that a docstring does not list: `name: ...` or `one, another: ...`."""
    text = inspect.getdoc(thing)
    lines = re.findall(r"^ {4}([\w*]+(?:, [\w*]+)*): ", text, re.M)
    listed = {name.lstrip("*") for line in lines for name in line.split(", ")}
    arguments = inspect.signature(thing).parameters.values()
    return [one.name for one in arguments if one.kind is not one.VAR_KEYWORD and one.name not in listed]


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_is_described(name):
    assert undescribed(NAMES[name]) == []


@pytest.mark.parametrize("what", SAID)
def test_shapes_errors_and_sources_are_said(what):
    """And the exceptions are none too many: each does not say it."""
    silent = {name for name, thing in NAMES.items() if not re.search(SAID[what], inspect.getdoc(thing), re.M)}
    assert silent == SILENT[what]


def test_the_checks_see_what_is_missing():
    def poor(features, labels):
        """Something.

        Args:
            features: float.
        """

    assert undescribed(poor) == ["labels"]
    assert not any(re.search(pattern, inspect.getdoc(poor), re.M) for pattern in SAID.values())
