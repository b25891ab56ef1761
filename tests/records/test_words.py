"""Numbers in words."""

from __future__ import annotations

import math

from supcon_tf.records import words


def test_a_duration_is_said_in_its_unit():
    said = [words.duration(seconds) for seconds in (0.0, 41.21, 89, 1500, 12345, math.nan)]
    assert said == ["0 s", "41.2 s", "89 s", "25 min", "3.43 h", "-"]
