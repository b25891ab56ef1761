"""Learning rates over one stage: linear warm-up from 0, then one of four decays.

The decay is measured from the end of the warm-up to the end of the stage, as in the paper's TensorFlow code. A step is
one update; step 0 is the first of the stage. Past the end of the stage the last value holds (the authors' code falls
to 0, which no step of a run ever sees).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Optional, Union

import tensorflow as tf

from supcon_tf.names import SCHEDULES, one_of


def scaled_learning_rate(base_learning_rate: float, batch_size: int) -> float:
    """The peak learning rate for a global batch of images: base x batch / 256 (linear scaling, arXiv:1706.02677)."""
    return base_learning_rate * batch_size / 256


def learning_rate_schedule(
    name: str,
    *,
    peak_learning_rate: float,
    total_steps: float,
    warmup_steps: float = 0,
    decay_rate: float = 0.1,
    steps_per_decay: Optional[float] = None,
    boundaries: Sequence[float] = (),
) -> WarmupSchedule:
    """The schedule called `name`, for one stage, after a linear warm-up (Goyal et al., 2017, arXiv:1706.02677).

    Args:
        name: one of `names.SCHEDULES`.
        peak_learning_rate: the rate at the end of the warm-up.
        total_steps: steps of the stage, warm-up included.
        warmup_steps: steps of the linear rise; may be fractional, since epochs need not be whole numbers of steps.
        decay_rate: factor of one fall, of "exponential" and "piecewise".
        steps_per_decay: steps between two falls of "exponential", which needs it.
        boundaries: steps after the end of the warm-up, past which "piecewise" falls.

    Returns:
        A serialisable Keras `LearningRateSchedule`: int step [...] to float32 rate [...].

    Raises:
        ValueError: unknown name, or a number out of its range.

    Example:
        >>> rate = learning_rate_schedule("cosine", peak_learning_rate=0.4, total_steps=100, warmup_steps=20)
        >>> [round(float(rate(step)), 4) for step in (0, 10, 20, 60, 100)]
        [0.0, 0.2, 0.4, 0.2, 0.0]
        >>> optimizer = tf.keras.optimizers.SGD(rate, momentum=0.9)
    """
    stage = {"peak_learning_rate": peak_learning_rate, "total_steps": total_steps, "warmup_steps": warmup_steps}
    if one_of("schedule", name, SCHEDULES) == "constant":
        return WarmupSchedule(**stage)
    if name == "cosine":
        return CosineSchedule(**stage)
    if name == "exponential":
        return ExponentialSchedule(**stage, decay_rate=decay_rate, steps_per_decay=steps_per_decay)
    return PiecewiseSchedule(**stage, decay_rate=decay_rate, boundaries=boundaries)


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class WarmupSchedule(tf.keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise from 0 to the peak, then the peak; subclasses decay it. Arguments: `learning_rate_schedule`."""

    def __init__(self, *, peak_learning_rate: float, total_steps: float, warmup_steps: float = 0):
        if not (peak_learning_rate > 0 and math.isfinite(peak_learning_rate)):
            raise ValueError(f"`peak_learning_rate` must be > 0 and finite; got {peak_learning_rate}.")
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(
                "`warmup_steps` must be >= 0 and fewer than the steps of the stage, which go on after it; got "
                f"warmup_steps={warmup_steps} and total_steps={total_steps}."
            )
        self.peak_learning_rate = float(peak_learning_rate)
        self.total_steps = float(total_steps)
        self.warmup_steps = float(warmup_steps)

    def __call__(self, step: Union[int, tf.Tensor]) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        rise = tf.math.divide_no_nan(step, self.warmup_steps)
        decay = self.decay(tf.clip_by_value(step - self.warmup_steps, 0.0, self.total_steps - self.warmup_steps))
        return self.peak_learning_rate * tf.where(step < self.warmup_steps, rise, decay)

    def decay(self, since_warmup: tf.Tensor) -> tf.Tensor:
        """The factor on the peak, for float32 steps [...] since the end of the warm-up, none past the stage."""
        return tf.ones_like(since_warmup)

    def get_config(self) -> dict[str, Any]:
        return {
            "peak_learning_rate": self.peak_learning_rate,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
        }


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class CosineSchedule(WarmupSchedule):
    """Half a cosine, from the peak to 0 at the end of the stage (Loshchilov & Hutter, 2017, arXiv:1608.03983).

    Args:
        peak_learning_rate, total_steps, warmup_steps: as of `learning_rate_schedule`.

    Raises:
        ValueError: a number out of its range.

    Example:
        >>> rate = CosineSchedule(peak_learning_rate=1.0, total_steps=10)
        >>> [round(float(rate(step)), 4) for step in (0, 5, 10)]
        [1.0, 0.5, 0.0]
    """

    def decay(self, since_warmup: tf.Tensor) -> tf.Tensor:
        return 0.5 * (1.0 + tf.cos(math.pi * since_warmup / (self.total_steps - self.warmup_steps)))


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class ExponentialSchedule(WarmupSchedule):
    """A staircase: falls by `decay_rate` each `steps_per_decay` steps.

    Args:
        decay_rate, steps_per_decay: as of `learning_rate_schedule`.
        **stage: "peak_learning_rate", "total_steps" and "warmup_steps", as there.

    Raises:
        ValueError: a number out of its range.

    Example:
        >>> rate = ExponentialSchedule(peak_learning_rate=1.0, total_steps=10, decay_rate=0.5, steps_per_decay=4)
        >>> [float(rate(step)) for step in (3, 4, 8)]
        [1.0, 0.5, 0.25]
    """

    def __init__(self, *, decay_rate: float, steps_per_decay: Optional[float], **stage: float):
        super().__init__(**stage)
        if steps_per_decay is None or not steps_per_decay > 0:
            raise ValueError(f"the exponential schedule needs `steps_per_decay` > 0; got {steps_per_decay}.")
        self.decay_rate = _checked_rate(decay_rate)
        self.steps_per_decay = float(steps_per_decay)

    def decay(self, since_warmup: tf.Tensor) -> tf.Tensor:
        return self.decay_rate ** tf.floor(since_warmup / self.steps_per_decay)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "decay_rate": self.decay_rate, "steps_per_decay": self.steps_per_decay}


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class PiecewiseSchedule(WarmupSchedule):
    """Falls by `decay_rate` one step after each boundary: at the boundary itself the old rate still holds.

    Args:
        decay_rate, boundaries: as of `learning_rate_schedule`.
        **stage: "peak_learning_rate", "total_steps" and "warmup_steps", as there.

    Raises:
        ValueError: a number out of its range.

    Example:
        >>> rate = PiecewiseSchedule(peak_learning_rate=1.0, total_steps=10, decay_rate=0.5, boundaries=(4, 8))
        >>> [float(rate(step)) for step in (4, 5, 9)]
        [1.0, 0.5, 0.25]
    """

    def __init__(self, *, decay_rate: float, boundaries: Sequence[float], **stage: float):
        super().__init__(**stage)
        if any(boundary < 0 for boundary in boundaries):
            raise ValueError(f"`boundaries` must be steps >= 0 after the warm-up; got {tuple(boundaries)}.")
        self.decay_rate = _checked_rate(decay_rate)
        self.boundaries = tuple(float(boundary) for boundary in boundaries)

    def decay(self, since_warmup: tf.Tensor) -> tf.Tensor:
        passed = since_warmup[..., tf.newaxis] > tf.constant(self.boundaries, tf.float32)  # [..., boundaries]
        return self.decay_rate ** tf.reduce_sum(tf.cast(passed, tf.float32), axis=-1)  # [...]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "decay_rate": self.decay_rate, "boundaries": list(self.boundaries)}


def _checked_rate(decay_rate: float) -> float:
    if not 0 < decay_rate <= 1:
        raise ValueError(f"`decay_rate` must be above 0 and at most 1; got {decay_rate}.")
    return float(decay_rate)
