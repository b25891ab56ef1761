"""The file of measures: what is written is read, and what is none is refused."""

from __future__ import annotations

import json

import pytest

from supcon_tf.records import measures

NUMBER = {"name": "top1", "value": 0.5, "unit": "share", "protocol": "as it is", "n": 9, "interval": [0.25, 0.75]}
ENTRY = {"measure": "accuracy", "made": {"data": {"name": "digits"}}, "seconds": 1.0, "numbers": [NUMBER]}
WHY = {"measure": "retrieval", "made": {"data": {"name": "digits"}}, "why_not": "no labels"}


def test_what_is_written_is_read(tmp_path):
    (tmp_path / "x").write_text(measures.as_text([ENTRY, WHY]))
    assert measures.read(tmp_path / "x") == [ENTRY, WHY] and measures.read(tmp_path / "y") == []


@pytest.mark.parametrize("entries", [
    {}, [1], [{}], [{**ENTRY, "measure": 1}], [{**ENTRY, "made": []}], [{**ENTRY, "made": {"data": "digits"}}],
    [{**ENTRY, "numbers": 1}], [{**ENTRY, "numbers": [{}]}], [{**ENTRY, "numbers": [{**NUMBER, "value": "x"}]}],
    [{**ENTRY, "numbers": [{**NUMBER, "interval": ["x", 1]}]}],
])  # fmt: skip
def test_what_is_no_list_of_measures_is_refused(entries, tmp_path):
    (tmp_path / "x").write_text(json.dumps({"measures": entries}))
    with pytest.raises(ValueError, match=r"x holds no measures .*; remove it, and evaluate the run again"):
        measures.read(tmp_path / "x")


def test_numbers_are_said_in_their_unit():
    plain = {"value": 2.5, "unit": "", "interval": None}
    assert (measures.value_of(NUMBER), measures.interval_of(NUMBER)) == ("50.00 %", "25.00 to 75.00")
    assert (measures.value_of(plain), measures.interval_of(plain)) == ("2.5000", "")
    assert measures.value_of({**plain, "unit": "points"}) == "2.50 %"
