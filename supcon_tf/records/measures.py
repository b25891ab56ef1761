"""`measures.json`, what the trained networks of a run are worth: the one reader and writer of it.

An entry is one measure of one set of images: "measure", "made" (what decides the numbers: weights, data, software),
"seconds", and "numbers" or "why_not". A number has "name", "value", "unit", "protocol", "n", "interval", "details"
(`evaluation.measures.Measure`).
"""

from __future__ import annotations

import json
import pathlib

from supcon_tf.records.files import read_object

ADVICE = "remove it, and evaluate the run again."


def read(path: pathlib.Path) -> list[dict]:
    """The entries of a file, none where there is no file.

    Raises:
        ValueError: it is damaged; the message says what to do.

    Example:
        >>> read(pathlib.Path("runs/nowhere/measures.json"))
        []
    """
    if not path.exists():
        return []
    entries = read_object(path, ADVICE).get("measures")
    if not isinstance(entries, list) or not all(map(_is_entry, entries)):
        raise ValueError(f"{path} holds no measures as launch.evaluate writes them; {ADVICE}")
    return entries


def as_text(entries: list[dict]) -> str:
    """The file's text."""
    return json.dumps({"measures": entries}, indent=2) + "\n"


def value_of(number: dict) -> str:
    """A value with its unit, shares as per cent.

    Example:
        >>> value_of({"value": 0.5, "unit": "share"}), value_of({"value": 2.0, "unit": "nats"})
        ('50.00 %', '2.0000 nats')
    """
    unit = {"share": " %", "points": " %"}.get(number["unit"], f" {number['unit']}".rstrip())
    return f"{shown(number, number['value'])}{unit}"


def interval_of(number: dict, between: str = " to ") -> str:
    """Both ends of its interval; empty where it has none.

    Example:
        >>> interval_of({"unit": "share", "interval": [0.25, 0.5]})
        '25.00 to 50.00'
    """
    return between.join(shown(number, end) for end in number["interval"] or ())


def shown(number: dict, value: float) -> str:
    """A value as those of `number` are written, without its unit.

    Example:
        >>> shown({"unit": "share"}, 0.125)
        '12.50'
    """
    if number["unit"] in ("share", "points"):
        return f"{100 * value if number['unit'] == 'share' else value:.2f}"
    return f"{value:.4f}"


def _is_entry(entry) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("measure"), str):
        return False
    data = entry.get("made", {}).get("data") if isinstance(entry.get("made"), dict) else None
    numbers = entry.get("numbers", [])
    told = isinstance(numbers, list) and all(map(_is_number, numbers))
    return isinstance(data, dict) and isinstance(data.get("name"), str) and told


def _is_number(number) -> bool:
    if not isinstance(number, dict) or not {"name", "value", "unit", "protocol", "n", "interval"} <= set(number):
        return False
    values = [number["value"], *(number["interval"] or ())]
    return all(isinstance(value, (int, float)) for value in values)
