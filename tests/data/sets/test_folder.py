"""A folder of images: every kind of file, broken ones by name, and a stream that stays what it was."""

from __future__ import annotations

import os

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from supcon_tf.data.sets import image_files
from supcon_tf.data.sets.folder import Folder
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.source import reading
from tests.data import image_folder
from tests.data.streams import train


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """train/every_kind, train/plain with 5 images, test/plain with 2."""
    root = tmp_path_factory.mktemp("kinds")
    image_folder.write_every_kind(root / "train" / "every_kind")
    image_folder.write_plain(root / "train" / "plain", 5)
    image_folder.write_plain(root / "test" / "plain", 2, first=100)
    return root


@pytest.fixture
def broken(tmp_path):
    """20 images of two classes, 5 to evaluate on, and among the first class every kind of broken file."""
    root = tmp_path / "broken"
    for label, name in enumerate(("a", "b")):
        image_folder.write_plain(root / "train" / name, 10, first=10 * label)
    image_folder.write_plain(root / "validation" / "b", 5, first=100)
    image_folder.write_broken(root / "train" / "a")
    return root


def batches(source, count, **changes):
    settings = {"batch_size": 8, "seed": 1, "view_count": 1, "policy": "none", "size": 8, **changes}
    return [(images.numpy(), labels.numpy()) for images, labels in train(source, **settings).take(count)]


def numbers(images):
    return ((images[..., 0].mean(tuple(range(1, images.ndim - 1))) * 0.5 + 0.5) * 255).round().astype(int).tolist()


def test_facts_come_from_the_folder(kinds, tmp_path):
    facts = load_source(f"folder:{kinds}", str(tmp_path)).facts
    assert facts.class_names == ("every_kind", "plain") and facts.classes == 2
    assert facts.image_shape == (None, None, 3)  # The sizes differ.
    assert (facts.train_examples, facts.test_examples, facts.test_split) == (len(image_folder.GOOD) + 1 + 5, 2, "test")


def test_every_kind_of_file_is_read_as_pillow_reads_it(kinds, tmp_path):
    source = Folder(str(kinds), str(tmp_path))
    fetch, names = source.fetch("train"), sorted(path.name for path in (kinds / "train" / "every_kind").iterdir())
    for number, name in enumerate(names):
        image, label = fetch(tf.constant(number, tf.int64))
        expected = np.asarray(PIL.Image.open(kinds / "train" / "every_kind" / name).convert("RGB"), int)
        assert image.dtype == tf.uint8 and image.shape == expected.shape and label == 0, name
        # TensorFlow decodes JPEG by the faster transform. Inverted CMYK would be off by far more.
        assert np.abs(image.numpy() - expected).max() <= (0 if b"PNG" in read(kinds, name)[:8] else 12), name


def read(root, name):
    return (root / "train" / "every_kind" / name).read_bytes()


def test_images_of_every_size_make_batches(kinds, tmp_path):
    source = Folder(str(kinds), str(tmp_path))
    for images, labels in batches(source, 2, policy="crop_flip"):
        assert images.shape == (8, 1, 8, 8, 3) and np.isfinite(images).all() and set(labels) <= {0, 1}


def test_images_of_one_size_have_a_known_shape(broken, tmp_path):
    source = Folder(str(broken), str(tmp_path), broken_images="skip")
    assert source.facts.image_shape == (8, 8, 3) and source.facts.test_split == "validation"
    assert source.fetch("test")(tf.constant(0, tf.int64))[0].shape == [8, 8, 3]


def test_broken_files_are_named_with_the_reason(broken, tmp_path):
    with pytest.raises(ValueError) as error:
        load_source(f"folder:{broken}", str(tmp_path))
    message = str(error.value)
    assert f"has {len(image_folder.BROKEN)} files that cannot be read as an image" in message
    assert all(f"train/a/{name}: " in message for name in image_folder.BROKEN)
    assert "empty.png: the file is empty" in message and "gone.jpg: No such file or directory" in message
    assert "data.broken_images=skip" in message and "{{" not in message


def test_skipped_files_are_named_and_leave_every_other_image_once_an_epoch(broken, tmp_path, capsys):
    source = load_source(f"folder:{broken}", str(tmp_path), broken_images="skip")
    told = capsys.readouterr().out
    assert "skipped 5 files" in told and all(name in told for name in image_folder.BROKEN)
    seen = np.concatenate([numbers(images) for images, _ in batches(source, 5)])
    np.testing.assert_array_equal(np.bincount(seen), 2)  # 40 rows of 20 images.


def test_the_stream_is_repeatable_and_resumes_whatever_the_parallelism(broken, tmp_path):
    source = Folder(str(broken), str(tmp_path), broken_images="skip")
    whole = batches(source, 6, policy="crop_flip", view_count=2)
    again = Folder(str(broken), str(tmp_path / "other"), broken_images="skip")
    later = batches(again, 4, policy="crop_flip", view_count=2, start_step=2, parallel_calls=1)
    assert [images.tobytes() for images, _ in later] == [images.tobytes() for images, _ in whole[2:]]


def test_an_unchanged_folder_is_not_read_again_and_a_changed_file_is(broken, tmp_path, monkeypatch):
    opened, open_file = [], image_files._open
    monkeypatch.setattr(image_files, "_open", lambda path: opened.append(os.path.basename(path)) or open_file(path))
    Folder(str(broken), str(tmp_path), broken_images="skip")
    assert len(opened) == 20 + 5 + 5
    opened.clear()
    Folder(str(broken), str(tmp_path), broken_images="skip")
    assert opened == []
    (broken / "train" / "b" / "012.png").write_bytes(b"no image any more")
    source = Folder(str(broken), str(tmp_path), broken_images="skip")
    assert opened == ["012.png"] and source.count("train") == 19


@pytest.mark.parametrize("content", ["{", "[1]", '{"a": 3}', '{"a": [1]}'])
def test_a_damaged_note_of_the_check_is_made_anew(broken, tmp_path, content):
    Folder(str(broken), str(tmp_path), broken_images="skip")
    (note,) = tmp_path.glob("checked-*.json")
    note.write_text(content)
    assert Folder(str(broken), str(tmp_path), broken_images="skip").count("train") == 20


def test_a_file_that_goes_away_during_a_run_is_named(broken, tmp_path):
    source = Folder(str(broken), str(tmp_path), broken_images="skip")
    (broken / "train" / "b" / "017.png").unlink()
    with pytest.raises(ValueError, match=r"(?s)changed or went away:\n  train/b/017\.png"), reading(source):
        batches(source, 5)


def test_other_failures_stay_what_they_are(broken, tmp_path):
    source = Folder(str(broken), str(tmp_path), broken_images="skip")
    with pytest.raises(tf.errors.InvalidArgumentError, match="of ours"), reading(source):
        raise tf.errors.InvalidArgumentError(None, None, "of ours")


def test_the_fingerprint_tells_folders_apart(broken, tmp_path):
    def fingerprint():
        return Folder(str(broken), str(tmp_path), broken_images="skip").fingerprint()

    first = fingerprint()
    assert fingerprint() == first
    (broken / "train" / "b" / "017.png").rename(broken / "train" / "b" / "117.png")
    assert fingerprint() != first


def test_without_splits_every_fifth_image_of_a_class_is_held_out(tmp_path):
    for label, name in enumerate(("left", "right")):
        image_folder.write_plain(tmp_path / "set" / name, 10, first=10 * label)
    source = load_source(f"folder:{tmp_path / 'set'}", str(tmp_path))
    held_out = [number for images, _ in source.stream("test") for number in numbers(whiten(source.decode(images)))]
    assert held_out == [4, 9, 14, 19] and source.facts.test_split == "every 5th image"
    assert source.labels("test").tolist() == [0, 0, 1, 1] and source.labels("train").tolist() == [0] * 8 + [1] * 8


def whiten(image):
    return (image.numpy()[None] / 255 - 0.5) / 0.5


@pytest.mark.parametrize(
    "folders, message",
    [
        ([], "has no class sub-folders"),
        (["train"], "has no class sub-folders"),
        (["train/full", "train/empty"], r"no image to train on in\n  empty"),
        (["train/full", "test/other"], r"classes in the test that are not in train:\n  other"),
    ],
)
def test_folders_that_are_no_data_set_are_refused(folders, message, tmp_path):
    root = tmp_path / "set"
    root.mkdir()
    for folder in folders:
        image_folder.write_plain(root / folder, 0 if folder in ("train", "train/empty") else 2)
    with pytest.raises(ValueError, match=message):
        load_source(f"folder:{root}", str(tmp_path))


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"There is no folder .*nowhere; `data.name=folder:PATH`"):
        load_source(f"folder:{tmp_path / 'nowhere'}", str(tmp_path))


def test_splits_of_a_folder_are_its_own(kinds, tmp_path):
    with pytest.raises(ValueError, match="leave train_split and test_split empty"):
        load_source(f"folder:{kinds}", str(tmp_path), train_split="train[:50%]")
