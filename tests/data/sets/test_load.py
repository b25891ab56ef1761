"""From a name to a source: the digits are written, parts are taken, a data directory is found whatever it is called."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow_datasets as tfds

from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.prepared import DataNotPrepared
from supcon_tf.data.sets.selection import selected
from supcon_tf.data.sets.source import Facts
from tests.data import image_folder
from tests.test_paths import LATIN


def test_facts_of_the_digits_are_read_and_the_data_written_on_first_use(tmp_path):
    facts = load_source("digits", str(tmp_path)).facts
    assert facts == Facts(
        name="digits",
        classes=10,
        class_names=tuple("0123456789"),
        image_shape=(8, 8, 1),
        train_examples=1258,
        test_examples=539,
        test_split="test",
        mean=(0.3062,),
        std=(0.3764,),
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        facts.classes = 3


def test_a_subset_is_the_first_training_images_and_leaves_the_test_alone(numbered_dir):
    source = selected(load_source("numbered_grey", numbered_dir), examples=7)
    assert (source.facts.train_examples, source.facts.test_examples) == (7, 13)
    np.testing.assert_array_equal(source.arrays("train")[0][:, 0, 0, 0], np.arange(7))
    assert len(source.arrays("test")[1]) == 13
    assert selected(load_source("numbered_grey", numbered_dir), examples=0).facts.train_examples == 40


@pytest.mark.parametrize("examples", [-1, 41])
def test_a_subset_larger_than_the_set_is_refused(numbered_dir, examples):
    with pytest.raises(ValueError, match=rf"has 40 training images; got examples={examples}. Ask for 1 to 40"):
        selected(load_source("numbered_grey", numbered_dir), examples=examples)


def test_nothing_is_downloaded_for_a_set_that_is_missing(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("asked TFDS to prepare data")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", refuse)
    with pytest.raises(DataNotPrepared, match="'cifar10' is not prepared in"):
        load_source("cifar10", str(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a[b]c", "a*b?", "back\\slash", "~", "~nobody", "sp ace", LATIN])
def test_a_data_directory_may_be_called_anything(name, tmp_path):
    for _ in range(2):  # It is written, and found again.
        assert load_source("digits", str(tmp_path / name)).count("train") == 1258
    assert (tmp_path / name / "digits" / "1.0.0").is_dir()


@pytest.mark.parametrize("there", [True, False])
def test_a_leading_tilde_means_one_directory_for_all_that_is_kept(there, tmp_path, monkeypatch):
    home, here = tmp_path / "home", tmp_path / "here"
    for folder in (home, here, here / "~") if there else (home, here):
        folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    image_folder.write_plain(tmp_path / "images" / "a", 5)
    load_source("digits", "~/data")
    load_source(f"folder:{tmp_path / 'images'}", "~/data")
    used, other = (here / "~", home) if there else (home, here)
    assert len(list((used / "data").glob("checked-*.json"))) == len(list((used / "data").glob("digits/1.0.0"))) == 1
    assert not (other / "data").exists() and (there or not (here / "~").exists())


def test_a_folder_without_a_name_is_not_the_current_directory(tmp_path):
    with pytest.raises(ValueError, match="`folder:` names no folder"):
        load_source("folder:", str(tmp_path))


def test_a_data_directory_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file is no directory; name one with --data_dir"):
        load_source("digits", str(tmp_path / "file"))
