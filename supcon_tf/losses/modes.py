"""What the loss is, said once for the whole matrix and for tiles: who stands in the denominator, and where the mean.

With s_ia = z_i . z_a / tau, P(i) the positives of anchor i and N(i) its negatives (`pairs.compare`),

    out    L_i = - mean over p in P(i) of score_ip              Eq. 2
    in     L_i = - log( mean over p in P(i) of exp score_ip )   Eq. 3

    score_ip = log( exp s_ip / denominator_ip )

With D_i the sum of exp s_ia over the rivals of i, a score depends only on how far s_ip stands above log D_i:

    denominator_mode   rivals          denominator_ip    score of x = s_ip - log D_i   slope, d score / dx
    all                P(i) and N(i)   D_i               x                             1
    only_negatives     N(i)            D_i               x                             1
    one_positive       N(i)            exp s_ip + D_i    -softplus(-x)                 sigmoid(-x)

So the slope is how a score grows with s_ip, and how it falls with log D_i. Where it is 1 everywhere, log D_i leaves the
mean: L_i is log D_i less the mean of s_ip ("out"), or less the log of the mean of exp s_ip ("in").

An anchor without positives, or without rivals, has nobody to be compared with and costs 0. Where positives have weights
q (label sets), each mean is weighted by them.
"""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional

import tensorflow as tf


class Denominator(NamedTuple):
    """A row of the table above."""

    positives_compete: bool  # whether positives are rivals, too
    linear: bool  # whether the slope is 1 everywhere
    score: Callable[[tf.Tensor], tf.Tensor]  # of x
    slope: Callable[[tf.Tensor], object]  # of x; a tensor, or a number that holds everywhere

    def rivals(self, positives: tf.Tensor, negatives: tf.Tensor) -> tf.Tensor:
        """Which keys stand in the denominator, bool [A, n], from who is a positive and who a negative."""
        return positives | negatives if self.positives_compete else negatives


def _itself(x):
    return x


def _one(_):
    return 1.0


def _less_softplus(x):
    return -tf.math.softplus(-x)  # log( e^s / (e^s + D) ), without a large exponential


def _sigmoid_below(x):
    return tf.math.sigmoid(-x)


DENOMINATORS = {
    "all": Denominator(True, True, _itself, _one),
    "one_positive": Denominator(False, False, _less_softplus, _sigmoid_below),
    "only_negatives": Denominator(False, True, _itself, _one),
}


class Mode(NamedTuple):
    """The loss that is asked for."""

    denominator: Denominator
    inside: bool  # the mean over positives stands in the logarithm: Eq. 3
    kept_images: Optional[int]  # see `pairs.row_ids`
    label_sets: bool  # whether images have sets of labels, and positives weights

    @classmethod
    def of(
        cls,
        summation_location: str = "out",
        denominator_mode: str = "all",
        kept_images: Optional[int] = None,
        label_sets: bool = False,
    ) -> Mode:
        """The mode of these names (`names.SUMMATION_LOCATIONS`, `names.DENOMINATOR_MODES`)."""
        return cls(DENOMINATORS[denominator_mode], summation_location == "in", kept_images, label_sets)

    def loss(self, total: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        """L_i [A] from its positives: their number |P(i)| > 0 or weight, and the sum of their scores, or "in": the
        logarithm of the sum of exp of their scores."""
        return tf.math.log(count) - total if self.inside else -total / count

    @property
    def by_class_sums(self) -> bool:
        """Whether the positives enter as the mean of s_ip over a whole class, which the sum of its rows gives."""
        return not self.inside and self.denominator.linear and self.kept_images is None and not self.label_sets

    @property
    def tells_classes(self) -> bool:
        """Whether an anchor's keys must be told apart by their labels, once for each pair of rows."""
        return not (self.by_class_sums and self.denominator.positives_compete)
