"""Dotted names, text to values, and the messages for what is wrong."""

from __future__ import annotations

import dataclasses
import json
from typing import Optional

import pytest

from supcon_tf import settings
from supcon_tf.settings import Checked, setting


@dataclasses.dataclass(frozen=True)
class Inner(Checked):
    rate: float = setting(0.5, "a rate", above=0.0, most=1.0)
    limit: Optional[int] = setting(None, "a limit", least=0)
    widths: tuple[int, ...] = setting((3,), "widths", least=1)
    span: tuple[float, float] = setting((0.0, 1.0), "a span")
    flag: bool = setting(True, "a flag")


@dataclasses.dataclass(frozen=True)
class Outer(Checked):
    name: str = setting("red", "a colour", choices=("red", "green"))
    inner: Inner = Inner()


def named(name):
    return next(s for s in settings.settings(Outer()) if s.name == name)


def test_fields_are_listed_by_dotted_name_in_order():
    assert [s.name for s in settings.settings(Outer())] == [
        "name", "inner.rate", "inner.limit", "inner.widths", "inner.span", "inner.flag",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name, text, value",
    [
        ("name", "green", "green"),
        ("inner.rate", "0.25", 0.25),
        ("inner.rate", "1", 1.0),
        ("inner.limit", "none", None),
        ("inner.limit", "7", 7),
        ("inner.widths", "2048,128", (2048, 128)),
        ("inner.widths", "(5, 6)", (5, 6)),
        ("inner.widths", "", ()),
        ("inner.span", "0.1,0.9", (0.1, 0.9)),
        ("inner.flag", "false", False),
        ("inner.flag", "True", True),
    ],
)
def test_text_becomes_a_value_of_the_fields_type(name, text, value):
    parsed = named(name).parse(text)
    assert parsed == value and type(parsed) is type(value)


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("inner.rate", "fast", "wanted float; got 'fast'"),
        ("inner.rate", "0", "`inner.rate` must be above 0.0; got 0.0"),
        ("inner.rate", "1.5", "must be at most 1.0; got 1.5"),
        ("inner.rate", "nan", "must be a finite number; got nan"),
        ("inner.limit", "-1", "must be at least 0; got -1"),
        ("inner.limit", "1.5", "wanted int; got '1.5'"),
        ("inner.widths", "4,0", "must be at least 1; got 0"),
        ("inner.span", "1", "must be 2 float; got"),
        ("inner.flag", "maybe", "wanted bool; got 'maybe'"),
        ("name", "gren", "must be one of red, green; got 'gren'. Did you mean 'green'"),
        ("name", "blue", "must be one of red, green; got 'blue'"),
    ],
)
def test_a_wrong_text_is_refused_with_what_was_wanted(name, text, message):
    with pytest.raises(ValueError) as error:
        named(name).parse(text)
    assert message in str(error.value)


def test_override_makes_a_checked_copy_and_leaves_the_original():
    changed = settings.override(Outer(), {"inner.rate": 0.125, "name": "green"})
    assert (changed.inner.rate, changed.name, changed.inner.widths) == (0.125, "green", (3,))
    assert Outer().inner.rate == 0.5


def test_override_refuses_unknown_names_with_the_nearest_and_wrong_values():
    with pytest.raises(ValueError, match=r"no field is called `inner.rte`. Did you mean `inner.rate`"):
        settings.override(Outer(), {"inner.rte": 1.0})
    with pytest.raises(ValueError, match=r"`inner.rate` must be above 0.0; got -1.0"):
        settings.override(Outer(), {"inner.rate": -1.0})


@pytest.mark.parametrize("value", ["0.5", None, True, (1.0,)])
def test_a_section_made_in_python_is_checked_by_type(value):
    with pytest.raises(ValueError, match=r"`Inner.rate` must be float; got"):
        Inner(rate=value)


def test_json_round_trip_has_no_differences_and_a_change_is_shown():
    saved = json.loads(settings.to_json(Outer()))
    assert settings.differences(saved, Outer()) == {}
    changed = settings.differences(saved, settings.override(Outer(), {"inner.widths": (1, 2)}))
    assert changed == {"inner.widths": ([3], [1, 2])}
    assert settings.listed(changed) == "inner.widths: [3] -> [1, 2]"
    del saved["inner"]["flag"]
    saved["gone"] = 1
    assert settings.differences(saved, Outer()) == {"gone": (1, "(absent)")}  # the flag has its default
    del saved["gone"]
    changed = settings.override(Outer(), {"inner.flag": not Outer().inner.flag})
    assert settings.differences(saved, changed) == {"inner.flag": (Outer().inner.flag, changed.inner.flag)}


def test_types_are_told_in_words():
    told = {s.name: settings.type_name(s.type) for s in settings.settings(Outer())}
    assert told["inner.limit"] == "int or none"
    assert told["inner.widths"] == "list of int"
    assert told["inner.span"] == "2 float"
