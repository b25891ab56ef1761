"""What this package writes is known again, and nothing else is taken for it."""

from __future__ import annotations

import PIL.Image
import PIL.PngImagePlugin
import pytest

from supcon_tf.data.sets import own_files


@pytest.mark.parametrize("name", ["samples.png", "views_contrastive.png"])
def test_a_picture_of_ours_is_known_by_its_text(name, tmp_path):
    note = PIL.PngImagePlugin.PngInfo()
    note.add_text(*own_files.PICTURE_NOTE)
    PIL.Image.new("RGB", (500, 500)).save(tmp_path / name, pnginfo=note)
    assert own_files.is_own_file(str(tmp_path), name)
    PIL.Image.new("RGB", (5, 5)).save(tmp_path / name)
    assert not own_files.is_own_file(str(tmp_path), name)


def test_other_names_are_never_ours_and_notes_of_a_check_always(tmp_path):
    note = PIL.PngImagePlugin.PngInfo()
    note.add_text(*own_files.PICTURE_NOTE)
    PIL.Image.new("RGB", (5, 5)).save(tmp_path / "mine.png", pnginfo=note)
    assert not own_files.is_own_file(str(tmp_path), "mine.png")
    assert not own_files.is_own_file(str(tmp_path), "samples.png")  # not there
    assert own_files.is_own_file(str(tmp_path), "checked-0a1b2c3d.json")
    assert not own_files.is_own_file(str(tmp_path), "checked-list.json")


def test_a_run_is_known_by_two_of_its_files():
    assert own_files.is_run(["config.json", "environment.json", "lock"])
    assert not own_files.is_run(["config.json", "cat.png"])
