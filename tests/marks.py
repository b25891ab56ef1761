"""Cases of a test of which the fast suite runs some: the others are marked slow."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest


def slow_but(cases: Iterable, fast: Collection) -> list:
    """`cases` as they are where they are among `fast`, else marked slow; a case of several arguments is a tuple."""
    cases = list(cases)
    unknown = [case for case in fast if case not in cases]
    assert not unknown, f"{unknown} are none of the cases"
    return [case if case in fast else slow(*(case if isinstance(case, tuple) else (case,))) for case in cases]


def slow(*arguments):
    """One case that only `make test-all` runs."""
    return pytest.param(*arguments, marks=pytest.mark.slow)


def guard(*arguments):
    """One case that `make test-guards`, and so the CI, runs too."""
    return pytest.param(*arguments, marks=pytest.mark.guard)
