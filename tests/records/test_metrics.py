"""Records of epochs: what is written is read, what is torn is mended, what is broken is named."""

from __future__ import annotations

import json

import pytest

from supcon_tf.records import metrics
from supcon_tf.records.directory import RunDirectory

NINE = {"stage": "contrastive", "epoch": 3, "step": 9}


def line(**changes):
    return json.dumps({**NINE, **changes}) + "\n"


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path)


def test_what_is_written_is_read(directory):
    records = [{**NINE, "loss": 0.1}, {**NINE, "epoch": 4, "loss": float("nan")}]
    assert metrics.read(directory.metrics) == []
    for record in records:
        metrics.append(directory, record)
    assert json.dumps(metrics.read(directory.metrics)) == json.dumps(records)


def test_records_of_other_stages_stay(directory):
    directory.metrics.write_text(line() + line(stage="linear", step=3))
    assert metrics.drop(directory, "linear", after_step=0) == []
    assert directory.metrics.read_text() == line()


def test_records_of_steps_that_come_again_go(directory):
    directory.metrics.write_text(line() + line(step=12))
    assert metrics.drop(directory, "contrastive", after_step=9) == [NINE]
    assert directory.metrics.read_text() == line()


@pytest.mark.parametrize(
    "torn", ['{"stage": "contras', '{"stage": "contrastive", "epoch": 3, "step": 9', "\0\0\0", "\xff"]
)
def test_a_record_that_an_interruption_cut_short_is_dropped(torn, directory):
    directory.metrics.write_bytes(line().encode() + torn.encode("latin-1"))
    assert metrics.read(directory.metrics) == [NINE]
    metrics.drop(directory, "contrastive", after_step=9)
    assert directory.metrics.read_text() == line()


def test_a_whole_record_without_its_newline_is_kept(directory):
    """An editor, or a copy, may have left it out: the record is none the less that of a finished epoch."""
    directory.metrics.write_text(line() + line(epoch=4, step=12).rstrip())
    kept = metrics.drop(directory, "contrastive", after_step=12)
    assert [record["step"] for record in kept] == [9, 12]
    assert directory.metrics.read_text() == line() + line(epoch=4, step=12)


@pytest.mark.parametrize(
    "broken", ["nonsense", "7", "{}", '{"stage": "linear", "epoch": 1, "step": "many"}', "\xff", "", '{"step": 3}']
)
def test_a_broken_record_is_named(broken, directory):
    directory.metrics.write_bytes(broken.encode("latin-1") + b"\n" + line().encode())
    for read in (lambda: metrics.read(directory.metrics), lambda: metrics.drop(directory, "linear", after_step=9)):
        with pytest.raises(ValueError, match=r"line 1 of .*metrics.jsonl is no record of an epoch; mend or remove"):
            read()


def test_seconds_are_those_of_each_stage():
    records = [{**NINE, "seconds": 2.0}, {**NINE, "seconds": 3.0}, {**NINE, "stage": "linear", "seconds": 0.5}]
    assert metrics.seconds(records) == {"contrastive": 5.0, "linear": 0.5}
