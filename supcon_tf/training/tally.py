"""What the steps of an epoch add up to, and whether loss and gradients are still numbers.

A tally is carried from step to step inside the graph and from call to call, and goes into checkpoints: an epoch that
was interrupted ends with the same record as one that was not.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

from supcon_tf.keras_generations import variable_path
from supcon_tf.training.state import StageState
from supcon_tf.training.update import SQUARES, Update

_NAMED = 4  # of the variables that are not finite, in a message
_ADVICE = (
    "The checkpoints are from before that. Lower the stage's base_learning_rate or lengthen its warmup_epochs, and use "
    "a new --workdir."
)


class Tally(NamedTuple):
    """Sums over the steps of an epoch. Steps whose loss or gradient is not finite are counted, not summed."""

    sums: dict  # of each metric, float64 []
    steps: tf.Tensor  # int64 [], that were summed
    skipped: tf.Tensor  # int64 [], that were not
    in_a_row: tf.Tensor  # int64 [], that were not summed since the last one that was
    failed_at: tf.Tensor  # int64 [], the step at which `in_a_row` came to be too many; 0: none
    numbers: tf.Tensor  # float32 [n], metrics and squared gradients of that step, as `names` calls them


def begin(update: Update, saved: dict) -> Tally:
    """The tally of an epoch that begins, or that goes on from what `saved_form` gave.

    Beside the metrics of an update it has "input_seconds", the time that steps waited for their batches.
    """
    count, sums = len(names(update)), saved.get("sums", {})
    return Tally(
        {name: tf.constant(sums.get(name, 0.0), tf.float64) for name in (*update.metrics, "input_seconds")},
        tf.constant(saved.get("steps", 0), tf.int64),
        tf.constant(saved.get("skipped", 0), tf.int64),
        tf.constant(saved.get("in_a_row", 0), tf.int64),
        tf.constant(0, tf.int64),
        tf.zeros([count]),
    )


def add(tally: Tally, metrics: dict, step: tf.Tensor, *, checked: tuple, patience: int) -> Tally:
    """The tally after one more step.

    Args:
        tally: of the steps before.
        metrics: what the step gave: float32 scalars of every metric by name, and `update.SQUARES`.
        step: int64 [], its number.
        checked: the metrics that have to be finite.
        patience: so many steps in a row that are not finite are too many.
    """
    numbers = tf.concat([tf.stack([metrics[name] for name in checked]), metrics[SQUARES]], 0)
    finite = tf.reduce_all(tf.math.is_finite(numbers))
    good = tf.cast(finite, tf.int64)
    in_a_row = (1 - good) * (tally.in_a_row + 1)
    failed = tally.failed_at > 0
    return Tally(
        {name: total + tf.where(finite, tf.cast(metrics[name], tf.float64), 0.0) for name, total in tally.sums.items()},
        tally.steps + good,
        tally.skipped + 1 - good,
        in_a_row,
        tf.where(failed | (in_a_row < patience), tally.failed_at, step),
        tf.where(failed, tally.numbers, numbers),
    )


def means(tally: Tally) -> dict:
    """Mean of each metric over the steps that were summed, as Python floats; waits until the last step is done."""
    return {name: float(total) / max(int(tally.steps), 1) for name, total in tally.sums.items()}


def saved_form(tally: Tally) -> dict:
    """A tally as JSON can hold it, to the last bit."""
    return {
        "sums": {name: float(total) for name, total in tally.sums.items()},
        **{name: int(getattr(tally, name)) for name in ("steps", "skipped", "in_a_row")},
    }


def names(update: Update) -> tuple:
    """What the entries of `Tally.numbers` are."""
    return (*update.metrics, *update.gradients)


def check(tally: Tally, update: Update, *, batch_size: int, scales: bool) -> None:
    """Raises FloatingPointError where a step of the tally was one too many that is not finite.

    The message has the step, the examples of its batch by their number in the training stream, and what is not finite.

    Args:
        tally: after any step.
        update: that made it.
        batch_size: images of the global batch.
        scales: whether the optimizer scales the loss, and left these steps out.
    """
    at = int(tally.failed_at)
    if not at:
        return
    numbers = [(name, float(number)) for name, number in zip(names(update), tally.numbers)]
    metrics = [
        f"{name} became {number}" for name, number in numbers[: len(update.metrics)] if not math.isfinite(number)
    ]
    gradients = [name for name, number in numbers[len(update.metrics) :] if not math.isfinite(number)]
    if gradients:
        metrics.append(f"not finite are the gradients of {_some(gradients)}")
    out = f", the last of {int(tally.in_a_row)} in a row that loss scaling left out" if scales else ""
    raise FloatingPointError(
        f"training diverged at step {at}, examples {(at - 1) * batch_size:,} to {at * batch_size - 1:,} of the "
        f"training stream{out}: {', '.join(metrics)}. {_ADVICE}"
    )


def check_weights(state: StageState, step: int) -> None:
    """Raises FloatingPointError, naming step and variables, when weights are not finite."""
    broken = [
        f"{part} {variable_path(variable)}"
        for part, network in state.networks.parts().items()
        for variable in network.weights
        if not bool(tf.reduce_all(tf.math.is_finite(variable)))
    ]
    if broken:
        raise FloatingPointError(
            f"training diverged by step {step}: not finite are the weights {_some(broken)}. {_ADVICE}"
        )


def _some(names: list) -> str:
    """The first of many names, and how many there are beside them."""
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
