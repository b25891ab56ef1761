"""An export takes its place whole or not at all, and takes nobody else's."""

from __future__ import annotations

import os

import pytest

from supcon_tf.records.exported import check_place, written_whole


def export(path, text):
    with written_whole(path) as new:
        (new / "encoder").mkdir()
        (new / "export.json").write_text(text)


def test_it_is_written_and_replaces_itself(tmp_path):
    place = tmp_path / "deep" / "export"
    for text in ("first", "second"):
        export(place, text)
        assert (place / "export.json").read_text() == text
    assert os.listdir(place.parent) == ["export"]
    assert place.stat().st_mode & 0o777 == 0o777 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_failure_leaves_what_was_there(tmp_path):
    export(tmp_path / "export", "first")
    with pytest.raises(KeyboardInterrupt), written_whole(tmp_path / "export") as new:
        (new / "export.json").write_text("half")
        raise KeyboardInterrupt
    assert (tmp_path / "export" / "export.json").read_text() == "first" and os.listdir(tmp_path) == ["export"]


def test_a_place_that_cannot_be_taken_is_as_it_was(tmp_path, monkeypatch):
    export(tmp_path / "export", "first")
    rename = type(tmp_path).rename

    def refuse(self, target):
        if self.name == "new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(type(tmp_path), "rename", refuse)
    with pytest.raises(OSError, match="No space"):
        export(tmp_path / "export", "second")
    assert (tmp_path / "export" / "export.json").read_text() == "first" and os.listdir(tmp_path) == ["export"]


@pytest.mark.parametrize("names", [["notes.txt"], ["export.json", "mine.txt"], ["README.md"], ["encoder.keras"]])
def test_what_no_export_has_written_is_refused(names, tmp_path):
    for name in names:
        (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match="holds other things than an export"):
        check_place(tmp_path)
    with pytest.raises(ValueError, match="holds other things"):
        export(tmp_path, "new")
    assert sorted(os.listdir(tmp_path)) == sorted(names)


def test_a_file_is_refused_and_a_link_is_followed(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file; name a directory with --to"):
        check_place(tmp_path / "file")
    (tmp_path / "link").symlink_to(tmp_path / "there", target_is_directory=True)
    export(tmp_path / "link", "through")
    assert (tmp_path / "there" / "export.json").read_text() == "through" and (tmp_path / "link").is_symlink()
