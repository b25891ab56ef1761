"""A folder is listed whole: every entry is an image, a folder, of this package, or counted."""

from __future__ import annotations

import os

import pytest

from supcon_tf.data.sets import folder_tree
from tests.data import image_folder
from tests.test_paths import LATIN


def test_images_and_the_rest_are_told_apart(tmp_path):
    (tmp_path / "a").mkdir()
    image_folder.write_broken(tmp_path / "a")
    tree = folder_tree.read(str(tmp_path)).folders["a"]
    assert tree.images == [f"a/{name}" for name in sorted(image_folder.BROKEN)]
    assert tree.others == {".txt": 1, folder_tree._NO_FILES: 1}  # the text, and the pipe
    assert tree.hidden == 1 and list(tree.folders) == ["folder.png"] and not tree.own


def test_every_folder_below_is_descended_into_links_too_and_never_in_a_circle(tmp_path):
    image_folder.write_plain(tmp_path / "set" / "a" / "b" / "c", 2)
    image_folder.write_plain(tmp_path / "elsewhere", 1)
    os.symlink(tmp_path / "elsewhere", tmp_path / "set" / "a" / "linked")
    os.symlink(tmp_path / "set", tmp_path / "set" / "a" / "circle")
    tree = folder_tree.read(str(tmp_path / "set"))
    assert tree.all_images() == ["a/b/c/000.png", "a/b/c/001.png", "a/linked/000.png"]
    assert tree.folders["a"].others == {folder_tree._NO_FILES: 1}


def test_folders_without_end_are_refused(tmp_path):
    deep = tmp_path
    for _ in range(101):
        deep = deep / "d"
    deep.mkdir(parents=True)
    with pytest.raises(ValueError, match="folders within folders, more than 100 deep"):
        folder_tree.read(str(tmp_path))


def test_endings_are_known_in_any_case(tmp_path):
    for name in ("a.JPG", "b.WebP", "c.TIF", "d.jfif", "e.GIF", "f.bmp", "g.heic", "h"):
        (tmp_path / name).write_bytes(b"x")
    tree = folder_tree.read(str(tmp_path))
    assert len(tree.images) == 6 and tree.others == {".heic": 1, "no ending": 1}


def test_what_systems_hide_is_hidden(tmp_path):
    for folder in (".git", "__MACOSX", "@eaDir"):
        image_folder.write_plain(tmp_path / folder, 1)
    tree = folder_tree.read(str(tmp_path))
    assert tree.hidden == 3 and not tree.has_images()


def test_names_that_are_no_utf8_are_names(tmp_path):
    image_folder.write_plain(tmp_path / LATIN, 1)
    assert folder_tree.read(str(tmp_path)).all_images() == [f"{LATIN}/000.png"]


def test_the_ignored_folder_is_passed_over_under_any_name(tmp_path):
    image_folder.write_plain(tmp_path / "set" / "a", 1)
    image_folder.write_plain(tmp_path / "set" / "data", 1)
    os.symlink(tmp_path / "set" / "data", tmp_path / "known")
    assert list(folder_tree.read(str(tmp_path / "set"), ignored=str(tmp_path / "known")).folders) == ["a"]
    assert list(folder_tree.read(str(tmp_path / "set"), ignored=str(tmp_path / "set")).folders) == ["a", "data"]


def test_directories_of_runs_and_checks_leave_no_trace(tmp_path):
    image_folder.write_plain(tmp_path / "a", 1)
    run = ("config.json", "environment.json", "checkpoints/x.index", "data/checked-00c0ffee.json")
    names = [*(f"run/{name}" for name in run), *(f"several/{number}/{name}" for name in run for number in range(2))]
    for name in [*names, "several/report.html", "cache/checked-00c0ffee.json", "cache/digits/1.0.0/dataset_info.json"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    tree = folder_tree.read(str(tmp_path))
    assert list(tree.folders) == ["a"] and not any(below.others for below in tree.all())


def test_a_folder_of_other_files_is_not_ours(tmp_path):
    image_folder.write_plain(tmp_path / "class", 1)
    for name in ("notes/a.txt", "class/checked-00c0ffee.json", "data/a.txt", "other/config.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "empty").mkdir()
    assert list(folder_tree.read(str(tmp_path)).folders) == ["class", "data", "empty", "notes", "other"]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    image_folder.write_plain(tmp_path / "a", 1)
    image_folder.write_plain(tmp_path / "secret", 1)
    scandir = os.scandir

    def forbidding(path):
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidding)
    with pytest.raises(OSError, match=r"cannot be listed \(Permission denied\); let this user read it") as error:
        folder_tree.read(str(tmp_path))
    assert error.value.errno == 13 and error.value.filename == str(tmp_path / "secret")
