"""Paths mean one thing everywhere, and every name can be printed."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from supcon_tf import paths

LATIN = os.fsdecode(b"caf\xe9")  # a name that is no UTF-8


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home directory, with the current directory elsewhere."""
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_a_leading_tilde_is_the_home_directory(home):
    assert paths.resolved("~") == str(home / "home")
    assert paths.resolved("~/data") == str(home / "home" / "data")
    assert paths.resolved("a/~/b") == str(home / "here" / "a" / "~" / "b")


def test_a_directory_that_is_called_tilde_is_that_directory(home):
    (home / "here" / "~").mkdir()
    assert paths.resolved("~") == str(home / "here" / "~")
    assert paths.resolved("~/not_there_yet") == str(home / "here" / "~" / "not_there_yet")


def test_resolving_twice_changes_nothing(home):
    for path in ("~", "~/data", "x", "../y", "/z", "gs://bucket/a", LATIN):
        assert paths.resolved(paths.resolved(path)) == paths.resolved(path)


def test_an_address_stays_as_it_is():
    assert paths.resolved("gs://bucket/~/a") == "gs://bucket/~/a"
    assert paths.is_remote("gs://bucket") and not paths.is_remote("/gs://bucket") and not paths.is_remote("gs:/x")


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain", "plain"),
        ("Äpfel 中 👩‍🔬", "Äpfel 中 👩‍🔬"),
        (LATIN, "caf\\xe9"),
        ("two\nlines\ttab\x1b[31m", "two\\nlines\\ttab\\x1b[31m"),
        ("a\u2028b\ud800", "a\\u2028b\\ud800"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_what_is_shown_can_be_printed_on_one_line(text, shown):
    assert paths.shown(text) == shown
    shown.encode("utf-8")
    assert len(shown.splitlines()) == 1


def test_the_first_names_are_told_and_the_rest_counted():
    assert paths.told(["a", LATIN]) == "\n  a\n  caf\\xe9"
    assert paths.told(map(str, range(2000)), most=2) == "\n  0\n  1\n  ... and 1,998 more"


def test_a_path_that_tensorflow_cannot_spell_has_a_link_that_it_can(tmp_path):
    place = tmp_path / LATIN
    place.mkdir()
    (place / "file").write_text("here")
    assert paths.spellable(str(tmp_path)) == str(tmp_path)
    link = paths.spellable(str(place))
    link.encode("utf-8")
    assert (pathlib.Path(link) / "file").read_text() == "here" and paths.spellable(str(place)) == link


def test_a_link_ends_with_its_process_without_a_word_and_nothing_that_it_leads_to(tmp_path):
    place = tmp_path / LATIN
    place.mkdir()
    (place / "file").write_text("here")
    program = "import sys; from supcon_tf import paths; print(paths.spellable(sys.argv[1]))"
    command = [sys.executable, "-W", "error", "-c", program, str(place)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    link = ended.stdout.rstrip("\n")
    assert (ended.returncode, ended.stderr) == (0, "") and link != str(place)
    assert not os.path.lexists(os.path.dirname(link)) and (place / "file").read_text() == "here"
