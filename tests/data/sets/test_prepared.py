"""Finding a data set by name: the newest version, any configuration, and an answer to every wrong name."""

from __future__ import annotations

import os
import pathlib

import pytest
import tensorflow as tf

from supcon_tf.data.sets.prepared import DataNotPrepared, base_name, directory, is_known, prepared


@pytest.fixture
def data_dir(tmp_path):
    for place in ["cifar10/3.0.2", "cifar10/3.0.10", "mine/small/1.0.0", "mine/large/1.2.3", "broken/1.0.0"]:
        (tmp_path / place).mkdir(parents=True)
        if not place.startswith("broken"):
            (tmp_path / place / "dataset_info.json").write_text("{}")
    (tmp_path / "downloads" / "extracted").mkdir(parents=True)
    return str(tmp_path)


def test_everything_is_found_and_the_newest_version_wins(data_dir):
    found = {name: where[len(data_dir) + 1 :] for name, where in prepared(data_dir).items()}
    assert found == {
        "cifar10": "cifar10/3.0.10",
        "cifar10:3.0.2": "cifar10/3.0.2",
        "cifar10:3.0.10": "cifar10/3.0.10",
        "mine/small": "mine/small/1.0.0",
        "mine/small:1.0.0": "mine/small/1.0.0",
        "mine/large": "mine/large/1.2.3",
        "mine/large:1.2.3": "mine/large/1.2.3",
    }
    assert directory("mine/large", data_dir).endswith("mine/large/1.2.3")


def test_a_missing_directory_holds_nothing(tmp_path):
    assert prepared(str(tmp_path / "nowhere")) == {}


def test_a_known_set_that_is_missing_is_answered_with_the_command(data_dir):
    with pytest.raises(DataNotPrepared) as error:
        directory("cifar100", data_dir)
    message = str(error.value)
    assert f"not prepared in {data_dir} (prepared there: cifar10, mine/large, mine/small)" in message
    assert f"tfds.builder('cifar100', data_dir='{data_dir}').download_and_prepare()" in message


def test_another_configuration_that_lies_there_is_named(tmp_path):
    (tmp_path / "voc" / "2007" / "4.0.0").mkdir(parents=True)
    (tmp_path / "voc" / "2007" / "4.0.0" / "dataset_info.json").write_text("{}")
    for asked in ("voc", "voc/2012"):
        with pytest.raises(
            DataNotPrepared, match=rf"'{asked}' is not prepared in .*Did you mean `voc/2007`\?.*prepare"
        ):
            directory(asked, str(tmp_path))


def test_an_empty_directory_says_so(tmp_path):
    with pytest.raises(DataNotPrepared, match=r"prepared there: nothing"):
        directory("cifar10", str(tmp_path))


@pytest.mark.parametrize(
    "wrong, nearest", [("cifra10", "cifar10"), ("mine/smal", "mine/small"), ("imagenet2021", "imagenet2012")]
)
def test_a_wrong_name_is_answered_with_the_nearest(data_dir, wrong, nearest):
    with pytest.raises(ValueError, match=rf"Did you mean `{nearest}`\?"):
        directory(wrong, data_dir)


def test_a_folder_that_is_there_is_meant_as_one(data_dir, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in (str(tmp_path / "photos"), "photos", "./photos"):
        with pytest.raises(DataNotPrepared, match=rf"nor known to TFDS\. Did you mean `folder:{name}`\?"):
            directory(name, data_dir)


def test_the_base_name_drops_configuration_and_version():
    assert [base_name(name) for name in ("a", "a/b", "a:1.0.0", "a/b:1.0.0")] == ["a"] * 4


@pytest.mark.parametrize("name", ["a[b]c", "a*b?", "back\\slash", "~", "caf\udce9"])
def test_sets_are_found_in_a_directory_of_any_name(name, tmp_path):
    (tmp_path / name / "mine" / "1.0.0").mkdir(parents=True)
    (tmp_path / name / "mine" / "1.0.0" / "dataset_info.json").write_text("{}")
    (tmp_path / name / "caf\udce9" / "1.0.0").mkdir(parents=True)
    assert directory("mine", str(tmp_path / name)).endswith("mine/1.0.0")
    with pytest.raises(DataNotPrepared) as error:
        directory("cifar10", str(tmp_path / name))
    str(error.value).encode("utf-8")
    with pytest.raises(DataNotPrepared, match=r"^Data set 'caf\\xe9' is neither prepared"):
        directory("caf\udce9", str(tmp_path / name))


def test_a_set_without_its_description_is_damaged_and_not_missing(data_dir):
    with pytest.raises(DataNotPrepared):
        directory("broken", data_dir)  # an empty directory is nothing
    (pathlib.Path(data_dir) / "broken" / "1.0.0" / "broken-train.tfrecord-00000-of-00001").write_bytes(b"")
    for name in ("broken", "broken:1.0.0"):
        with pytest.raises(OSError, match=r"broken/1\.0\.0 is damaged:\n  dataset_info\.json: it is missing"):
            directory(name, data_dir)
    with pytest.raises(DataNotPrepared):
        directory("broken:2.0.0", data_dir)


def test_a_directory_that_cannot_be_listed_is_an_error_of_the_system_and_one_below_is_none(data_dir, monkeypatch):
    scandir, secret = os.scandir, [f"{data_dir}/mine"]

    def forbidding(path):
        if path in secret:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidding)
    assert set(prepared(data_dir)) == {"cifar10", "cifar10:3.0.2", "cifar10:3.0.10"}
    secret.append(data_dir)
    with pytest.raises(PermissionError, match=r"cannot be listed \(Permission denied\); let this user read it"):
        prepared(data_dir)


def test_a_store_is_asked_by_its_address(monkeypatch):
    asked = []
    monkeypatch.setattr(
        tf.io.gfile, "glob", lambda patterns: asked.extend(patterns) or ["gs://b/mine/1.0.0/dataset_info.json"]
    )
    assert prepared("gs://b") == {"mine": "gs://b/mine/1.0.0", "mine:1.0.0": "gs://b/mine/1.0.0"}
    assert asked == ["gs://b/*/*/dataset_info.json", "gs://b/*/*/*/dataset_info.json"]


def test_what_tfds_can_prepare_is_known():
    assert is_known("cifar10:3.0.2") and not is_known("cifar11")
