"""What TensorFlow raises when memory or data fail, in words that say what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import re

import tensorflow as tf


@contextlib.contextmanager
def explained(where: str, *, smaller: str):
    """Turns errors of TensorFlow within the block into those that Python has for them.

    Args:
        where: what the block does: "the linear stage".
        smaller: what makes it need less memory.

    Raises:
        MemoryError: the device or the host has not enough.
        OSError: a file of the data set is damaged, or could not be read.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        if os.strerror(errno.ENOSPC) in str(error):  # TensorFlow has one name for both
            raise OSError(errno.ENOSPC, f"the disk is full ({first_line(error)})") from error
        raise MemoryError(f"out of memory in {where} ({first_line(error)}). {smaller}") from error
    except (tf.errors.DataLossError, tf.errors.NotFoundError, tf.errors.PermissionDeniedError) as error:
        raise OSError(
            errno.EIO,
            f"a file could not be read in {where} ({first_line(error)}). If it is of the data set, prepare that again",
        ) from error


@contextlib.contextmanager
def writing(what: str, where: str):
    """Turns errors of TensorFlow, Keras and their file formats within the block into an OSError that says what to do.

    Args:
        what: is written: "the exported networks".
        where: the place a person named.

    Raises:
        OSError: with the number that the system has for it, where it has one.
        MemoryError: the device or the host has not enough.

    Example:
        >>> with writing("the features", "runs/x.npz"):
        ...     raise tf.errors.ResourceExhaustedError(None, None, "x.new; No space left on device")
        Traceback (most recent call last):
        OSError: [Errno 28] the features could not be written (No space left on device). ...
    """
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        if isinstance(error, tf.errors.ResourceExhaustedError) and system_number(error) == errno.EIO:
            raise MemoryError(f"there was not enough memory to write {what} ({first_line(error)}).") from error
        said = f"{what} could not be written ({system_reason(error)}). Make room or name another place, and repeat"
        raise OSError(system_number(error), said, where) from error


def system_number(error: Exception) -> int:
    """What the operating system calls an error that TensorFlow or Python has from it."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    known = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.ENOENT)
    return next((number for number in known if os.strerror(number) in str(error)), errno.EIO)


def system_reason(error: Exception) -> str:
    """The same in words: the system's, or what the error says first."""
    number = system_number(error)
    return first_line(error) if number == errno.EIO else os.strerror(number)


def first_line(error: Exception) -> str:
    """What an error of TensorFlow says first, without the names of its graph, at most 300 characters."""
    text = re.sub(r"\{\{.*?\}\}|\[Op:.*?\]( name:)?|Error in user-defined function passed to .*?: ", "", str(error))
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith(("Graph execution error", "Detected at node"))]
    return (told or [type(error).__name__])[0][-300:]
