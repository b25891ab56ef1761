"""A damaged set is named with its file, whatever the damage is, before anything is trained on the rest of it."""

from __future__ import annotations

import errno
import logging
import os
import shutil

import pytest
import tensorflow as tf

from supcon_tf.data.sets import source as source_module
from supcon_tf.data.sets import tfds_files
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.source import reading
from tests.data.sets.damage import DAMAGE, HARMLESS, SHARD
from tests.test_paths import LATIN


@pytest.fixture
def digits_copy(digits_dir, tmp_path):
    """A copy of the digits to do harm to: the data directory, and the directory of the set."""
    shutil.copytree(digits_dir, tmp_path / "data")
    return tmp_path / "data", tmp_path / "data" / "digits" / "1.0.0"


@pytest.mark.parametrize(
    "one, other, expected",
    [("train", "test", 0), ("train[:50%]", "train[50%:]", 0), ("train[:60%]", "train[50%:]", 126),
     ("train+test", "test[:10]", 10), ("all", "test", 539)],
)  # fmt: skip
def test_images_that_two_selections_share_are_counted(digits_dir, one, other, expected):
    facts = load_source("digits", digits_dir, train_split=one, test_split=other).facts
    assert facts.shared == expected


def read_all(data_dir):
    """What a run does before and while it trains."""
    source = load_source("digits", str(data_dir))
    with reading(source):
        labels = source.labels("train")
        images = [image for image, _ in source.stream("train")]
    return len(labels), len(images)


@pytest.mark.parametrize("limit", [0, 2**32])
@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_an_error_of_the_system_that_names_the_file_and_says_what_to_do(
    what, limit, digits_copy, monkeypatch
):
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", limit)
    (data_dir, folder), (do, message) = digits_copy, DAMAGE[what]
    do(folder)
    with pytest.raises(OSError, match=message) as error:
        read_all(data_dir)
    told = str(error.value)
    assert error.value.errno == errno.EIO and f"the data set in {folder} is damaged:\n" in told
    assert "Remove that directory and prepare the set again" in told and "{{" not in told


@pytest.mark.parametrize("what", HARMLESS)
def test_what_a_set_can_be_read_without_does_no_harm(what, digits_copy):
    data_dir, folder = digits_copy
    HARMLESS[what](folder)
    assert read_all(data_dir) == (1258, 1258)


def test_damage_that_comes_while_an_epoch_is_read_is_named(digits_copy, monkeypatch):
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", 0)
    data_dir, folder = digits_copy
    source = load_source("digits", str(data_dir))
    whole = (folder / SHARD).read_bytes()
    for content, message in [
        (whole[: 16 + int.from_bytes(whole[:8], "little")], "holds 1 of 315"),
        (None, "missing|No such"),
    ]:
        (folder / SHARD).unlink()
        if content:
            (folder / SHARD).write_bytes(content)
        with pytest.raises(OSError, match=rf"{SHARD}: .*({message})"), reading(source):
            list(source.stream("train"))


def test_a_set_that_nobody_damaged_is_opened_and_its_parts_are_found(digits_dir):
    builder = tfds_files.opened(os.path.join(digits_dir, "digits", "1.0.0"))
    assert [info.name for info in tfds_files.stored_splits(builder, "train[:10%]+test")] == ["train", "test"]
    assert [info.name for info in tfds_files.stored_splits(builder, "all")] == ["train", "test"]
    assert tfds_files.faults(builder, "train+test") == {}


def test_a_store_that_is_far_away_is_not_asked_for_its_sizes(digits_copy):
    _, folder = digits_copy
    (folder / SHARD).unlink()
    builder = tfds_files.opened(str(folder))
    tfds_files.require_whole("gs://bucket/digits/1.0.0", builder, "train")
    with pytest.raises(OSError):  # control: one that is near is
        tfds_files.require_whole(str(folder), builder, "train")


def test_a_missing_permission_is_no_damage():
    told = tfds_files.damage_told("/data/digits", {"a": "/data/digits/a; Permission denied"})
    assert "cannot be read:\n  a: " in told and "Let this user read it" in told and "damaged" not in told


def test_what_the_system_refused_is_found_behind_other_errors():
    def raised(*chain):
        try:
            raise chain[0]
        except Exception as error:
            if len(chain) == 1:
                return error
            chain[1].__cause__ = error
            return raised(*chain[1:])

    full = tf.errors.ResourceExhaustedError(None, None, "/data/x; No space left on device")
    assert tfds_files.system_error(raised(full, RuntimeError("while writing"))).errno == errno.ENOSPC
    denied = PermissionError(errno.EACCES, "Permission denied", "/data")
    assert tfds_files.system_error(raised(denied, ValueError("x"))) is denied
    assert tfds_files.system_error(ConnectionError("no route")) is None
    assert tfds_files.system_error(ValueError("unknown name")) is None


def test_a_set_whose_path_is_no_utf8_is_read(digits_dir, tmp_path):
    shutil.copytree(digits_dir, tmp_path / LATIN)
    assert read_all(tmp_path / LATIN) == (1258, 1258)
    (tmp_path / LATIN / "digits" / "1.0.0" / SHARD).unlink()
    with pytest.raises(OSError, match=r"caf\\xe9/digits/1\.0\.0 is damaged:\n  .*it is missing"):
        read_all(tmp_path / LATIN)


def test_what_absl_does_to_the_root_logger_is_taken_back():
    """A handler that the program itself had stays, and one that it adds in the block by itself goes."""
    before = list(logging.root.handlers)
    own = logging.NullHandler()
    logging.root.handlers[:] = [own]
    try:
        with pytest.raises(RuntimeError), tfds_files.own_logging():
            logging.root.addHandler(logging.StreamHandler())
            raise RuntimeError
        assert logging.root.handlers == [own]
    finally:
        logging.root.handlers[:] = before
