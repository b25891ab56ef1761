"""Functions that TensorFlow traces as they are written."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

import tensorflow as tf

_Function = TypeVar("_Function", bound=Callable[..., Any])


def as_written(function: _Function) -> _Function:
    """Keeps AutoGraph, whose changes to `if` and `for` over tensors the code here does not want, out of a function.

    TensorFlow has no types, so its own decorator would hide the signature from an editor and from mypy.

    Example:
        >>> @as_written
        ... def twice(x: int) -> int:
        ...     return 2 * x
        >>> twice(3)
        6
    """
    untouched: _Function = tf.autograph.experimental.do_not_convert(function)
    return untouched
