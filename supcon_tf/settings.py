"""Settings by dotted name: what a field of the config allows, how text becomes its value, how two configs differ.

The field of a frozen dataclass is made with `setting(...)`; a section derives from `Checked`. Imports nothing of the
library but `names`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from typing import Any

from supcon_tf.names import nearest, one_of


def setting(
    default: Any, help: str, *, choices: tuple[Any, ...] = (), least: Any = None, most: Any = None, above: Any = None
) -> Any:
    """A dataclass field with what a person needs to set it: help, allowed values, inclusive or exclusive bounds."""
    return dataclasses.field(
        default=default, metadata={"help": help, "choices": choices, "least": least, "most": most, "above": above}
    )


class Checked:
    """Base of every section: types, choices and bounds of all fields are checked when it is made."""

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):  # type: ignore[arg-type]  # what derives from this is a dataclass
            if field.metadata:
                check_value(f"{type(self).__name__}.{field.name}", getattr(self, field.name), hints[field.name], field)


@dataclasses.dataclass(frozen=True)
class Setting:
    """One field of an experiment as a person sees it: `loss.temperature`, its type, its value now, its help."""

    name: str
    type: Any
    value: Any
    field: dataclasses.Field[Any]

    @property
    def help(self) -> str:
        return str(self.field.metadata["help"])

    def parse(self, text: str) -> Any:
        """The value that `text` means for this field; ValueError with what was wanted when it means none."""
        value = _parse(text, self.type)
        check_value(self.name, value, self.type, self.field)
        return value


def settings(section: Any, prefix: str = "") -> list[Setting]:
    """Every field of an experiment that can be overridden, in the order of this file."""
    found = []
    hints = typing.get_type_hints(type(section))
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if dataclasses.is_dataclass(value):
            found += settings(value, f"{prefix}{field.name}.")
        elif field.metadata:
            found.append(Setting(prefix + field.name, hints[field.name], value, field))
    return found


def override(section: Any, values: dict[str, Any], prefix: str = "") -> Any:
    """A copy of `section` with the fields that `values` names by dotted path; checked as a whole, once.

    Args:
        section: a config, or a part of one.
        values: by dotted name within the section.
        prefix: of the section itself, so that messages name a field as the command line does.

    Raises:
        ValueError: an unknown name, a wrong value, or values that do not go together.
    """
    known = [setting.name for setting in settings(section)]
    for name in values:
        if name not in known:
            raise ValueError(f"no field is called `{name}`.{nearest(name, known)}")
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(section):
        inner = {name[len(field.name) + 1 :]: v for name, v in values.items() if name.startswith(field.name + ".")}
        if inner:
            changes[field.name] = override(getattr(section, field.name), inner, f"{prefix}{field.name}.")
        elif field.name in values:
            changes[field.name] = values[field.name]
    try:
        return dataclasses.replace(section, **changes)
    except ValueError as error:
        raise ValueError(str(error).replace(f"`{type(section).__name__}.", f"`{prefix}")) from error


def type_name(hint: Any) -> str:
    """`int`, `float or none`, `list of int`: a type in the words of the command line."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        many = "list of" if arguments[-1] is Ellipsis else f"{len(arguments)}"
        return f"{many} {arguments[0].__name__}"
    if type(None) in arguments:
        return f"{arguments[0].__name__} or none"
    return str(hint.__name__)


def _parse(text: str, hint: Any) -> Any:
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        parts = [part for part in text.strip("()[] ").split(",") if part.strip()]
        return tuple(_parse(part, arguments[0]) for part in parts)
    if type(None) in arguments:
        return None if text.strip().lower() in ("none", "") else _parse(text, arguments[0])
    if hint is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.strip().lower() in words:
            return words[text.strip().lower()]
    elif hint is str:
        return text
    else:
        try:
            return hint(text)
        except ValueError:
            pass
    raise ValueError(f"wanted {type_name(hint)}; got '{text}'.")


def check_value(name: str, value: Any, hint: Any, field: dataclasses.Field[Any]) -> None:
    """Raises ValueError, naming the field, when `value` has another type or lies outside what the field allows."""
    if value is None and type(None) in typing.get_args(hint):
        return
    if typing.get_origin(hint) is tuple:
        arguments = typing.get_args(hint)
        if not isinstance(value, tuple) or (arguments[-1] is not Ellipsis and len(value) != len(arguments)):
            raise ValueError(f"`{name}` must be {type_name(hint)}; got {value!r}.")
        for part in value:
            check_value(name, part, arguments[0], field)
        return
    wanted = typing.get_args(hint)[0] if typing.get_args(hint) else hint
    is_number = wanted in (int, float) and isinstance(value, (int, wanted)) and not isinstance(value, bool)
    if not (is_number or isinstance(value, wanted)) or (wanted is int and isinstance(value, bool)):
        raise ValueError(f"`{name}` must be {type_name(hint)}; got {value!r}.")
    _check_range(name, value, field.metadata)


def _check_range(name: str, value: Any, limits: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"`{name}` must be a finite number; got {value}.")
    if limits["choices"]:
        one_of(name, value, limits["choices"])
    if limits["least"] is not None and value < limits["least"]:
        raise ValueError(f"`{name}` must be at least {limits['least']}; got {value}.")
    if limits["above"] is not None and value <= limits["above"]:
        raise ValueError(f"`{name}` must be above {limits['above']}; got {value}.")
    if limits["most"] is not None and value > limits["most"]:
        raise ValueError(f"`{name}` must be at most {limits['most']}; got {value}.")


def to_json(section: Any) -> str:
    """A config as JSON text, the form in which a run directory keeps it."""
    return json.dumps(dataclasses.asdict(section), indent=2) + "\n"


def from_json(kind: type, tree: dict[str, Any], prefix: str = "") -> Any:
    """The config that `to_json` wrote, checked as a whole; what an older version did not write has its default.

    Args:
        kind: the dataclass.
        tree: what `json.loads` makes of the text.
        prefix: of the section itself, for messages.

    Raises:
        ValueError: a field that this version does not know, or a value that it does not allow.
    """
    if not isinstance(tree, dict):
        raise ValueError(f"`{prefix.rstrip('.') or kind.__name__}` must be an object with fields; got {tree!r}.")
    hints = typing.get_type_hints(kind)
    values = {}
    for name, value in tree.items():
        if name not in hints:
            raise ValueError(f"no field is called `{prefix}{name}`; another version of this package wrote it.")
        if dataclasses.is_dataclass(hints[name]):
            values[name] = from_json(hints[name], value, f"{prefix}{name}.")
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings, as JSON has them, by dotted name."""
    rows: dict[str, Any] = {}
    for name, value in tree.items():
        rows.update(flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value})
    return rows


def differences(saved: dict[str, Any], section: Any) -> dict[str, tuple[Any, Any]]:
    """By dotted name (saved, now) of every field in which a saved config is not this one.

    As for `from_json`, what an older version did not write has its default.
    """
    defaults = {setting.name: setting.field.default for setting in settings(section)}
    then = {**json.loads(json.dumps(defaults)), **flat(saved)}
    now = flat(json.loads(to_json(section)))
    names = [*now, *(name for name in then if name not in now)]
    pairs = {name: (then.get(name, "(absent)"), now.get(name, "(absent)")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def listed(changes: dict[str, tuple[Any, Any]]) -> str:
    """A line for each of `differences`: `field: saved -> now`."""
    return "\n  ".join(f"{name}: {then} -> {now}" for name, (then, now) in changes.items())
