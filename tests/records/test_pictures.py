"""Pictures belong to an entry: those of other weights, of other data, or damaged ones count as absent."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.records import pictures
from supcon_tf.records.directory import RunDirectory

ARRAYS = {"images": np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3), "names": np.array(["<fog>"])}


def entry(weights="a", **data):
    return {"measure": "retrieval", "made": {"weights": weights, "data": {"name": "digits", **data}}}


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path)


def test_what_is_written_is_read(run):
    assert pictures.read(run, entry()) is None
    pictures.write(run, entry(), ARRAYS)
    found = pictures.read(run, entry())
    assert set(found) == set(ARRAYS) and all(np.array_equal(found[name], ARRAYS[name]) for name in ARRAYS)


def test_those_of_another_entry_count_as_absent(run):
    pictures.write(run, entry(), ARRAYS)
    assert pictures.read(run, entry(weights="b")) is None
    assert pictures.read(run, entry(test_split="test[:50%]")) is None
    assert pictures.read(run, {**entry(), "measure": "robustness"}) is None
    pictures.write(run, entry(weights="b"), ARRAYS)  # in their place: the images are of the same data
    assert pictures.read(run, entry()) is None and len(list((run.path / "pictures").iterdir())) == 1


def test_a_damaged_file_counts_as_absent(run):
    pictures.write(run, entry(), ARRAYS)
    path = pictures.path_of(run, entry())
    path.write_bytes(path.read_bytes()[:-40])
    assert pictures.read(run, entry()) is None
