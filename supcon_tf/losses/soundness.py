"""Inputs that mean nothing: an error where one can be raised, and a loss that is not a number where none can.

Values are known eagerly, and sometimes while a graph is made: then a wrong one is a ValueError at once. In a graph an
assertion stops the step. But XLA leaves assertions out of what it compiles, and Keras 3 compiles on a GPU without being
asked (jit_compile="auto"): there the loss of such inputs, and its gradient, are NaN in every entry, which a training
loop, `tf.keras.callbacks.TerminateOnNaN` or a look at the loss will find. In a number that looks right nobody would.
"""

from __future__ import annotations

import tensorflow as tf


def refusal(sentence: str) -> ValueError:
    """A ValueError that says this and no more: AutoGraph would put the traceback of its graph before the sentence."""
    error = ValueError(sentence)
    error.ag_pass_through = True
    return error


def require(condition, sentence: str, *numbers) -> object:
    """Whether inputs are sound: True, or a bool scalar of the graph, for `poisoned`.

    Args:
        condition: bool, or bool scalar tensor.
        sentence: what the error says, with a {} for each of the numbers.
        numbers: integers or int32 scalars.

    Raises:
        ValueError: the condition is known, and is False. In a graph where it is not known,
            tf.errors.InvalidArgumentError when it runs, unless XLA compiles it.
    """
    if isinstance(condition, bool) or tf.executing_eagerly():
        if not bool(condition):
            raise refusal(sentence.format(*(int(number) for number in numbers)))
        return True
    words = sentence.split("{}")
    tf.debugging.Assert(condition, [part for pair in zip(words, numbers) for part in pair] + words[len(numbers) :])
    return condition


def both(one, other) -> object:
    """Whether two things that `require` found are sound."""
    if one is True or other is True:
        return other if one is True else one
    return one & other


def poisoned(values: tf.Tensor, sound) -> tf.Tensor:
    """The values, and their gradient as it is, where `sound`; else NaN, both of them.

    A factor, not a choice: by a choice the gradient of what is not chosen would be 0. It is a root of 1 or of -1, not a
    constant NaN, at which `tf.debugging.enable_check_numerics` would stop.
    """
    if sound is True:
        return values
    one = tf.ones([], values.dtype)
    return values * tf.sqrt(tf.where(sound, one, -one))
