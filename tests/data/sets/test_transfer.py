"""The table of transfer sets against TFDS itself, and what is said of those that cannot be trained on."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow_datasets as tfds

from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.selection import selected
from supcon_tf.data.sets.transfer import TRANSFER_SETS, tasks
from tests.data.conftest import NumberedGrey


def test_the_table_has_the_twelve_sets_of_the_paper():
    assert len(TRANSFER_SETS) == 12
    measures = [row.measure for row in TRANSFER_SETS.values()]
    assert [measures.count(name) for name in ("top-1", "mean per class", "11-point mAP")] == [7, 4, 1]


@pytest.mark.parametrize("name", TRANSFER_SETS)
def test_tfds_has_the_sets_that_the_table_says_with_their_classes(name, tmp_path):
    row, known = TRANSFER_SETS[name], set(tfds.list_builders(with_community_datasets=False))
    if not row.tfds:
        assert name not in known and "not in TFDS" in row.note
        with pytest.raises(ValueError, match=rf"TFDS has no '{name}'.*data.name=folder:PATH"):
            load_source(name, str(tmp_path))
        return
    features = tfds.builder(row.tfds, data_dir=str(tmp_path), try_gcs=False).info.features
    label = features["labels"].feature if name == "voc2007" else features["label"]
    assert label.num_classes == row.classes and isinstance(features["image"], tfds.features.Image)


class NumberedThrice(NumberedGrey):
    """A set with the splits of DTD."""

    def _split_generators(self, dl_manager):
        generate = self._generate_examples
        return {"train": generate(0, 8), "validation": generate(8, 12), "test": generate(100, 103)}


@pytest.fixture(scope="module")
def dtd_dir(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("dtd")
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    NumberedThrice(data_dir=str(data_dir)).download_and_prepare(download_config=config)
    (data_dir / "numbered_thrice").rename(data_dir / "dtd")
    return str(data_dir)


@pytest.mark.parametrize(
    "splits, train, test",
    [
        ({}, range(12), range(100, 103)),  # As the paper: both splits, for the final model.
        ({"train_split": "train", "test_split": "validation"}, range(8), range(8, 12)),  # To choose its settings.
        ({"train_split": "train[:25%]+validation[2:]", "examples": 3}, [0, 1, 10], range(100, 103)),
    ],
)
@pytest.mark.parametrize("limit", [0, pytest.param(2**32, marks=pytest.mark.slow)])
def test_splits_are_those_of_the_table_or_those_asked_for(dtd_dir, monkeypatch, splits, train, test, limit):
    monkeypatch.setattr("supcon_tf.data.sets.source.MEMORY_LIMIT", limit)
    examples = splits.get("examples", 0)
    splits = {name: split for name, split in splits.items() if name != "examples"}
    source = selected(load_source("dtd", dtd_dir, **splits), examples=examples)
    for split, expected in (("train", train), ("test", test)):
        found = [int(source.decode(image).numpy().max()) for image, _ in source.stream(split)]
        assert found == list(expected) and source.count(split) == len(found)
        np.testing.assert_array_equal(source.labels(split), np.array(found) % 4)


def test_a_split_that_is_not_there_is_refused(dtd_dir):
    with pytest.raises(ValueError, match=r"no split 'valid' to evaluate on; it has .*validation"):
        load_source("dtd", dtd_dir, test_split="valid")
    with pytest.raises(ValueError, match=r"no split 'train2' to learn from"):
        load_source("dtd", dtd_dir, train_split="train2")


@pytest.mark.parametrize(
    "text, name, source, splits",
    [
        ("dtd", "dtd", "dtd", ("train+validation", "test", "train", "validation")),
        ("voc2007", "voc2007", "voc/2007", ("train+validation", "test", "train", "validation")),
        ("voc/2007", "voc2007", "voc/2007", ("train+validation", "test", "train", "validation")),
        ("caltech101:3.0.2", "caltech101", "caltech101:3.0.2", ("train", "test", "", "")),
        ("birdsnap=folder:/a=b", "birdsnap", "folder:/a=b", ("", "", "", "")),
        ("folder:/a=b", "folder:/a=b", "folder:/a=b", ("", "", "", "")),
        ("digits", "digits", "digits", ("", "", "", "")),
        ("dtd=folder:/textures", "dtd", "folder:/textures", ("", "", "", "")),
    ],
)
def test_a_task_is_a_name_and_where_it_is_read(text, name, source, splits):
    (task,) = tasks([text], "mean per class")
    row = task.row
    assert (task.name, task.source, (row.train, row.test, row.fit, row.validation)) == (name, source, splits)
    assert row.measure == TRANSFER_SETS.get(name, row._replace(measure="mean per class")).measure
    if splits[3]:
        assert task.choosing == {"name": source, "train_split": "train", "test_split": "validation"}
    else:
        assert task.choosing == {**task.whole, "held_out": 0.2}


def test_all_are_all_and_official_validation_is_where_the_paper_has_it():
    assert [task.name for task in tasks(["all"])] == list(TRANSFER_SETS)
    assert {name for name, row in TRANSFER_SETS.items() if row.validation} == {"voc2007", "dtd", "oxford_flowers102"}
    assert all(row.train == f"{row.fit}+{row.validation}" for row in TRANSFER_SETS.values() if row.validation)
