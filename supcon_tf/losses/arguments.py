"""What the loss can be asked for, and what is wrong with it whatever the batch."""

from __future__ import annotations

import numbers

from supcon_tf import names

# Far beyond any use, and far within what float32 can hold; the accuracy is tested for 1e-3 to 10.
_SMALLEST, _LARGEST = 1e-6, 1e6
CHOICES = {
    "contrast_mode": names.CONTRAST_MODES,
    "summation_location": names.SUMMATION_LOCATIONS,
    "denominator_mode": names.DENOMINATOR_MODES,
    "no_positives": names.NO_POSITIVES,
    "label_mode": names.LABEL_MODES,
}


def check(arguments: dict) -> None:
    """Raises ValueError for an argument of the loss, by name, that is wrong whatever the batch."""
    for name in ("temperature", "base_temperature"):
        _check_temperature(name, arguments[name])
    cap, tile_rows = arguments["positives_cap"], arguments["tile_rows"]
    if cap is not None and not _is_count(cap):
        raise ValueError(f"`positives_cap` must be an integer of at least 0, or None for no cap; got {cap}.")
    if tile_rows is not None and not _is_count(tile_rows):
        raise ValueError(
            "`tile_rows` must be an integer of at least 1, 0 for the whole matrix, or None to have it chosen; got "
            f"{tile_rows}."
        )
    if not isinstance(arguments["normalize"], bool):
        raise ValueError(f"`normalize` must be True or False; got {arguments['normalize']!r}.")
    for name, known in CHOICES.items():
        names.one_of(name, arguments[name], known)


def _check_temperature(name, value):
    if value is None and name == "base_temperature":
        return
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not _SMALLEST <= value <= _LARGEST:
        raise ValueError(
            f"`{name}` must be a Python number from {_SMALLEST:g} to {_LARGEST:g} (the paper's temperature is 0.1); "
            f"got {value!r}."
        )


def _is_count(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= 0
