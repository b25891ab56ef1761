"""The experiments that exist: every module under `experiments/` with a `config()`, by its dotted name."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pkgutil

import experiments
from supcon_tf.config import Experiment
from supcon_tf.names import nearest


@functools.cache
def names() -> tuple[str, ...]:
    """`digits.supcon` and the like, sorted: what lies in a data set's folder."""
    modules = pkgutil.walk_packages(experiments.__path__, "experiments.")
    found = (module.name.split(".", 1)[1] for module in modules if not module.ispkg)
    return tuple(sorted(name for name in found if "." in name))


def load(name: str) -> Experiment:
    """The experiment called `name`, as its file describes it.

    Raises:
        ValueError: no experiment has this name; the message gives the nearest name, or the list.
    """
    known = names()
    if name not in known:
        hint = nearest(name, known) or f"\n{listing()}"
        raise ValueError(f"no experiment is called '{name}'.{hint}")
    return dataclasses.replace(_module(name).config(), name=name)


def listing() -> str:
    """All experiments, a line each."""
    known = names()
    width = max(map(len, known)) + 2
    return "There are:\n" + "\n".join(f"  {name:<{width}}{summary(name)}" for name in known)


def summary(name: str) -> str:
    """The first line of an experiment's header."""
    return (_module(name).__doc__ or "").strip().splitlines()[0]


def _module(name: str):
    return importlib.import_module(f"experiments.{name}")
