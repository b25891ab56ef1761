"""Examples in docstrings run, and every public name has one."""

from __future__ import annotations

import doctest
import importlib
import pathlib

import pytest

import supcon_tf
from tests.losses.test_docstrings import PUBLIC

ROOT = pathlib.Path(__file__).parents[1]
WITH_EXAMPLES = [
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for path in sorted((ROOT / "supcon_tf").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
# Examples that train: seconds each.
TRAIN = ("callbacks.collapse_warning", "callbacks.knn_accuracy", "models.supcon_model", "run.experiment")
EXAMPLES = [
    pytest.param(module, marks=pytest.mark.slow) if module.removeprefix("supcon_tf.") in TRAIN else module
    for module in WITH_EXAMPLES
    if module not in PUBLIC  # run in tests/losses/test_docstrings.py, which asks more of them
]
NAMES = [name for name in supcon_tf.__all__ if name not in supcon_tf._ROOMS]


@pytest.mark.parametrize("module", EXAMPLES)
def test_examples_run(module):
    failed, tried = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert failed == 0 and tried > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_an_example_that_runs(name):
    thing = getattr(supcon_tf, name)
    assert ">>> " in thing.__doc__ and thing.__module__ in WITH_EXAMPLES
