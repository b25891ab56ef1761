"""Errors of TensorFlow in words."""

from __future__ import annotations

import errno
import os

import pytest
import tensorflow as tf

from supcon_tf.failures import explained, system_reason, writing


def fail(kind, message):
    with explained("the linear stage", smaller="Lower linear.batch_size."):
        raise kind(None, None, message)


def test_out_of_memory_says_what_to_lower():
    message = (
        "Graph execution error:\n\nDetected at node 'conv'\nOOM when allocating tensor with shape[9,9] on GPU:0\nHint"
    )
    with pytest.raises(MemoryError) as error:
        fail(tf.errors.ResourceExhaustedError, message)
    assert str(error.value) == (
        "out of memory in the linear stage (OOM when allocating tensor with shape[9,9] on GPU:0). "
        "Lower linear.batch_size."
    )


def test_a_full_disk_is_no_lack_of_memory():
    with pytest.raises(OSError, match="the disk is full") as error:
        fail(tf.errors.ResourceExhaustedError, "/run/events; No space left on device")
    assert error.value.errno == errno.ENOSPC


@pytest.mark.parametrize("kind", [tf.errors.DataLossError, tf.errors.NotFoundError, tf.errors.PermissionDeniedError])
def test_a_file_that_cannot_be_read_is_named(kind):
    with pytest.raises(OSError, match=r"could not be read in the linear stage \(truncated record at 7\)"):
        fail(
            kind, "{{function_node __wrapped__Iterator_/device:CPU:0}} truncated record at 7 [Op:IteratorGetNext] name:"
        )


def test_other_errors_stay_what_they_are():
    with pytest.raises(tf.errors.InvalidArgumentError):
        fail(tf.errors.InvalidArgumentError, "a mistake of ours")


@pytest.mark.parametrize("error, number", [
    (OSError(errno.EROFS, "Read-only file system"), errno.EROFS),
    (OSError("Unable to write, errno = 28, error message = 'No space left on device'"), errno.ENOSPC),
    (tf.errors.UnknownError(None, None, "x: something odd"), errno.EIO),
])  # fmt: skip
def test_what_cannot_be_written_has_the_number_of_the_system(error, number):
    with pytest.raises(OSError, match="the features could not be written") as raised, writing("the features", "x.npz"):
        raise error
    assert raised.value.errno == number and raised.value.filename == "x.npz"
    assert system_reason(error) == ("x: something odd" if number == errno.EIO else os.strerror(number))


def test_too_little_memory_is_no_full_disk():
    error = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    with pytest.raises(MemoryError, match="not enough memory to write the export"), writing("the export", "x"):
        raise error
