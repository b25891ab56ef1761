"""The tables: every corruption, five severities, and the order of their strengths."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from supcon_tf.augment.corruptions.constants import CONSTANTS, FROST_STEPS
from supcon_tf.augment.corruptions.corruption import FUNCTIONS
from supcon_tf.augment.corruptions.snow import Flakes
from supcon_tf.names import CORRUPTION_SCALES, CORRUPTIONS, SEVERITIES

EVERY = [(scale, name) for scale in CORRUPTION_SCALES for name in CORRUPTIONS]


@pytest.mark.parametrize("scale, name", EVERY)
def test_every_severity_has_the_arguments_of_its_function(scale, name):
    taken = [p for p in inspect.signature(FUNCTIONS[name]).parameters.values() if p.kind == p.POSITIONAL_OR_KEYWORD]
    count = len(Flakes._fields) if name == "snow" else len(taken) - 2
    rows = CONSTANTS[scale][name]
    assert len(rows) == len(SEVERITIES) and {len(row) for row in rows} == {count}


def test_the_tables_have_all_names_and_nothing_else():
    assert [list(CONSTANTS[scale]) for scale in CORRUPTION_SCALES] == [list(CORRUPTIONS)] * 2
    assert tuple(CONSTANTS) == tuple(FROST_STEPS) == CORRUPTION_SCALES and list(FUNCTIONS) == list(CORRUPTIONS)


@pytest.mark.parametrize("scale", CORRUPTION_SCALES)
def test_one_number_says_how_strong(scale):
    """Where a corruption has one constant, it grows, or falls, from severity to severity."""
    rising = {"gaussian_noise", "impulse_noise", "brightness"}
    for name, rows in CONSTANTS[scale].items():
        if len(rows[0]) == 1:
            steps = np.diff([row[0] for row in rows])
            assert (steps > 0).all() if name in rising else (steps < 0).all(), name


# A sum over each table, by hand from the published numbers: a digit that is changed by mistake is seen.
@pytest.mark.parametrize(
    "scale, name, total",
    [("large", "defocus_blur", 33.1), ("small", "defocus_blur", 5.5), ("large", "glass_blur", 27.2),
     ("small", "glass_blur", 13.35), ("large", "motion_blur", 118), ("small", "motion_blur", 44),
     ("large", "frost", 6.95), ("small", "frost", 6.3), ("large", "fog", 20.1), ("small", "fog", 16.2),
     ("large", "shot_noise", 105), ("small", "shot_noise", 975), ("large", "snow", 129.5),
     ("small", "snow", 102.05)],
)  # fmt: skip
def test_sums(scale, name, total):
    assert abs(sum(map(sum, CONSTANTS[scale][name])) - total) < 1e-9
