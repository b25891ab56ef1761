"""The page of a model file: what was measured, how it was read, escaped; nothing of seeds or training."""

from __future__ import annotations

import re

from supcon_tf.records import measures
from supcon_tf.records.directory import RunDirectory
from supcon_tf.report.model_page import write_model_page


def page_of(tmp_path, entries):
    directory = RunDirectory(tmp_path)
    directory.measures.write_text(measures.as_text(entries))
    write_model_page(directory, "a<b>.keras", ["classes: taken in the order of the data, <cat>"])
    return directory.report.read_text()


def entry(**found):
    made = {"data": {"name": "digits"}, "fingerprint": "f", "checkpoint": None}
    return {"measure": "accuracy", "made": made, "seconds": 1.0, **found}


def test_it_says_what_was_measured_and_how_it_was_read(tmp_path):
    number = {
        "name": "top1", "value": 0.875, "unit": "share", "protocol": "first", "n": 8, "interval": [0.5, 1.0],
        "details": None,
    }  # fmt: skip
    html = page_of(tmp_path, [entry(numbers=[number])])
    body = html[html.index("<body") :]
    assert "87.50 %" in body and "a&lt;b&gt;.keras, on digits" in body and "&lt;cat&gt;" in body
    assert "<b>.keras" not in body and ", seed" not in body and "epoch" not in body
    assert not re.search(r"https?://|url\(|@import", html)  # self-contained


def test_what_was_not_measured_has_its_reason_and_nothing_else(tmp_path):
    body = page_of(tmp_path, [entry(why_not="the images have no labels")])
    assert "accuracy: the images have no labels." in body and "<table" not in body
    assert "Measures of the trained" not in page_of(tmp_path, [])
