"""What the docstrings of the loss say: the examples run, and every argument is listed with its default's meaning."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re

import pytest

from supcon_tf.losses.queue import Queue
from supcon_tf.losses.supcon import SupConLoss, supervised_contrastive_loss
from supcon_tf.metrics.positives import AnchorsWithoutPositives

PUBLIC = {
    "supcon_tf.losses.supcon": [SupConLoss, supervised_contrastive_loss],
    "supcon_tf.losses.queue": [Queue],
    "supcon_tf.metrics.positives": [AnchorsWithoutPositives],
}


@pytest.mark.parametrize("module", PUBLIC)
def test_examples_run(module):
    failed, tried = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert failed == 0 and tried >= 3 * len(PUBLIC[module])


@pytest.mark.parametrize(
    "thing", [thing for things in PUBLIC.values() for thing in things], ids=lambda thing: thing.__name__
)
def test_every_argument_is_described_and_has_a_source(thing):
    arguments = [name for name in inspect.signature(thing).parameters if name != "kwargs"]
    described = re.findall(r"^ {8}(\w+): ", inspect.getdoc(thing).replace("\n", "\n    "), re.M)
    assert [name for name in arguments if name not in described] == []
    assert re.search(r"Eq\. \d|Sec\. \d", inspect.getdoc(thing)) and ">>> " in inspect.getdoc(thing)
