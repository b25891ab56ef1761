"""The check of a folder: nothing is read twice, nothing that a person mends stays broken, and a stop costs little."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from supcon_tf.data.sets import image_check, image_files
from tests.data import image_folder
from tests.test_paths import LATIN


@pytest.fixture
def images(tmp_path):
    """Three images and a text, one of a name that is no UTF-8."""
    root = tmp_path / "images"
    image_folder.write_plain(root, 2)
    image_folder.picture(5, size=(9, 4)).save(root / f"{LATIN}.png")
    (root / "text.png").write_text("no image")
    return root


def check(root, known_in):
    return image_check.check(str(root), sorted(os.listdir(root)), known_in=str(known_in))


def test_every_image_is_known_by_its_size_and_every_fault_by_its_reason(images, tmp_path):
    checked = check(images, tmp_path)
    sides = {name: (image.height, image.width) for name, image in checked.items() if not image.fault}
    assert sides == {"000.png": (8, 8), "001.png": (8, 8), f"{LATIN}.png": (4, 9)}
    assert "knows what it is" in checked["text.png"].fault
    assert list(checked) == sorted(os.listdir(images))


def test_what_is_known_is_kept_and_read_by_the_next_check(images, tmp_path, monkeypatch):
    first = check(images, tmp_path)
    monkeypatch.setattr(image_check, "_open", None)  # nothing may be opened
    assert check(images, tmp_path) == first


def test_a_note_with_a_wrong_digit_is_not_believed(images, tmp_path):
    first = check(images, tmp_path)
    (note,) = tmp_path.glob("checked-*.json")
    content = bytearray(note.read_bytes())
    for place in range(0, len(content), 7):
        content[place] ^= 1
        note.write_bytes(content)
        assert check(images, tmp_path) == first
        content[place] ^= 1


def test_other_software_reads_everything_again(images, tmp_path, monkeypatch):
    check(images, tmp_path)
    opened, open_file = [], image_check._open
    monkeypatch.setattr(image_check, "_open", lambda path, stamp: opened.append(path) or open_file(path, stamp))
    monkeypatch.setattr(image_check, "_software", lambda: "TensorFlow 9")
    check(images, tmp_path)
    assert len(opened) == 4


def test_a_file_that_the_system_would_not_read_is_tried_again(images, tmp_path, monkeypatch):
    real = open

    def forbidding(path, *arguments, **options):
        if str(path).endswith("000.png"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *arguments, **options)

    monkeypatch.setattr("builtins.open", forbidding)
    assert check(images, tmp_path)["000.png"].fault == "Permission denied"
    monkeypatch.undo()
    assert check(images, tmp_path)["000.png"].fault == ""


def test_a_missing_file_that_comes_back_is_read(images, tmp_path):
    names = ["000.png", "late.png"]
    assert (
        image_check.check(str(images), names, known_in=str(tmp_path))["late.png"].fault == "No such file or directory"
    )
    image_folder.picture(1).save(images / "late.png")
    assert image_check.check(str(images), names, known_in=str(tmp_path))["late.png"].fault == ""


def test_a_directory_that_cannot_be_written_is_said_and_stops_nothing(images, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert len(check(images, tmp_path / "file" / "data")) == 4
    assert "the check of the images is not kept: Not a directory" in capsys.readouterr().out


def test_a_full_disk_leaves_no_half_written_note(images, tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert len(check(images, tmp_path)) == 4
    assert "is not kept: No space left on device" in capsys.readouterr().out
    assert not list(tmp_path.glob("checked-*"))


def test_changes_and_damage_are_found_and_other_faults_are_old_news(images, tmp_path):
    checked = check(images, tmp_path)
    root, latin = str(images), f"{LATIN}.png"
    assert image_check.changed(root, checked) == [] and image_check.damaged(root, ["000.png", latin]) == {}
    (images / "text.png").unlink()
    status = (images / latin).stat()
    (images / latin).write_bytes(bytes(status.st_size))
    os.utime(images / latin, ns=(status.st_atime_ns, status.st_mtime_ns))  # as a disk would forget
    assert image_check.changed(root, checked) == []
    assert list(image_check.damaged(root, ["000.png", latin])) == [latin]
    (images / "000.png").unlink()
    assert image_check.changed(root, checked) == ["000.png"]


def test_a_stop_waits_for_no_file_that_is_not_begun_and_keeps_what_is_done(tmp_path, monkeypatch):
    root, count = tmp_path / "many", 4000
    root.mkdir()
    for number in range(count):
        (root / f"{number:05}.png").write_bytes(b"x")
    image = image_files.Image(1, 1, 1, 0)

    def slow(content):
        time.sleep(0.02)
        return image

    monkeypatch.setattr(image_files, "examine", slow)
    stop = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    stop.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        check(root, tmp_path)
    assert time.monotonic() - begun < 1.5 + 5
    opened = []
    monkeypatch.setattr(image_files, "examine", lambda content: opened.append(1) or image)
    assert len(check(root, tmp_path)) == count
    assert 0 < len(opened) < count - 20


def test_a_lack_of_memory_names_the_image(images, tmp_path, monkeypatch):
    def exhausted(content):
        raise MemoryError("OOM when allocating tensor")

    monkeypatch.setattr(image_files, "examine", exhausted)
    with pytest.raises(MemoryError, match=r"not enough memory to read .*000\.png \(OOM when allocating tensor\)"):
        image_check.check(str(images), ["000.png"], known_in=str(tmp_path))
