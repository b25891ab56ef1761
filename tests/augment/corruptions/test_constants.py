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


# Sums over the authors' tables, taken from their code: a digit that is changed by mistake is seen.
SUMS = {
    "large": (1.02, 105, 0.62, 33.1, 27.2, 118, 6.14, 120.45, 6.9, 20.1, 1.5, 1.05, 1320.04, 2.05, 75),
    "small": (0.37, 975, 0.18, 5.5, 13.35, 44, 5.85, 99.75, 6.25, 16.2, 0.8, 2.1, 30.4, 4.1, 293),
}


@pytest.mark.parametrize("scale, name", EVERY)
def test_no_digit_has_changed(scale, name):
    assert abs(sum(map(sum, CONSTANTS[scale][name])) - SUMS[scale][CORRUPTIONS.index(name)]) < 1e-9
