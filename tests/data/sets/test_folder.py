"""A folder of images: every kind of file, broken ones by name, and a stream that stays what it was."""

from __future__ import annotations

import os

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import tensorflow as tf

from supcon_tf.data.sets import image_check
from supcon_tf.data.sets.folder import Folder
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.selection import selected
from supcon_tf.data.sets.source import reading
from tests.data import image_folder
from tests.data.sets.test_exif import note
from tests.data.streams import train
from tests.test_paths import LATIN


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
        with PIL.Image.open(kinds / "train" / "every_kind" / name) as opened:
            expected = np.asarray(opened.convert("RGB"), int)
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
    opened, open_file = [], image_check._open

    def noting(path, stamp):
        opened.append(os.path.basename(path))
        return open_file(path, stamp)

    monkeypatch.setattr(image_check, "_open", noting)
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
    with (
        pytest.raises(OSError, match=r"(?s)changed or went away:\n  train/b/017\.png\nBring them back"),
        reading(source),
    ):
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


def test_a_flat_folder_is_a_set_of_unlabelled_images(tmp_path, capsys):
    image_folder.write_plain(tmp_path / "set", 20)
    source = load_source(f"folder:{tmp_path / 'set'}", str(tmp_path))
    facts = source.facts
    assert not facts.labelled and facts.class_names == ("unlabelled",) and facts.classes == 1
    assert (facts.train_examples, facts.test_examples) == (16, 4)
    assert set(source.labels("train")) == set(source.labels("test")) == {-1}
    seen = np.concatenate([numbers(images) for images, labels in batches(source, 2) if set(labels) == {-1}])
    assert sorted(seen) == [number for number in range(20) if number % 5 != 4]
    with pytest.raises(ValueError, match=r"have no labels: leave data\.label_noise out"):
        selected(load_source(f"folder:{tmp_path / 'set'}", str(tmp_path)), label_noise=0.1)
    assert selected(load_source(f"folder:{tmp_path / 'set'}", str(tmp_path)), fraction=0.5).count("train") == 8


def test_images_stand_upright_from_files_and_from_the_stream(tmp_path):
    root = tmp_path / "set" / "a"
    root.mkdir(parents=True)
    for number, kind in enumerate(("png", "jpg", "webp", "tif", "png")):
        options = {"tiffinfo": {0x0112: 6}} if kind == "tif" else {"exif": note(6), "lossless": True, "quality": 95}
        image_folder.picture(number, size=(12, 8)).save(root / f"{number}.{kind}", **options)
    source = load_source(f"folder:{tmp_path / 'set'}", str(tmp_path))
    assert source.facts.image_shape == (12, 8, 3)
    fetch, streamed = source.fetch("train"), [source.decode(encoded) for encoded, _ in source.stream("train")]
    for number, name in enumerate(sorted(path.name for path in root.iterdir())[:4]):
        with PIL.Image.open(root / name) as opened:
            expected = np.asarray(PIL.ImageOps.exif_transpose(opened).convert("RGB"), int)
        image, _ = fetch(tf.constant(number, tf.int64))
        assert np.abs(image.numpy() - expected).max() <= (12 if name.endswith("jpg") else 0), name
        np.testing.assert_array_equal(streamed[number], image)


def test_images_of_any_kind_are_trained_on(tmp_path):
    kinds = ("jpg", "jpeg", "jfif", "png", "gif", "bmp", "webp", "tif", "tiff", "JPG")
    for label in range(2):
        (tmp_path / "set" / f"{label}").mkdir(parents=True)
        for number, kind in enumerate(kinds):
            PIL.Image.new("RGB", (8, 8), (10 * label + number,) * 3).save(tmp_path / f"set/{label}/{number:02}.{kind}")
    source = load_source(f"folder:{tmp_path / 'set'}", str(tmp_path))
    assert (source.count("train"), source.count("test")) == (16, 4)
    seen = np.sort(np.concatenate([numbers(images) for images, _ in batches(source, 2)]))
    assert np.abs(seen - [10 * label + n for label in range(2) for n in range(10) if n % 5 != 4]).max() <= 1


def test_names_that_are_no_utf8_are_shown_escaped_and_end_nothing(tmp_path, capsys):
    root = tmp_path / LATIN
    image_folder.write_plain(root / "train" / LATIN, 10)
    image_folder.write_plain(root / "train" / "b", 10, first=100)
    image_folder.write_plain(root / "test" / LATIN, 2)
    (root / "train" / "b" / f"{LATIN}.png").write_text("no image")
    with pytest.raises(ValueError, match=r"train/b/caf\\xe9\.png: neither"):
        load_source(f"folder:{root}", str(root / "data"))
    source = load_source(f"folder:{root}", str(root / "data"), broken_images="skip")
    assert source.facts.class_names == ("b", "caf\\xe9") and source.facts.name.endswith("caf\\xe9")
    assert len(batches(source, 3)) == 3 and source.fingerprint()
    (root / "train" / LATIN / "003.png").unlink()
    with pytest.raises(OSError, match=r"went away:\n  train/caf\\xe9/003\.png") as error, reading(source):
        batches(source, 5)
    for text in (capsys.readouterr().out, str(error.value)):
        text.encode("utf-8")


def test_damage_that_leaves_size_and_age_is_found_when_the_image_is_read(broken, tmp_path):
    source = Folder(str(broken), str(tmp_path), broken_images="skip")
    path = broken / "train" / "b" / "017.png"
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(OSError, match=r"no longer be read:\n  train/b/017\.png: .*\nBring them back"), reading(source):
        batches(source, 5)


@pytest.mark.parametrize("peak, is_said", [(4095, True), (16383, True), (16384, False), (65535, False)])
def test_a_camera_of_fewer_bits_is_said_with_what_to_do(peak, is_said, tmp_path, capsys):
    image_folder.write_plain(tmp_path / "set" / "a", 4)
    for name in ("x", "y"):
        ramp = np.linspace(0, peak, 64).astype(np.uint16).reshape(8, 8)
        PIL.Image.fromarray(ramp).save(tmp_path / "set" / "a" / f"{name}.png")
    load_source(f"folder:{tmp_path / 'set'}", str(tmp_path))
    told = capsys.readouterr().out
    assert ("is used by 2 images of 16 bits a channel" in told) == is_said
    assert ("multiply the values by 16," in told) == (peak == 4095)


def test_what_is_left_out_is_said_and_kept_in_the_facts(kinds, tmp_path, capsys):
    (kinds / "notes.txt").write_text("")
    facts = load_source(f"folder:{kinds}", str(tmp_path)).facts
    assert facts.left_out == "1 file of other kinds (.txt 1)"
    assert f"{kinds}: left out: {facts.left_out}\n" in capsys.readouterr().out
    (kinds / "notes.txt").unlink()


def test_the_home_directory_is_found(kinds, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(kinds.parent))
    assert load_source(f"folder:~/{kinds.name}", str(tmp_path)).facts.classes == 2


def test_splits_of_a_folder_are_its_own(kinds, tmp_path):
    with pytest.raises(ValueError, match="leave train_split and test_split empty"):
        load_source(f"folder:{kinds}", str(tmp_path), train_split="train[:50%]")
